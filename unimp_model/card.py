"""Write the model card: what a saved UniMP is, for whoever finds its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmark.training.journal import Journal
from unimp_model.config import UniMPConfig

NAME = "README.md"

_HEAD = """\
---
library_name: unimp-bench
tags: [personalization, recommendation, multi-modal]
---
# UniMP ({preset})

A UniMP (Wei et al., ICLR 2024) fitted with unimp-bench on the dataset `{data}`
(training view SHA-256 `{sha256}`). It answers: {tasks}.

## Load

```python
from unimp_model.adapter import UniMP

model = UniMP.from_pretrained("{folder}")
predictions = list(model.predict(instances))
```

It ranks the items of its own catalogue; other datasets need a fit of their own.
"""


def write(
    config: UniMPConfig,
    *,
    data: Mapping[str, str],
    tasks: Sequence[str],
    counts: Mapping[str, int],
    journal: Journal,
    language_sha256: str | None,
) -> str:
    """Return the card as Markdown.

    ``data`` holds the dataset's ``name`` and ``sha256``; ``counts`` the ``trainable`` and ``total``
    weights; scores are those of the epochs that were kept.
    """
    sections = [
        _HEAD.format(
            preset=config.preset,
            data=data["name"],
            sha256=data["sha256"],
            tasks=", ".join(tasks),
            folder="PATH/TO/THIS/FOLDER",
        ),
        _weights(config, counts, language_sha256),
        _scores(journal),
        _settings(config),
    ]
    return "\n".join(sections)


def _weights(config: UniMPConfig, counts: Mapping[str, int], sha256: str | None) -> str:
    lines = [
        "## Weights",
        "",
        f"{counts['trainable']:,} of {counts['total']:,} weights were trained and are in "
        "`model.safetensors`, beside some that replace them for a task.",
    ]
    if config.freezes_language_model:
        name = config.pretrained_name or f"preset {config.preset}"
        lines += [
            f"The frozen language model `{name}` is not in this folder: it is loaded by name and "
            f"checked by its SHA-256 `{sha256}`."
        ]
    if config.lora_rank:
        lines += [
            f"LoRA of rank {config.lora_rank} (alpha {config.lora_alpha:g}) was trained in it and "
            "is in `model.safetensors`; loading takes `pip install 'unimp-bench[lora]'`."
        ]
    return "\n".join([*lines, ""])


def _scores(journal: Journal) -> str:
    """Tabulate the validation scores at each stage's kept epoch."""
    lines = ["## Validation scores", "", "| stage | task and measure | score |", "|---|---|---|"]
    for stage, kept in journal.kept.items():
        epochs = [epoch for epoch in journal.epochs if epoch["stage"] == stage]
        if kept < 0:
            lines.append(f"| {stage} | no gain over the stage before, dropped | |")
            continue
        lines += [
            f"| {stage} | {name.removeprefix('valid ')} | {value:.4f} |"
            for name, value in epochs[kept].items()
            if name.startswith("valid ")
        ]
    return "\n".join([*lines, "", "They chose the epochs and are no test results.", ""])


def _settings(config: UniMPConfig) -> str:
    """Settings that differ from a plain ``UniMPConfig()``, then the whole in the record."""
    plain = UniMPConfig().model_dump(mode="json")
    own = {k: v for k, v in config.model_dump(mode="json").items() if v != plain[k]}
    lines = [f"| {name} | `{value}` |" for name, value in own.items()]
    table = ["| setting | value |", "|---|---|", *lines] if lines else ["All are the defaults."]
    note = "Every setting is in `unimp.json`; these differ from the defaults:"
    return "\n".join(["## Settings", "", note if lines else "", *table, ""])

"""Write a dataset card: what Hugging Face shows of a dataset, and reads to load it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from benchmark.data.dataset import Dataset
from benchmark.data.perturbations import PERTURBATIONS
from benchmark.data.preparing.given_split import ABSENT
from benchmark.data.schema import INSTANCE_COLUMNS, INTERACTION_COLUMNS, ITEM_COLUMNS
from benchmark.tasks import TASKS

#: The one split of a table that is not divided; ``all`` means something else to the library.
WHOLE = "full"
_PARTS = {"valid": "validation", "test": "test"}
_MEANING = {
    "item_id": "the item",
    "user_id": "the user",
    "domain": "department of the shop",
    "title": "as the source has it",
    "category": "path from general to specific",
    "brand": "maker",
    "price": "in the source's own currency",
    "description": "as the source has it",
    "image": "file in `images/`",
    "attributes": "everything else that is known",
    "query": "search query that the item answers to",
    "timestamp": "seconds, or 0, 1, 2, ... where a source has no clock",
    "rating": "on the source's own scale",
    "review": "text of the review",
    "summary": "its heading",
    "explanation": "the sentence of the review that explains the rating",
    "part": "`train`, `valid` or `test`: of each user the last interaction is the test part",
    "cohort": "`seen` in training, or the user is held back: `new-user`, `new-domain`",
    "instance_id": "the instance",
    "history": "latest items before the target, oldest first",
    "history_ratings": "their ratings",
    "history_timestamps": "their times",
    "seen": "the user's whole past, which may not be predicted",
    "item": "the item asked about",
    "candidates": "the items to select from",
    "target_items": "the answer: items",
    "target_rating": "the answer: a rating",
    "target_text": "the answer: a sentence",
}
_GIVEN_PART = (
    "`train`, `valid` or `test`: the test part is as the files gave it, several items a user; of "
    "each user with two training items or more one is the validation part"
)


def card(dataset: Dataset, licence: str | None, *, private: bool) -> str:
    """Return the text of ``README.md``; ``licence`` is an SPDX identifier, ``None`` for none.

    Of a ``private`` copy it says that it is not to be shared.
    """
    return "\n".join([*_head(dataset, licence), *_body(dataset, private=private)]) + "\n"


def configurations(dataset: Dataset) -> dict[str, dict[str, str]]:
    """Return configuration -> split -> file: the tables, and a configuration for each task."""
    tasks = {
        task: {_split(label): f"tasks/{task}/{label}.parquet" for label in labels}
        for task, labels in dataset.info["tasks"].items()
    }
    tables = {name: {WHOLE: f"{name}.parquet"} for name in ("interactions", "items")}
    perturbed = {f"items-{p}": {WHOLE: f"perturbations/{p}.parquet"} for p in PERTURBATIONS}
    return {**tables, **tasks, **perturbed}


def _split(label: str) -> str:
    """``test`` of ``test-seen``, ``test_new_user`` of ``test-new-user``: no hyphen in a split."""
    part, _, cohort = label.partition("-")
    return _PARTS[part] + ("" if cohort == "seen" else f"_{cohort.replace('-', '_')}")


def _head(dataset: Dataset, licence: str | None) -> Iterator[str]:
    """The card's YAML, of which JSON's strings are a part."""
    yield "---"
    yield f"pretty_name: {json.dumps(dataset.name)}"
    if licence is None:
        yield "license: other"
        yield "license_name: terms-of-the-source"
    else:
        yield f"license: {licence.lower()}"
    yield "tags: [recommendation, personalization, multi-modal, unimp-bench]"
    yield "configs:"
    for number, (name, splits) in enumerate(configurations(dataset).items()):
        yield f"- config_name: {json.dumps(name)}"
        if number == 0:
            yield "  default: true"
        yield "  data_files:"
        for split, path in splits.items():
            yield f"  - split: {json.dumps(split)}"
            yield f"    path: {json.dumps(path)}"
    yield "---"


def _body(dataset: Dataset, *, private: bool) -> Iterator[str]:
    info, name = dataset.info, dataset.name
    yield from (f"# {name}", "", f"{info.get('summary', info['source'])}.", "")
    if info.get("simulated"):
        yield from ("The data are simulated: they say nothing about real users.", "")
    if private:
        yield from ("**A private copy, not to be shared.**", "")
    yield from ("## Terms", "", info["terms"], "")
    yield from _contents(dataset)
    yield from _statistics(info["statistics"])
    yield from (
        "## Where it is from",
        "",
        f"Prepared by unimp-bench from the source `{info['source']}`. SHA-256 of the dataset: "
        f"`{dataset.sha256}`; `dataset.json` holds that of every file, of the raw files, and these "
        "parameters:",
        "",
        "```json",
        json.dumps(info["parameters"], indent=1, ensure_ascii=False),
        "```",
        "",
        f"Put into a home as `datasets/{name}`, this folder is the prepared dataset: "
        f"`unimp-bench data verify {name}` hashes every file again.",
        "",
        "## Citation",
        "",
        "Cite the data as their terms ask, and the paper whose tasks these are:",
        "",
        "```bibtex",
        _CITATION,
        "```",
    )


def _contents(dataset: Dataset) -> Iterator[str]:
    yield from ("## Contents", "", "```python", "from datasets import load_dataset", "")
    yield from ('load_dataset("path/to/this/folder", "items")', "```", "")
    yield from ("| configuration | what | splits |", "|---|---|---|")
    whats = {
        "interactions": "all interactions, divided by the columns `part` and `cohort`",
        "items": "the catalogue",
        "items-nt": "which fields the perturbation `nt` drops",
        "items-nv": "whose photo the perturbation `nv` shows",
        **{task: f"instances with targets: {TASKS.get(task).summary}" for task in dataset.tasks},
    }
    counts = dataset.info["tasks"]
    for name, splits in configurations(dataset).items():
        sizes = [f" ({n:,})" for n in counts[name].values()] if name in counts else [""]
        shown = [f"`{split}`{size}" for split, size in zip(splits, sizes, strict=True)]
        yield f"| `{name}` | {whats[name]} | {', '.join(shown)} |"
    yield from (
        "",
        "Train on rows of `interactions` whose `part` is `train` and whose `cohort` is `seen`: "
        "the other rows hold the answers.",
        "",
        "| column | type | meaning |",
        "|---|---|---|",
    )
    given = ABSENT in dataset.info.get("tasks_absent", {}).values()
    meaning = {**_MEANING, **({"part": _GIVEN_PART} if given else {})}
    for column, kind in {**ITEM_COLUMNS, **INTERACTION_COLUMNS, **INSTANCE_COLUMNS}.items():
        yield f"| `{column}` | {str(kind).lower()} | {meaning[column]} |"
    yield ""


def _statistics(statistics: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Statistics", "", "| | |", "|---|---|")
    for key, value in statistics.items():
        if isinstance(value, int | float):
            shown = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
            yield f"| {key.replace('_', ' ')} | {shown} |"
    for cohort, counts in statistics.get("cohorts", {}).items():
        shown = ", ".join(f"{part} {n:,}" for part, n in counts.items())
        yield f"| cohort `{cohort}` | {shown} |"
    yield ""


_CITATION = """@inproceedings{wei2024unimp,
  title = {Towards Unified Multi-Modal Personalization: Large Vision-Language Models for
           Generative Recommendation and Beyond},
  author = {Wei, Tianxin and Jin, Bowen and Li, Ruirui and Zeng, Hansi and Wang, Zhengyang and
            Sun, Jianhui and Yin, Qingyu and Lu, Hanqing and Wang, Suhang and He, Jingrui and
            Tang, Xianfeng},
  booktitle = {International Conference on Learning Representations},
  year = {2024}
}"""

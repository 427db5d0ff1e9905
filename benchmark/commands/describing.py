"""Print what a model or a source is, and every setting it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.commands.printing import cell, print_wrapped
from benchmark.host.console import output_to_stderr, print_json
from benchmark.runs.spec import setting_text

#: Columns of NAME=DEFAULT at most; a longer one has a line of its own.
_WIDEST = 30


def print_model(name: str, *, as_json: bool = False) -> None:
    """Print the model ``NAME``, ``NAME:VARIANT`` or ``FILE.py:CLASS`` with all its settings."""
    from benchmark.models.describing import describe_model

    with output_to_stderr():  # its module is imported
        described = describe_model(name)
    if as_json:
        print_json(described)
        return
    _print_head(described["name"], described["variant"], described["summary"])
    words = {
        "tasks": described["tasks"],
        "group": described["group"],
        "role": described["role"],
        "cost": f"{described['cost']} of 9",
        "in the paper": described["paper_name"],
        "scores": described["formula"],
        "needs": described["needs"],
        "here": described["why_not"] or "yes, it can run",
    }
    _print_facts(words)
    _print_variants(described)
    print()
    _print_settings(described)


def print_settings(name: str, *, as_json: bool = False) -> None:
    """Print the settings of the model ``name``, as ``run --help-settings`` does."""
    from benchmark.models.describing import describe_model

    with output_to_stderr():
        described = describe_model(name)
    if as_json:
        print_json(described["settings"])
    else:
        _print_settings(described)


def print_source(name: str, *, as_json: bool = False) -> None:
    """Print the source ``name`` with all settings of preparation."""
    from benchmark.data.preparing.describing import describe_source

    described = describe_source(name)
    if as_json:
        print_json(described)
        return
    _print_head(name, None, described["summary"])
    _print_facts(
        {
            "--raw": described["raw"] or "none is needed",
            "datasets": described["datasets"] and f"{cell(described['datasets'])} (ready-made)",
        }
    )
    print()
    _print_settings(described)


def _print_head(name: str, variant: str | None, summary: str | None) -> None:
    label = name if variant is None else f"{name}:{variant}"
    print_wrapped(f"{label}: {summary}" if summary else label)


def _print_facts(facts: Mapping[str, Any]) -> None:
    width = max(map(len, facts))
    for key, value in facts.items():
        if value:
            print_wrapped(f"{key.ljust(width)}  {cell(value)}", "  ", more=" " * (width + 4))


def _print_variants(described: Mapping[str, Any]) -> None:
    variants: Sequence[Mapping[str, Any]] = described["variants"]
    if variants:
        print(f"\nVariants (--model {described['name']}:VARIANT)")
    width = max((len(variant["name"]) for variant in variants), default=0)
    for variant in variants:
        said = [f"{key}={setting_text(value)}" for key, value in variant["settings"].items()]
        said += [f"scores: {variant['formula']}"] if variant["formula"] else []
        missing = variant["why_not"] if described["available"] else None
        said += [f"not here, {missing}"] if missing else []
        print_wrapped(
            f"{variant['name'].ljust(width)}  {'; '.join(said)}", "  ", more=" " * (width + 4)
        )


def _print_settings(described: Mapping[str, Any]) -> None:
    settings = described["settings"]
    if settings is None:
        print_wrapped(f"Settings are shown where it can run: {described['why_not']}")
    elif not settings:
        print(f"{described['name']} has no settings.")
    else:
        print("Settings (--set NAME=VALUE), with their defaults")
        heads = {each["name"]: _head(each, described) for each in settings}
        width = min(_WIDEST, max(map(len, heads.values())))
        for setting in settings:
            _print_setting(setting, heads[setting["name"]], width)


def _head(setting: Mapping[str, Any], described: Mapping[str, Any]) -> str:
    default = "(required)" if setting["required"] else setting_text(setting["default"])
    return f"{setting['name']}={default}"


def _print_setting(setting: Mapping[str, Any], head: str, width: int) -> None:
    values = setting["type"]
    if setting["range"]:
        values += f": {setting['range']}" if setting["choices"] else f", {setting['range']}"
    if len(head) > width:
        print_wrapped(head, "  ", more="      ")
        print_wrapped(values, "      ")
    else:
        print_wrapped(f"{head.ljust(width)}  {values}", "  ", more=" " * (width + 4))
    if setting["meaning"]:
        print_wrapped(setting["meaning"], "      ")

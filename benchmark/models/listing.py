"""List the models without importing any of them."""

from __future__ import annotations

from typing import Any

from benchmark.models.registered import entries


def list_models() -> list[dict[str, Any]]:
    """Return one row a model, in order of announcement.

    Keys: ``name, variants, tasks, group, paper_name, adapted, available, why_not,
    variants_why_not``; the last is of variants that cannot run although their model can.
    """
    rows = []
    for entry in entries().values():
        reason = entry.why_not()
        rows.append(
            {
                "name": entry.name,
                "variants": list(entry.variants),
                "tasks": list(entry.tasks),
                "group": entry.group,
                "paper_name": entry.paper_name,
                "adapted": entry.adapted,
                "available": reason is None,
                "why_not": reason,
                "variants_why_not": entry.variants_why_not(),
            }
        )
    return rows

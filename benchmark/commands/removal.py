"""What commands that remove something say in the end."""

from __future__ import annotations

from typing import Any

from benchmark.host.console import complain, print_json


def finish(outcome: dict[str, Any], name: str, *, as_json: bool) -> None:
    """Print what was removed and what was kept; exit status 1 where something had to be kept.

    ``name`` is the key of ``outcome["removed"]`` and ``outcome["kept"]`` that names a part.
    """
    from benchmark.host.removing import for_people

    if as_json:
        print_json(outcome)
    else:
        word = "would be removed" if outcome["dry_run"] else "removed"
        for part in outcome["removed"]:
            print(f"{part[name]}  {word}, {for_people(part['bytes'])}")
        print(f"{len(outcome['removed'])} {word}, {for_people(outcome['bytes'])} in all")
    for part in outcome["kept"]:
        complain(f"{part[name]} is kept: {part['why']}.")
    if outcome["kept"]:
        raise SystemExit(1)

"""What a shell may complete a value to: names of models, tasks, datasets and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def offer_values(command: Any) -> None:
    """Let the options of ``command`` and of all commands below it complete their values."""
    for below in getattr(command, "commands", {}).values():
        offer_values(below)
    for parameter in command.params:
        names = next((_NAMES[o] for o in parameter.opts if o in _NAMES), None)
        if names is not None:
            parameter.shell_complete = _offering(names)


def _offering(names: Callable[[], Iterable[str]]) -> Callable[[Any, str], list[Any]]:
    def offered(context: Any, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in names() if name.startswith(incomplete)]

    return offered


def _models() -> Iterable[str]:
    from benchmark.models.registered import entries

    for name, entry in entries().items():
        yield name
        yield from (f"{name}:{variant}" for variant in entry.variants)


def _tasks() -> Iterable[str]:
    from benchmark.tasks import TASKS

    return TASKS


def _datasets() -> Iterable[str]:
    from benchmark.data.listing import dataset_folders
    from benchmark.host.home import find_home

    return (folder.name for folder in dataset_folders(find_home(None)))


def _tables() -> Iterable[str]:
    from benchmark.report.table.listing import list_tables

    return (table["name"] for table in list_tables())


_NAMES: dict[str, Callable[[], Iterable[str]]] = {
    "--model": _models,
    "--task": _tasks,
    "--data": _datasets,
    "--table": _tables,
    "--cohort": lambda: ("seen", "new-user", "new-domain"),
}

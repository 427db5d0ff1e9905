"""Refuse a dataset, or a file of it, that is no longer what its hash says."""

from __future__ import annotations

from benchmark.data.dataset import Dataset, identity_sha256
from benchmark.data.listing import INFO, prepare_command
from benchmark.errors import BenchError
from benchmark.host.files import sha256_file
from benchmark.host.home import Home
from benchmark.host.stamps import changed_files


def require_unchanged(dataset: Dataset, *, photos: bool = True) -> None:
    """Raise :class:`BenchError` when a file of ``dataset`` is not as it was prepared.

    Everything that dataset.json lists is checked: interactions, items, perturbations,
    attachments, instances and, unless told otherwise, photos. Files are read only where their size
    or time differ from the last check; those stamps are kept in the home folder, outside the
    dataset.
    """
    if identity_sha256(dataset.info) != dataset.sha256:
        changed = [INFO]
    else:
        folder = dataset.folder.absolute()
        stamps = Home(folder.parent.parent).stamps / f"{folder.name}.json"
        files: dict[str, str] = dataset.info["files"]
        if not photos:
            files = {name: of for name, of in files.items() if not name.startswith("images/")}
        changed = changed_files(folder, files, stamps=stamps)
    _refuse(dataset, changed)


def require_unchanged_file(dataset: Dataset, name: str) -> None:
    """Raise :class:`BenchError` when the file ``name`` of ``dataset`` is not as it was prepared.

    It is read, whatever its stamp says: its hash goes into what a run is called. A file that is
    gone is told by whoever opens it.
    """
    if identity_sha256(dataset.info) != dataset.sha256:
        _refuse(dataset, [INFO])
    path = dataset.folder / name
    if path.is_file() and sha256_file(path) != dataset.info["files"][name]:
        _refuse(dataset, [name])


def _refuse(dataset: Dataset, changed: list[str]) -> None:
    if changed:
        more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
        raise BenchError(
            f"{changed[0]}{more} of dataset {dataset.name!r} is not as it was prepared.",
            fix=f"Prepare it again: {prepare_command(dataset.name, dataset.info)} --force",
        )

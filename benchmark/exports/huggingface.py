"""Hugging Face: the prepared dataset, file by file as it is, with a dataset card.

The card's configurations name the Parquet files, so that ``datasets.load_dataset`` reads the folder
as it is. Put into a home, the folder is the prepared dataset again: same files, same hash.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from benchmark.data.dataset import Dataset
from benchmark.data.listing import INFO
from benchmark.data.sources import SOURCES
from benchmark.data.verify import CARD
from benchmark.errors import BenchError
from benchmark.exports.card import card
from benchmark.exports.text import new_text
from benchmark.host.progress import track


def write(
    folder: Path, dataset: Dataset, *, private: bool = False, terms_allow: bool = False
) -> dict[str, Any]:
    """Write the dataset to ``folder``; returns ``{"private"}``, as its card says.

    Raises :class:`BenchError` where no licence lets anyone share the data, unless they are for
    ``private`` use or their owner's ``terms_allow`` it.
    """
    licence = licence_of(dataset)
    if licence is None and not (private or terms_allow):
        raise BenchError(
            f"Nothing says that dataset {dataset.name!r} may be shared: {dataset.info['terms']}",
            fix="Give --private for a copy that stays with you; with the owner's leave to share "
            "it, --terms-allow.",
        )
    for name in track([INFO, *sorted(dataset.info["files"])], "copying"):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(dataset.folder / name, target)
    with new_text(folder / CARD) as stream:
        stream.write(card(dataset, licence, private=private))
    return {"private": private}


def licence_of(dataset: Dataset) -> str | None:
    """Return the licence under which anyone may share the dataset, or ``None``."""
    source = dataset.info["source"]
    return SOURCES.get(source).licence if source in SOURCES else None

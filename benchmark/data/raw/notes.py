"""Gather what is said of raw files: what was left out of each stays told of that file."""

from __future__ import annotations

import itertools
from collections.abc import Mapping


def add_notes(notes: dict[str, object], more: Mapping[str, object], name: str, longer: str) -> None:
    """Add to ``notes`` what ``more`` says of the file ``name``.

    Where another file of that name has said the same, the file is called ``longer``, and numbered
    where that is taken, too. No name is of a folder outside the raw files: folders move.
    """
    for what, value in more.items():
        longest = what.replace(name, longer)
        numbered = (f"{longest} ({number})" for number in itertools.count(2))
        free = next(key for key in itertools.chain((what, longest), numbered) if key not in notes)
        notes[free] = value

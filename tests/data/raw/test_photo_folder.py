"""Photos named after items: which is whose."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.data.raw.photo_folder import photos_of_items
from benchmark.errors import BenchError


def test_a_photo_of_one_item_is_no_lost_photo_of_another(tmp_path: Path) -> None:
    (tmp_path / "7.png").touch()
    (tmp_path / "08.png").touch()
    notes: dict[str, object] = {}
    found = photos_of_items(tmp_path, ["7", "007"], on_error="raise", notes=notes)
    assert found == [("7", tmp_path / "7.png"), ("007", tmp_path / "007.jpg")]
    assert not notes
    for items in (["007"], ["7", "8"]):
        with pytest.raises(BenchError, match="they differ by leading zeros only"):
            photos_of_items(tmp_path, items, on_error="raise", notes={})

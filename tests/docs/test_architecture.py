"""The picture of the architecture is what the imports are now."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "architecture.svg"
_DRAW = """
import sys
sys.path.insert(0, "docs")
import draw_architecture
sys.stdout.reconfigure(encoding="utf-8")
print(draw_architecture.draw(), end="")
"""


def test_the_picture_is_of_the_code_as_it_is() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _DRAW],
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    stored = PICTURE.read_text(encoding="utf-8")
    assert done.stdout == stored, "python docs/draw_architecture.py draws it anew"


def test_the_picture_is_small_and_its_words_stand_apart() -> None:
    assert PICTURE.stat().st_size < 60_000
    svg = "{http://www.w3.org/2000/svg}"
    boxes = [
        [float(box.attrib[key]) for key in ("x", "y", "width", "height")]
        for box in ElementTree.parse(PICTURE).iter(f"{svg}rect")
        if box.attrib.get("class") in ("folder", "file")
    ]
    assert len(boxes) > 30
    for i, (x, y, width, height) in enumerate(boxes):
        for left, top, wide, tall in boxes[:i]:
            apart = x + width <= left or left + wide <= x or y + height <= top or top + tall <= y
            assert apart


def test_the_page_names_files_that_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:benchmark|baselines|unimp_model|leaderboards)/[\w/.-]+)`", page))
    assert len(named) > 20
    assert not [name for name in sorted(named) if not (ROOT / name).exists()]

"""Write tables as lines of text."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import polars as pl


def new_text(path: Path) -> IO[str]:
    """Open a text file to be written, the same bytes on every system."""
    return open(path, "w", encoding="utf-8", newline="\n")


def write_lines(stream: IO[str], frame: pl.DataFrame, *, separator: str) -> None:
    """Write a line a row, nothing quoted: no cell may hold ``separator`` or a line's end."""
    stream.write(frame.write_csv(include_header=False, separator=separator, quote_style="never"))

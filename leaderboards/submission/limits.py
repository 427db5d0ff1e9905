"""Size limits of a submission and its parts. Everything is refused before it is read whole."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.tasks.explanation import MAX_CHARACTERS
from benchmark.vision.png import most_bytes

MIB = 1 << 20

#: Runs in one submission.
RUNS = 64
#: Bytes of submission.json, fields of one object in it, and how deep its brackets may nest.
MANIFEST_BYTES = MIB
MANIFEST_FIELDS = 64
MANIFEST_DEPTH = 12
#: Bytes of one predictions file, of all files together, and of a zip archive.
PREDICTIONS_BYTES = 128 * MIB
TOTAL_BYTES = 512 * MIB
#: Members of an archive or entries of a folder, directories included.
ENTRIES = 2 * RUNS
#: Bytes of an archive's central directory: 46 and the name for each member.
DIRECTORY_BYTES = ENTRIES * 400

#: Bytes of one string and values of one list in a Parquet file's headers.
THRIFT_BYTES = 4 * MIB
THRIFT_VALUES = 400_000
#: Predictions whose dataset is not here, in all files together.
ROWS = 2_000_000
#: Bytes of its rows when decoded, whatever the dataset asks.
DECODED_BYTES = 512 * MIB

#: Items of one answer, and characters of an id.
ANSWER_ITEMS = 1_000
ID_CHARACTERS = 512
#: Pixels along the side of a picture whose size the dataset does not tell.
IMAGE_SIDE = 1_024

#: Findings of one code that are told in full, and problems and warnings of all codes; the rest are
#: counted.
SAME_CODE = 5
FINDINGS = 200


@dataclass(frozen=True, slots=True)
class Budget:
    """Bounds what the predictions of one run may hold, by what its dataset asks.

    ``known`` says whether that is here.
    """

    known: bool = False
    rows: int = ROWS
    items: int = ANSWER_ITEMS
    """Of one answer."""
    characters: int = MAX_CHARACTERS
    """Of one text."""
    side: int | None = None
    """Pixels along the side of a picture; ``None`` where the dataset is not here."""
    decoded_bytes: int = DECODED_BYTES

    @property
    def picture_bytes(self) -> int:
        """Return the bytes of the largest PNG of ``side`` pixels, uncompressed."""
        return most_bytes(IMAGE_SIDE if self.side is None else self.side)


#: The cage of a reader: address space beyond what an idle one has, bytes of what it writes,
#: open files, and seconds of processor and clock, to which every instance adds.
CAGE_BYTES = 1024 * MIB
CAGE_OUT_BYTES = 1024 * MIB
CAGE_FILES = 64
CAGE_SECONDS = 10.0
CAGE_SECONDS_A_ROW = 0.005
CAGE_CLOCK = 6.0
"""Seconds of clock for one of processor: machines are shared."""

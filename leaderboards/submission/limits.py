"""Size limits of a submission and its parts. Everything is refused before it is read whole."""

from __future__ import annotations

MIB = 1 << 20

#: Runs in one submission.
RUNS = 64
#: Bytes of submission.json, and how deep its brackets may nest.
MANIFEST_BYTES = MIB
MANIFEST_DEPTH = 12
#: Bytes of one predictions file, of all files together, and of a zip archive.
PREDICTIONS_BYTES = 128 * MIB
TOTAL_BYTES = 512 * MIB
#: Members of an archive or entries of a folder, directories included.
ENTRIES = 2 * RUNS
#: Bytes of an archive's central directory: 46 and the name for each member.
DIRECTORY_BYTES = ENTRIES * 400

#: Bytes of a Parquet footer, and values in it.
FOOTER_BYTES = 4 * MIB
FOOTER_VALUES = 400_000
#: Predictions in one file, uncompressed bytes of its pages, values in one column, pages.
ROWS = 2_000_000
PAGE_BYTES = 512 * MIB
COLUMN_VALUES = 64_000_000
PAGES = 20_000

#: Items of one answer, and characters of an id.
ANSWER_ITEMS = 1_000
ID_CHARACTERS = 512
#: Pixels along the side of a picture whose size the dataset does not tell.
IMAGE_SIDE = 1_024

#: Findings of one code that are told in full; the rest are counted.
SAME_CODE = 5

"""`data prepare netflix` at the size of the prize: seconds, processor seconds, memory, bytes.

    python speed/large_netflix.py --ratings 100480507

Ratings, customers and movies are made up in the layout of four ``combined_data_*.txt`` and about in
their numbers: 480,189 customers, few of whom rate often, and 17,770 movies, few of which are rated
by many; fewer ratings have as many fewer customers. There are no posters.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from commands import print_prepared

#: Of the prize's training set (https://www.kaggle.com/datasets/netflix-inc/netflix-prize-data).
RATINGS, CUSTOMERS, MOVIES, FILES = 100_480_507, 480_189, 17_770, 4
#: Days of 1999-11-11 to 2005-12-31.
_FIRST_DAY, _DAYS = 10_906, 2_242
#: So many customers rate a movie twice among those drawn, and once in the end.
_DRAWN_FOR_ONE = 1.23


def write_raw(folder: Path, ratings: int) -> int:
    """Write the files of about ``ratings`` ratings, grouped by movie; return how many there are."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    customers = max(1_000, int(CUSTOMERS * ratings / RATINGS))
    shares = 1.0 / (np.arange(MOVIES) + 150.0)
    wanted = rng.permutation(shares / shares.sum() * ratings * _DRAWN_FOR_ONE).astype(np.int64)
    made = 0
    for number in range(FILES):
        with open(folder / f"combined_data_{number + 1}.txt", "wb") as stream:
            for movie in range(number * MOVIES // FILES, (number + 1) * MOVIES // FILES):
                drawn = (customers * rng.random(wanted[movie] + 1) ** 1.5).astype(np.int64)
                who = rng.permutation(np.unique(drawn))
                made += len(who)
                stream.write(f"{movie + 1}:\n".encode())
                _ratings(who, rng).write_csv(stream, include_header=False)
    titles = "".join(f"{movie + 1},{1950 + movie % 55},Movie {movie}\n" for movie in range(MOVIES))
    (folder / "movie_titles.csv").write_text(titles)
    return made


def _ratings(who: np.ndarray, rng: np.random.Generator) -> pl.DataFrame:
    day = rng.integers(_FIRST_DAY, _FIRST_DAY + _DAYS, len(who)).astype(np.int32)
    stars = rng.integers(1, 6, len(who)).astype(np.uint8)
    return pl.DataFrame({"who": who * 5 + 7, "stars": stars, "day": pl.Series(day).cast(pl.Date)})


def main() -> None:
    """Make the files, prepare them in a process of its own and print what it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ratings", type=int, default=RATINGS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = write_raw(Path(folder) / "raw", options.ratings)
        print_prepared("netflix", Path(folder) / "raw", f"{made:,} ratings", made)


if __name__ == "__main__":
    main()

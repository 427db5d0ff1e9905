"""RecBole: atomic files of the cohort ``seen``, split as our instances are.

General models read ``NAME.{train,valid,test}.inter``, a line an interaction. Sequential models
read ``NAME.seq.{train,valid,test}.inter``, a line an item with what the user had before it: RecBole
makes no histories of files that are split already. The training files hold training rows alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmark.data.dataset import Dataset
from benchmark.data.frames import read_parquet
from benchmark.data.instances.ragged import Ragged
from benchmark.data.schema import PARTS
from benchmark.errors import UsageError
from benchmark.exports.ids import written, written_lists
from benchmark.exports.text import new_text, write_lines
from benchmark.tasks.base import CUTOFFS

_TASK = "recommendation"
#: Interactions held at once, and the last user's.
ROWS_TOGETHER = 1 << 17
_COLUMNS = ["user_id", "item_id", "timestamp", "rating", "part", "cohort"]
#: First line of a file -> where its cells come from.
_GENERAL = {
    "user_id:token": "user_id",
    "item_id:token": "item_id",
    "rating:float": "rating",
    "timestamp:float": "timestamp",
}
_SEQUENTIAL = {
    "user_id:token": "user_id",
    "item_id_list:token_seq": "past",
    "item_id:token": "item_id",
}


def write(folder: Path, dataset: Dataset) -> dict[str, Any]:
    """Write the atomic files to ``folder/NAME``, and two files of settings beside it.

    Returns ``{"users", "items", "interactions": {part: number}}``. Raises :class:`UsageError` for
    a dataset without recommendation.
    """
    if _TASK not in dataset.tasks:
        raise UsageError(
            f"Dataset {dataset.name!r} does not support {_TASK}, which RecBole evaluates.",
            fix=f"unimp-bench data stats {dataset.name} gives the reason.",
        )
    place = folder / dataset.name
    place.mkdir()
    items = _write_items(place / f"{dataset.name}.item", dataset)
    users, counts = _write_interactions(place / dataset.name, dataset)
    for kind in ("general", "sequential"):
        with new_text(folder / f"{kind}.yaml") as stream:
            stream.writelines(
                f"{key}: {json.dumps(value, ensure_ascii=False)}\n"
                for key, value in _settings(dataset, kind).items()
            )
    return {"users": users, "items": items, "interactions": counts}


def _settings(dataset: Dataset, kind: str) -> Mapping[str, Any]:
    """What RecBole needs to know of the files, and to measure as we do."""
    sequential = kind == "sequential"
    return {
        "dataset": dataset.name,
        "benchmark_filename": [f"seq.{part}" if sequential else part for part in PARTS],
        "load_col": {
            "inter": ["user_id", *(["item_id_list"] if sequential else []), "item_id"],
            "item": ["item_id"],  # so that items nobody took are ranked, too
        },
        "USER_ID_FIELD": "user_id",
        "ITEM_ID_FIELD": "item_id",
        **(
            {
                "alias_of_item_id": ["item_id_list"],
                "MAX_ITEM_LIST_LENGTH": dataset.rules.history_window,
            }
            if sequential
            else {}
        ),
        # RecBole's sequential models cannot leave out what a user had.
        "repeatable": sequential or dataset.rules.allow_repeats,
        "eval_args": {"group_by": "user", "order": "TO", "mode": "full"},
        "metrics": ["Hit", "NDCG", "MRR"],
        "topk": list(CUTOFFS),
        "valid_metric": "NDCG@5",
    }


def _write_items(path: Path, dataset: Dataset) -> int:
    needed = ["item_id", "title", "category", "brand", "price", "domain", "attributes"]
    frame = read_parquet(dataset.folder / "items.parquet", needed)
    pairs = pl.concat_str(pl.element().struct["key"], pl.lit("="), pl.element().struct["value"])
    lists = frame.select("category", attributes=pl.col("attributes").list.eval(pairs))
    columns = {
        "item_id:token": written(frame["item_id"]),
        "title:token_seq": _text(frame["title"]),
        "category:token_seq": written_lists(lists["category"]),
        "brand:token": _text(frame["brand"]),
        "price:float": frame["price"],
        "domain:token": _text(frame["domain"]),
        "attributes:token_seq": written_lists(lists["attributes"]),
    }
    # RecBole fills gaps with a column's mean, and a column without any value has none.
    told = {head: column for head, column in columns.items() if _says_something(column)}
    with new_text(path) as stream:
        stream.write("\t".join(told) + "\n")
        write_lines(stream, pl.DataFrame(told), separator="\t")
    return len(frame)


def _says_something(column: pl.Series) -> bool:
    values = column.drop_nulls()
    return bool((values != "").any()) if values.dtype == pl.String else len(values) > 0


def _text(column: pl.Series) -> pl.Series:
    """Texts on one line, without the quotation marks that tables give a meaning."""
    # Not all of \p{C}: what joins letters or parts them (U+200C, U+200D) belongs to words.
    spaced = column.str.replace_all('"', "'").str.replace_all(r"[\s\p{Cc}\p{Z}]+", " ")
    return spaced.str.strip_chars()


def _write_interactions(stem: Path, dataset: Dataset) -> tuple[int, dict[str, int]]:
    """Write the six files; return how many users they are of, and their interactions by part."""
    asked = {part: _users_asked(dataset, part) for part in PARTS[1:]}
    unrated = [] if dataset.rules.rating_scale is not None else ["rating:float"]
    general = {head: name for head, name in _GENERAL.items() if head not in unrated}
    users, counts = 0, dict.fromkeys(PARTS, 0)
    with ExitStack() as stack:
        files = {
            (kind, part): stack.enter_context(_begun(stem, kind + part, columns))
            for kind, columns in (("", general), ("seq.", _SEQUENTIAL))
            for part in PARTS
        }
        for rows in _whole_users(dataset.folder / "interactions.parquet"):
            seen = rows.filter(pl.col("cohort") == "seen")
            users += seen["user_id"].n_unique()
            lines = _with_pasts(seen, dataset.rules.history_window)
            for part in PARTS:
                found = lines.filter(pl.col("part") == part)
                if part in asked:
                    found = found.join(asked[part], on="user_id", how="semi", maintain_order="left")
                found = found.with_columns(user_id=written(found["user_id"]))
                counts[part] += len(found)
                write_lines(files["", part], found.select(general.values()), separator="\t")
                later = found.filter(pl.col("past") != "").select(_SEQUENTIAL.values())
                write_lines(files["seq.", part], later, separator="\t")
    return users, counts


def _begun(stem: Path, ending: str, columns: Mapping[str, str]) -> IO[str]:
    """The new file ``STEM.ENDING.inter`` with its first line."""
    stream = new_text(stem.with_name(f"{stem.name}.{ending}.inter"))
    stream.write("\t".join(columns) + "\n")
    return stream


def _users_asked(dataset: Dataset, part: str) -> pl.DataFrame:
    """Who has an instance in ``part``: a last item that may not be predicted makes none."""
    path = dataset.folder / "tasks" / _TASK / f"{part}-seen.parquet"
    return read_parquet(path, columns=["user_id"])


def _whole_users(path: Path) -> Iterator[pl.DataFrame]:
    """Yield the interactions some users at a time, each user's together and in order."""
    with pq.ParquetFile(path) as file:
        held: list[pl.DataFrame] = []
        for batch in file.iter_batches(ROWS_TOGETHER, columns=_COLUMNS):
            rows = pl.concat([*held, pl.DataFrame(pl.from_arrow(batch))])
            last = pl.col("user_id") == rows["user_id"][-1]
            yield rows.filter(~last)
            held = [rows.filter(last)]
        yield from held


def _with_pasts(rows: pl.DataFrame, window: int) -> pl.DataFrame:
    """``rows`` with ``past``: the user's latest items before each, oldest first, as one text.

    Of validation and test these are the items before the user's first row of that part: several
    are the targets of one instance.
    """
    row = np.arange(len(rows))
    start = _first_alike(rows["user_id"].rle_id())
    of_part = _first_alike(rows.select(pl.struct("user_id", "part").rle_id()).to_series())
    end = np.where((rows["part"] == "train").to_numpy(), row, of_part)
    items = written(rows["item_id"])
    past = Ragged(row, np.maximum(start, end - window), end).to_series("past", items)
    return rows.with_columns(item_id=items, past=past.list.join(" "))


def _first_alike(runs: pl.Series) -> NDArray[np.int64]:
    """The first row of each row's run; ``runs`` are numbered in their order."""
    numbers = runs.to_numpy()
    return np.searchsorted(numbers, numbers)

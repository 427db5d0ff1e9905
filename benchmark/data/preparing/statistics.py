"""Count what describes a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from benchmark.data.dataset import Dataset


def count(
    items: pl.DataFrame, rows: pl.DataFrame, *, copied: NDArray[np.bool_] | None
) -> dict[str, Any]:
    """Return statistics of the split interactions ``rows`` over the catalogue ``items``.

    ``density`` is interactions / (users x items), ``sparsity`` is 1 - density; ``items`` is
    the whole catalogue, ``items_interacted`` those that occur in an interaction. ``copied_texts``,
    where ``copied``, bool (n,), says so of any row, are reviews that their user had written
    before, word for word: of how many users, and of how many the last one is such a copy.
    """
    import polars as pl

    rows = rows.select("user_id", "item_id", "rating", "part", "cohort")  # no texts
    users, catalogue = rows["user_id"].n_unique(), len(items)
    per_user = rows.group_by("user_id").len()["len"]
    density = len(rows) / (users * catalogue)
    statistics: dict[str, Any] = {
        "users": users,
        "items": catalogue,
        "interactions": len(rows),
        "density": density,
        "sparsity": 1 - density,
        "items_interacted": rows["item_id"].n_unique(),
        "items_with_photo": catalogue - items["image"].null_count(),
        "items_with_query": catalogue - items["query"].null_count(),
        "queries": items["query"].drop_nulls().n_unique(),
        "interactions_per_user": {
            "least": per_user.min(),
            "median": per_user.median(),
            "mean": round(len(rows) / users, 4),
            "most": per_user.max(),
        },
    }
    given = rows["rating"].drop_nulls()
    if len(given):
        levels = given.value_counts().sort("rating")
        statistics["ratings"] = {
            "given": len(given),
            "mean": round(
                levels.select((pl.col("rating") * pl.col("count")).sum()).item() / len(given), 6
            ),
            "counts": {f"{level:g}": int(n) for level, n in levels.iter_rows()},
        }
    if copied is not None and copied.any():
        copies = pl.Series(copied)
        of_last = copies & (rows["part"] == "test")
        statistics["copied_texts"] = {
            "reviews": int(copies.sum()),
            "users": rows.filter(copies)["user_id"].n_unique(),
            "users_last_review": int(of_last.sum()),
        }
    statistics["cohorts"] = {
        cohort: {
            "users": frame["user_id"].n_unique(),
            **{part: int((frame["part"] == part).sum()) for part in ("train", "valid", "test")},
        }
        for cohort in ("seen", "new-user", "new-domain")
        if len(frame := rows.filter(pl.col("cohort") == cohort))
    }
    return statistics


def stats(dataset: Dataset) -> dict[str, Any]:
    """Return what ``data stats`` shows: everything dataset.json says but the file hashes."""
    info = dict(dataset.info)
    info.pop("files")
    return info

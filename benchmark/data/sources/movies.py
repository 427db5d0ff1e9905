"""Collections of movie ratings: files in no order of time, posters beside them, a core to keep."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from benchmark.data.raw.cores import CORE_HELP, NO_CORE, CoreSetting, counted_core
from benchmark.data.raw.photo_folder import photos_of_items
from benchmark.data.raw.source import OnError
from benchmark.data.schema import RawDataset
from benchmark.data.sources.unordered import in_time_order, latest_of_pairs, rated_only


class MovieParams(BaseModel):
    """Validates the settings of such a collection."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    core: CoreSetting = Field(NO_CORE, description=CORE_HELP)
    posters: Path | None = Field(
        None, description="folder of posters, <movie id>.jpg; default: posters/, where there is one"
    )
    seed: int = Field(0, ge=0, description="of the order of a user's ratings of one time")


def rated_movies(
    raw: Path,
    params: MovieParams,
    rows: pl.DataFrame,
    described: pl.DataFrame,
    scale: tuple[float, float],
    terms: str,
    on_error: OnError,
    notes: dict[str, object],
) -> RawDataset:
    """Return the dataset of the ratings ``rows`` over the movies ``described``.

    Of several ratings of a movie by one user the latest stays; movies nobody rated are left out,
    and what is left out is counted in ``notes``. Posters are looked for beside the files of
    ``raw`` where the settings name no folder.
    """
    rows = latest_of_pairs(rows, notes, what="ratings")
    rows = counted_core(rows, params.core, notes, what="ratings")
    items = rated_only(described, rows, notes, domain="movies")
    ids = items["item_id"].to_list()
    folder = params.posters or raw / "posters"
    posters = params.posters is not None or folder.is_dir()
    return RawDataset(
        items=items,
        interactions=in_time_order(rows, params.seed, notes),
        allow_repeats=False,
        rating_scale=scale,
        terms=terms,
        photos=photos_of_items(folder, ids, on_error=on_error, notes=notes) if posters else (),
        notes=notes,
    )

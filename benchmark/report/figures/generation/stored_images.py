"""The stored run behind a figure of images, and the images it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from benchmark.data.instances.lazily import FrozenInstances
from benchmark.data.opening import open_dataset
from benchmark.errors import BenchError, UsageError, in_one_line
from benchmark.host.home import Home
from benchmark.models.registered import find
from benchmark.report.filling.shelf import class_in_file, newest_run, require_known_dataset
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import PREDICTIONS, StoredRun

TASK = "image-generation"


def find_image_run(home: Home, spec: RunSpec, *, seed: int | None) -> StoredRun:
    """Return the newest run that answers ``spec``, of ``seed`` or any; say how to make one."""
    class_name = class_in_file(spec.model)
    run = newest_run(home, RunSpec(class_name or spec.model, spec.task, spec.data), seed=seed)
    if run is not None:
        return run
    require_known_dataset(home, spec.data)
    if class_name is None:
        entry, _ = find(spec.model)
        if TASK not in entry.tasks:
            raise UsageError(
                f"Model {spec.model!r} does not answer {TASK!r}.",
                fix=f"It answers: {', '.join(entry.tasks)}.",
            )
    if (home.datasets / spec.data).is_dir():  # whether it has the task can be said now
        open_dataset(spec.data, home).instances(TASK, cohort=spec.cohort, limit=1)
    of_seed = "" if seed is None else f" with seed {seed}"
    raise BenchError(
        f"No run of {spec.model!r}{of_seed} on {TASK} over {spec.data!r} as it is now is stored.",
        fix=f"Make one: {replace(spec, seed=seed or 0).command()}",
    )


def read_images(
    run: StoredRun, instances: FrozenInstances, rows: Sequence[int]
) -> dict[str, tuple[bytes | None, tuple[str, ...]]]:
    """Read instance id -> (PNG, ``None`` if failed; retrieved item ids) of instances ``rows``.

    Only those are read: the images of a large run do not fit in memory.
    """
    path = run.folder / PREDICTIONS
    ids = instances.ids
    damaged = f"Delete the folder {str(run.folder)!r} and run again."
    try:
        stored = pl.scan_parquet(path, glob=False)
        if stored.select("instance_id").collect()["instance_id"].to_list() != ids:
            raise BenchError(f"{str(path)!r} does not answer these instances.", fix=damaged)
        frame = (
            stored.filter(pl.col("instance_id").is_in([ids[row] for row in rows]))
            .select("instance_id", pl.col("png").cast(pl.Binary), pl.col("retrieved").fill_null([]))
            .collect()
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BenchError(f"Cannot read {str(path)!r}: {in_one_line(error)}.", fix=damaged) from None
    return {
        instance_id: (image, tuple(retrieved)) for instance_id, image, retrieved in frame.rows()
    }

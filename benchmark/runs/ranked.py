"""Check rankings that come as columns, all at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from benchmark.data.instances.lazily import FrozenInstances
from benchmark.instances import Instance
from benchmark.predictions import Prediction
from benchmark.ranking import Rankings


def well_formed(
    answers: Iterable[Prediction], instances: Sequence[Instance]
) -> dict[str, pa.Array | list[str]] | None:
    """Return the columns of predictions.parquet, but for the status, of rankings in columns.

    ``None`` where ``answers`` are objects, or one of them fails what
    :func:`benchmark.tasks.ranked.check` asks of each: that one says what is wrong, and to whom.
    """
    if type(answers) is not Rankings or not isinstance(instances, FrozenInstances):
        return None
    ids, items, scores, k = instances.ids, answers.items, answers.scores, instances.k
    if (
        list(answers.ids) != ids
        or items.shape != (len(ids), k)
        or scores.shape != items.shape
        or items.dtype.kind != "i"
        or (np.asarray(answers.lengths) != k).any()
        or not instances.catalogue.is_in_order(answers.item_ids)
    ):
        return None
    catalogue = len(answers.item_ids)
    ordered = np.sort(items, axis=1)
    excluded, starts = instances.excluded
    barred = np.repeat(np.arange(len(ids)), np.diff(starts)) * catalogue + excluded
    if (
        (items < 0).any()
        or (items >= catalogue).any()
        or (ordered[:, 1:] == ordered[:, :-1]).any()
        or np.isin(np.arange(len(ids))[:, None] * catalogue + items, barred).any()
        or not np.isfinite(scores).all()
        or (scores[:, 1:] > scores[:, :-1]).any()
    ):
        return None
    offsets = np.arange(len(ids) + 1, dtype=np.int32) * k
    names = pa.array([answers.item_ids[i] for i in items.ravel().tolist()], pa.string())
    values = pa.array(scores.ravel().astype(np.float64))
    return {
        "instance_id": ids,
        "user_id": instances.users,
        "items": pa.ListArray.from_arrays(offsets, names),
        "scores": pa.ListArray.from_arrays(offsets, values),
    }

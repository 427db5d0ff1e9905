"""unimp-bench: a benchmark suite for multi-modal personalization.

``import benchmark as ub`` gives the names of :data:`EXPORTS`, for notebooks and scripts; each is
described, with an example, in ``docs/api.md``. A name is imported when it is first used, so that
the import itself loads neither torch nor polars.
"""

from __future__ import annotations

import copyreg
import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from benchmark.host.torch_setup import pin_arithmetic

if TYPE_CHECKING:
    from benchmark.face.data import open_dataset as open_dataset
    from benchmark.face.data import prepare as prepare
    from benchmark.face.listings import list_datasets as list_datasets
    from benchmark.face.listings import list_models as list_models
    from benchmark.face.listings import list_tables as list_tables
    from benchmark.face.listings import list_tasks as list_tasks
    from benchmark.face.results import compare_runs as compare_runs
    from benchmark.face.results import export as export
    from benchmark.face.results import report_table as report_table
    from benchmark.face.results import tune as tune
    from benchmark.face.runs import Runs as Runs
    from benchmark.face.runs import open_run as open_run
    from benchmark.face.work import fit as fit
    from benchmark.face.work import predict as predict
    from benchmark.face.work import run as run
    from benchmark.face.work import run_all as run_all
    from benchmark.face.work import run_table as run_table
    from benchmark.predictions import Image as Image
    from benchmark.predictions import Ranking as Ranking
    from benchmark.predictions import Rating as Rating
    from benchmark.predictions import Selection as Selection
    from benchmark.predictions import Text as Text

__version__ = "0.1.0"

pin_arithmetic()  # here, because every entrance comes through before it loads torch


def _read_only(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(values)


# The attributes of items are such a mapping, which Python neither pickles nor copies by itself: a
# model may send instances to processes of its own.
copyreg.pickle(MappingProxyType, lambda kept: (_read_only, (dict(kept),)))

#: Public name -> ``"module:attribute"``. Literal: what a model takes from here counts for its
#: identity and is read from the source (:func:`benchmark.models.imports.exported`).
EXPORTS = {
    "list_tasks": "benchmark.face.listings:list_tasks",
    "list_models": "benchmark.face.listings:list_models",
    "list_datasets": "benchmark.face.listings:list_datasets",
    "list_tables": "benchmark.face.listings:list_tables",
    "open_dataset": "benchmark.face.data:open_dataset",
    "prepare": "benchmark.face.data:prepare",
    "fit": "benchmark.face.work:fit",
    "predict": "benchmark.face.work:predict",
    "run": "benchmark.face.work:run",
    "run_all": "benchmark.face.work:run_all",
    "run_table": "benchmark.face.work:run_table",
    "open_run": "benchmark.face.runs:open_run",
    "Runs": "benchmark.face.runs:Runs",
    "compare_runs": "benchmark.face.results:compare_runs",
    "report_table": "benchmark.face.results:report_table",
    "export": "benchmark.face.results:export",
    "tune": "benchmark.face.results:tune",
    "Ranking": "benchmark.predictions:Ranking",
    "Rating": "benchmark.predictions:Rating",
    "Text": "benchmark.predictions:Text",
    "Selection": "benchmark.predictions:Selection",
    "Image": "benchmark.predictions:Image",
}

__all__ = list(EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = EXPORTS[name].partition(":")
    value = globals()[name] = getattr(importlib.import_module(module), attribute)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *EXPORTS})

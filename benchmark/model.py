"""The one interface between a system under test and the harness.

A model needs these five members and nothing else: no base class, no registration call.
Optional: a nested or module-level pydantic class named by the attribute ``Config`` (then the
model is built as ``Model(Model.Config(**settings))``, else as ``Model()``);
``parameter_counts()`` returning ``{"trainable": int, "total": int}`` for the manifest; and
``assist(data, *, seed)``, for models that several processes can fit together: under ``accelerate
launch`` the main process calls ``fit`` and each of the others ``assist``, which returns when its
part is done. A model without it is fitted by the main process alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from benchmark.instances import Example, Instance
from benchmark.predictions import Prediction

if TYPE_CHECKING:
    import polars as pl

    from benchmark.data.catalogue import Catalogue


@runtime_checkable
class Model(Protocol):
    """A system under test."""

    tasks: frozenset[str]
    """Names of the tasks it can answer."""

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Learn from the training part; use the validation part only to choose."""

    def predict(self, instances: Sequence[Instance]) -> Iterable[Prediction]:
        """One prediction per instance, in the same order, under the same ids.

        All instances of one call belong to one task. A prediction may not depend on which
        other instances share the call.
        """

    def save(self, folder: Path) -> None:
        """Write everything ``predict`` needs into ``folder``, which exists and is empty."""

    def load(self, folder: Path) -> None:
        """Restore what :meth:`save` wrote, into a freshly built model."""


@runtime_checkable
class TrainingView(Protocol):
    """What a model may see: catalogue, training and validation data, never a test interaction.

    Built by :meth:`benchmark.data.dataset.Dataset.training_view`; a test corrupts every test
    interaction and checks that fitted state does not change by a bit.
    """

    @property
    def name(self) -> str:
        """The dataset's name."""

    @property
    def sha256(self) -> str:
        """Hash of the view's own content: what a fitted state may depend on."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks the dataset supports."""

    @property
    def history_window(self) -> int:
        """Longest history an instance carries."""

    @property
    def allow_repeats(self) -> bool:
        """Whether items a user already had may be answered again."""

    @property
    def rating_scale(self) -> tuple[float, float] | None:
        """(lowest, highest) rating, or ``None`` where the data has no ratings."""

    @property
    def catalogue(self) -> Catalogue:
        """All items, in index order; ties anywhere are broken by this index."""

    @property
    def features_folder(self) -> Path:
        """Where frozen per-image or per-text vectors may be cached; shared by runs."""

    def interactions(self, part: Literal["train", "valid"] = "train") -> pl.DataFrame:
        """Rows ``user_id, item_id, timestamp, rating, review, summary, explanation, domain``.

        Users are contiguous and each user's rows are in time order.
        """

    def examples(self, task: str, part: Literal["train", "valid"] = "train") -> Sequence[Example]:
        """Instances with their targets. Lazy: indexing builds one, so slices are cheap.

        ``train`` has one example per training interaction with a non-empty history (and with
        what the task needs: a rating, a query, an explanation); ``valid`` one per seen user.
        """

    def attachment(self, name: str) -> Path:
        """A file the dataset's source left for special models (``sim`` keeps its true
        utilities for ``oracle``). Opened names are recorded in the run's manifest."""


def parameter_counts(model: object) -> Mapping[str, int] | None:
    """``model.parameter_counts()`` where the model has it."""
    count = getattr(model, "parameter_counts", None)
    return None if count is None else dict(count())

"""The one interface between a system under test and the harness.

A model needs these five members and nothing else: no base class, no registration call.
Optional: a nested or module-level pydantic class named by the attribute ``Config`` (then the
model is built as ``Model(Model.Config(**settings))``, else as ``Model()``);
``parameter_counts()`` returning ``{"trainable": int, "total": int}`` for the manifest; and
``assist(data, *, seed)``, for models that several processes can fit together: under ``accelerate
launch`` the main process calls ``fit`` and each of the others ``assist``, which returns when its
part is done. A model without it is fitted by the main process alone.
``fit_summary()`` is told of in :class:`Telling`.
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
    """Describes what the harness asks of a system under test."""

    tasks: frozenset[str]
    """Names of the tasks it can answer."""

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Learn from the training part; use the validation part only to choose."""

    def predict(self, instances: Sequence[Instance]) -> Iterable[Prediction]:
        """Return one prediction per instance, in the same order, under the same ids.

        All instances of one call belong to one task. A prediction may not depend on which
        other instances share the call.
        """

    def save(self, folder: Path) -> None:
        """Write everything ``predict`` needs into ``folder``, which exists and is empty."""

    def load(self, folder: Path) -> None:
        """Restore what :meth:`save` wrote, into a freshly built model."""


@runtime_checkable
class Telling(Protocol):
    """Describes a model that says what its fit learned, in a few numbers.

    ``doctor --model`` prints them.
    """

    def fit_summary(self) -> Mapping[str, float | str]:
        """Return what was learned by name; :class:`BenchError` before ``fit`` or ``load``."""


@runtime_checkable
class TrainingView(Protocol):
    """Describes what a model may see: catalogue, training and validation data, no test interaction.

    Built by :meth:`benchmark.data.dataset.Dataset.training_view`; a test corrupts every test
    interaction and checks that fitted state does not change by a bit.
    """

    @property
    def name(self) -> str:
        """Return the dataset's name."""

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the view's own content: what a fitted state may depend on."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Return the names of the tasks that the dataset supports."""

    @property
    def history_window(self) -> int:
        """Return how many interactions the history of an instance holds at most."""

    @property
    def allow_repeats(self) -> bool:
        """Return whether items a user already had may be recommended again."""

    @property
    def rating_scale(self) -> tuple[float, float] | None:
        """Return the (lowest, highest) rating, or ``None`` where the data has no ratings."""

    @property
    def simulated(self) -> bool:
        """Return whether the data, photos included, was made by a simulator."""

    @property
    def catalogue(self) -> Catalogue:
        """Return all items, in index order; ties anywhere are broken by this index."""

    @property
    def features_folder(self) -> Path:
        """Return the folder to cache frozen vectors of images or texts in; runs share it."""

    def interactions(
        self,
        part: Literal["train", "valid"] = "train",
        *,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Return the interactions of a part, one a row.

        Columns ``user_id, item_id, timestamp, rating, review, summary, explanation, domain``;
        ``columns`` names some of them, and the others are not read. Users are contiguous and each
        user's rows are in time order.
        """

    def examples(self, task: str, part: Literal["train", "valid"] = "train") -> Sequence[Example]:
        """Return instances with their targets. Lazy: indexing builds one, so slices are cheap.

        ``train`` has one example per training interaction with a non-empty history (and with
        what the task needs: a rating, a query, an explanation); ``valid`` one per seen user.
        """

    def attachment(self, name: str) -> Path:
        """Return the path of a file that the dataset's source left for special models.

        ``sim`` keeps its true utilities for ``oracle``. Opened names are recorded in the run's
        manifest.
        """


def parameter_counts(model: object) -> Mapping[str, int] | None:
    """Return ``model.parameter_counts()``, or ``None`` where the model does not say."""
    count = getattr(model, "parameter_counts", None)
    return None if count is None else dict(count())

"""The interface of figures: built from stored runs, drawn on a page, described in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from benchmark.host.home import Home


class Drawing(Protocol):
    """Describes a figure whose content is found and checked before a line of it is drawn."""

    def summary(self) -> str:
        """Return what is drawn, on one line."""

    def to_json(self) -> dict[str, Any]:
        """Return what is drawn, by ids, as a JSON document."""

    def draw(self, page: Figure) -> None:
        """Set the size of the empty ``page`` and draw on it."""


class FigureKind(Protocol):
    """Builds one kind of figure from a run."""

    def __call__(
        self, home: Home, *, data: str | None, model: str | None, seed: int | None
    ) -> Drawing:
        """Build it over ``data``, ``model`` and ``seed``; ``None`` takes the figure's own default.

        Raises :class:`~benchmark.errors.UsageError` for unknown names and
        :class:`~benchmark.errors.BenchError` where no stored run can be drawn.
        """


class TableFigureKind(Protocol):
    """Builds one kind of figure from the runs of a table."""

    def __call__(self, home: Home, *, table: str, data: str | None) -> Drawing:
        """Build it over ``table`` (paper number, name, or TOML path) on dataset ``data``.

        ``data`` is as in :func:`benchmark.report.build.build_report`, and errors are as above.
        """

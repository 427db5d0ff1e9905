"""Lays out the home page's tables: of each dataset, every model by every task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.data.sources import SELF_CONTAINED, SOURCES
from benchmark.tasks import TASKS
from leaderboards.boards import Board
from leaderboards.site.comparing import Compared
from leaderboards.site.entries import Entry
from leaderboards.site.standing import Row, Standing

#: The dataset that comes first: everybody can build it.
FLAGSHIP = "sim-s"
#: Shades of a cell's ground, from 0 on.
SHADES = 8
#: Models shown of a dataset; the boards have all.
MOST_MODELS = 30


@dataclass(frozen=True, slots=True)
class Cell:
    """Shows a model's row on a board; ``share`` is of the learnable, ``None`` where there is none.

    ``shade``, from 0 to :data:`SHADES` - 1, grows with the share, or with the place between the
    worst and the best score; ``first`` marks the first tie group.
    """

    row: Row
    share: float | None
    shade: int
    first: bool


@dataclass(frozen=True, slots=True)
class Line:
    """Lists a submission's cells, parallel to the boards; ``None`` where it did not enter.

    ``privileged`` ones are ceilings.
    """

    entry: Entry
    cells: tuple[Cell | None, ...]
    privileged: bool

    @property
    def firsts(self) -> int:
        """Return how many boards it leads, alone or tied."""
        return sum(cell is not None and cell.first for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Overview:
    """Tabulates one dataset: ``boards`` are its columns, in the order of the tasks.

    ``shares`` has, parallel to them, whether cells are shares; ``left_out`` counts models that
    are not shown.
    """

    data: str
    boards: tuple[Board, ...]
    metrics: tuple[str, ...]
    shares: tuple[bool, ...]
    lines: tuple[Line, ...]
    left_out: int

    @property
    def anybody_builds(self) -> bool:
        """Return whether anybody can build the dataset, without files of others."""
        return self.data in SELF_CONTAINED

    @property
    def simulated(self) -> bool:
        """Return whether it is one of the simulated datasets that anybody can build."""
        return self.anybody_builds and SOURCES.get(SELF_CONTAINED[self.data][0]).simulated

    @property
    def models(self) -> tuple[Line, ...]:
        """Return the lines of systems that compete."""
        return tuple(line for line in self.lines if not line.privileged)

    @property
    def ceilings(self) -> tuple[Line, ...]:
        """Return the lines of those that opened what others may not."""
        return tuple(line for line in self.lines if line.privileged)


def overviews(
    standings: Sequence[Standing], compared: Mapping[str, Compared]
) -> tuple[Overview, ...]:
    """Lay out an overview for each dataset that boards name; ``compared`` is by board."""
    by_data: dict[str, list[Standing]] = {}
    for standing in standings:
        by_data.setdefault(standing.board.data, []).append(standing)
    order = sorted(by_data, key=lambda data: (data != FLAGSHIP, data))
    return tuple(_overview(data, by_data[data], compared) for data in order)


def _overview(
    data: str, standings: Sequence[Standing], compared: Mapping[str, Compared]
) -> Overview:
    tasks = list(TASKS)
    columns = sorted(standings, key=lambda s: (tasks.index(s.board.task), s.board.name))
    cells: dict[str, list[Cell | None]] = {}
    entries: dict[str, Entry] = {}
    for at, standing in enumerate(columns):
        for digest, cell in _column(standing, compared[standing.board.name]).items():
            entries[digest] = cell.row.entry
            cells.setdefault(digest, [None] * len(columns))[at] = cell
    lines = [
        Line(entries[d], tuple(row), any(c is not None and c.row.privileged for c in row))
        for d, row in cells.items()
    ]
    lines.sort(key=_order)
    kept = [line for line in lines if not line.privileged]
    ceilings = [line for line in lines if line.privileged]
    return Overview(
        data=data,
        boards=tuple(standing.board for standing in columns),
        metrics=tuple(standing.metric for standing in columns),
        shares=tuple(compared[s.board.name].ceiling is not None for s in columns),
        lines=(*kept[:MOST_MODELS], *ceilings[:MOST_MODELS]),
        left_out=len(kept) - min(len(kept), MOST_MODELS),
    )


def _column(standing: Standing, compared: Compared) -> dict[str, Cell]:
    """The cell of each submission, by digest."""
    values = [row.primary.value for row in standing.rows if not row.privileged]
    sign = 1 if standing.higher_is_better else -1
    ends = (min(values), max(values)) if values else (0.0, 0.0)
    worst, best = ends if sign > 0 else ends[::-1]
    has_shares = compared.ceiling is not None

    def shade(row: Row, share: float | None) -> int:
        if not has_shares:
            share = (row.primary.value - worst) / (best - worst) if best != worst else 1.0
        return 0 if share is None else round(min(max(share, 0.0), 1.0) * (SHADES - 1))

    return {
        row.entry.submission.digest: Cell(row, share, shade(row, share), row.group == 1)
        for row, share in zip(standing.rows, compared.shares, strict=True)
    }


def _order(line: Line) -> tuple[object, ...]:
    """Who leads most boards first, then who is near the best on most."""
    entered = [cell for cell in line.cells if cell is not None]
    return (
        -line.firsts,
        -sum(cell.shade for cell in entered),
        line.entry.submission.label,
        line.entry.submission.digest,
    )

"""Which leaderboards there are: a TOML file each, in ``boards/``.

A board fixes the instances (task and its version, dataset, cohort, perturbation) and the metric
that orders its rows. A submitted run belongs to a board when its predictions are for those.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmark.data.perturbations import PERTURBATIONS
from benchmark.data.schema import COHORTS
from benchmark.errors import BenchError, in_one_line
from benchmark.tasks import TASKS
from leaderboards.submission.schema import Line, Name, Paragraph, SubmittedRun

FOLDER = Path(__file__).parent / "boards"


class Board(BaseModel):
    """Describes one leaderboard: what a run must answer to stand there, and what orders its rows.

    ``version``, from 1, grows whenever older rows no longer compare.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: Name
    version: int = Field(ge=1)
    title: Line
    description: Paragraph
    task: Name
    task_version: int = Field(ge=1)
    data: Name
    cohort: Name = "seen"
    perturb: Name | None = None
    primary: Line
    """The metric that orders the rows, as ``unimp-bench tasks`` lists it."""

    @property
    def asks(self) -> tuple[str, int, str, str, str | None]:
        """Return what a run must have answered: task and version, data, cohort, perturbation."""
        return self.task, self.task_version, self.data, self.cohort, self.perturb

    def takes(self, run: SubmittedRun) -> bool:
        """Return whether ``run`` answers what the board asks: all of :attr:`asks` is alike."""
        return self.asks == (run.task, run.task_version, run.data, run.cohort, run.perturb)


def load_board(path: Path) -> Board:
    """Read the board of one TOML file.

    Raises :class:`BenchError` naming the file and the field that is wrong.
    """
    fix = "Correct the file; leaderboards/boards.py says what a board has."
    try:
        board = Board.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        raise BenchError(f"Board {path.name!r}: {field}: {first['msg']}.", fix=fix) from error
    except (OSError, ValueError, RecursionError) as error:  # no text, no TOML, without end
        raise BenchError(
            f"Cannot read board {path.name!r}: {in_one_line(error)}.", fix=fix
        ) from error
    problem = _problem(board, path)
    if problem is not None:
        raise BenchError(f"Board {path.name!r}: {problem}.", fix=fix)
    return board


def load_boards(folder: Path = FOLDER) -> list[Board]:
    """Read every board of ``folder``, by file name.

    Raises :class:`BenchError` as :func:`load_board` does, and for two over the same instances.
    """
    boards = [load_board(path) for path in sorted(folder.glob("*.toml"))]
    asked: dict[tuple[object, ...], str] = {}
    for board in boards:
        if board.asks in asked:
            raise BenchError(
                f"Boards {asked[board.asks]!r} and {board.name!r} are over the same instances.",
                fix="Delete one of the two files.",
            )
        asked[board.asks] = board.name
    return boards


def boards_of(run: SubmittedRun, boards: Iterable[Board]) -> list[str]:
    """Return the names of the boards that ``run`` belongs to."""
    return [board.name for board in boards if board.takes(run)]


def _problem(board: Board, path: Path) -> str | None:
    if board.name != path.stem:
        return f"its name {board.name!r} is not the file's"
    if board.task not in TASKS:
        return f"the task {board.task!r} does not exist"
    task = TASKS.get(board.task)
    if board.task_version > task.version:
        return f"{board.task} has version {task.version}, not {board.task_version}"
    if board.primary not in task.metrics:
        return f"{board.task} has no metric {board.primary!r}"
    if board.cohort not in COHORTS:
        return f"the cohort {board.cohort!r} does not exist"
    if board.perturb is not None and board.perturb not in PERTURBATIONS:
        return f"the perturbation {board.perturb!r} does not exist"
    return None

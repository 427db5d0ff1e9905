"""The specification of a table in TOML: rows of systems, groups of metric columns.

The shipped tables and a user's own file (``--table path/to/table.toml``) go through the same
checks::

    name = "my-table"
    title = "What my store asks"
    against = "BM25"                    # optional: whom rows are compared with

    [[columns]]
    task = "search"
    metrics = ["HR@5", "NDCG@5"]
    # data = "hm"  cohort = "new-user"  paper_data = "amazon-6"

    [[rows]]
    system = "BM25"
    model = "bm25"
    # perturb = "nt"  cohort = "new-user"  role = "trivial"  against = "Random"
    # set = {k1 = 0.9}  tuned = true  data = "hm"
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from benchmark.errors import UsageError, unknown_name
from benchmark.metrics import possible_metrics
from benchmark.metrics.families import is_variant
from benchmark.report.table.listing import find_table
from benchmark.report.table.problems import complaint, explained, in_file
from benchmark.tasks import TASKS

Cohort = Literal["seen", "new-user", "new-domain"]
Perturbation = Literal["nt", "nv"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MetricColumn(_Strict):
    """Names one measured metric; ``paper`` is the paper's name for it, ``None``: it prints none.

    ``name`` also matches measured names that carry a variant behind it: ``METEOR`` matches
    ``METEOR-exact+stem``.
    """

    name: str
    paper: str | None = None

    def matches(self, measured: str) -> bool:
        """Return whether a run's metric ``measured`` belongs in this column."""
        return is_variant(measured, self.name)


def _metric(value: Any) -> Any:
    return {"name": value, "paper": value} if isinstance(value, str) else value


class ColumnGroup(_Strict):
    """Groups metrics of one task on one dataset and cohort.

    ``data`` fixes the dataset (``None``: the one asked for); ``paper_data`` names the data of
    the paper's numbers beside it.
    """

    task: str
    metrics: tuple[Annotated[MetricColumn, BeforeValidator(_metric)], ...] = Field(min_length=1)
    data: str | None = None
    cohort: Cohort = "seen"
    paper_data: str | None = None

    @model_validator(mode="after")
    def _known(self) -> ColumnGroup:
        if self.task not in TASKS:
            unknown = unknown_name("task", self.task, TASKS)
            raise complaint(f"unknown task {self.task!r}", str(unknown.fix))
        metrics = possible_metrics(TASKS.get(self.task))
        for column in self.metrics:
            if not any(is_variant(column.name, m) for m in metrics):
                unknown = unknown_name("metric", column.name, metrics)
                raise complaint(
                    f"task {self.task!r} has no metric {column.name!r}", str(unknown.fix)
                )
        return self


class Row(_Strict):
    """Specifies one system under one configuration.

    ``system`` is the label, spelt as in the paper where the paper has the row; ``model`` is
    what ``unimp-bench run --model`` takes, and ``set`` what ``--set`` does. ``published`` are
    numbers that others print for this row, by metric. ``against`` is the row it is compared
    with (the best other row where neither row nor table says). The role ``ceiling``
    is that of a model which knows the process behind simulated data and is no competitor.
    ``tuned`` rows show runs with the settings that ``unimp-bench tune`` chose. With ``data`` the
    row belongs to the columns of that dataset alone.
    """

    system: str
    model: str
    set: dict[str, Union[bool, int, float, str]] = Field(default_factory=dict)
    published: dict[str, float] = Field(default_factory=dict)
    perturb: Perturbation | None = None
    cohort: Cohort | None = None
    role: Literal["system", "trivial", "ceiling"] = "system"
    against: str | None = None
    tuned: bool = False
    data: str | None = None

    @model_validator(mode="after")
    def _one_source_of_settings(self) -> Row:
        if self.tuned and self.set:
            raise ValueError("a tuned row takes the settings that a search chose: leave out set")
        return self


class _Table(_Strict):
    number: str | None = None
    name: str
    title: str
    notes: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """Return the title behind the paper's number: ``Table 2d. Personalized ...``."""
        return self.title if self.number is None else f"Table {self.number}. {self.title}"


class ResultTable(_Table):
    """Specifies a table of scores."""

    kind: Literal["results"] = "results"
    data: str = "sim-s"
    """The dataset shown when the command names none."""
    against: str | None = None
    published: str | None = None
    """Whose numbers the rows' ``published`` are, on which data."""
    columns: tuple[ColumnGroup, ...] = Field(min_length=1)
    rows: tuple[Row, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> ResultTable:
        systems = _distinct(row.system for row in self.rows)
        for named in (self.against, *(row.against for row in self.rows)):
            if named is not None and named not in systems:
                raise ValueError(f"against = {named!r} is no row's system")
        measured = {group.data or self.data for group in self.columns}
        for row in self.rows:
            if row.data is not None and row.data not in measured:
                raise ValueError(f"data = {row.data!r} of row {row.system!r} is no column's")
        if self.published is None and any(row.published for row in self.rows):
            raise ValueError('published numbers need published = "whose they are"')
        return self


class DatasetRow(_Strict):
    """Names a dataset: ``source`` prepares it with ``settings`` (``unimp-bench data prepare``)."""

    system: str
    data: str
    source: str
    settings: dict[str, str] = Field(default_factory=dict)


class DatasetTable(_Table):
    """Specifies a table of dataset statistics."""

    kind: Literal["datasets"]
    metrics: tuple[Literal["users", "items", "interactions", "sparsity"], ...] = Field(min_length=1)
    rows: tuple[DatasetRow, ...]

    @model_validator(mode="after")
    def _consistent(self) -> DatasetTable:
        _distinct(row.system for row in self.rows)
        return self


Table = Union[ResultTable, DatasetTable]


def _distinct(systems: Any) -> set[str]:
    counts = Counter(systems)
    twice = [system for system, count in counts.items() if count > 1]
    if twice:
        raise ValueError(f"two rows are called {twice[0]!r}")
    return set(counts)


def load_table(table: str) -> Table:
    """Read the specification of a table: paper number, name, or path to a TOML file.

    Raises :class:`~benchmark.errors.UsageError` naming the file and what is wrong in it.
    """
    return read_table(find_table(table))


def read_table(path: Path) -> Table:
    """Read and check one specification file."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:  # no text, no TOML, without end
        raise UsageError(
            f"{str(path)!r} is not a table specification: {error}.",
            fix="Correct the TOML there; unimp-bench tables lists the tables that come along.",
        ) from error
    kinds: dict[str, type[ResultTable] | type[DatasetTable]] = {
        "results": ResultTable,
        "datasets": DatasetTable,
    }
    named = content.get("kind", "results")
    if named not in tuple(kinds):  # which takes values that no dictionary can hold
        raise in_file(path, "", f"kind = {named!r} is not possible", f"Kinds: {', '.join(kinds)}.")
    kind = kinds[named]
    parts: dict[str, type[BaseModel]] = {
        "": kind,
        "columns": ColumnGroup,
        "metrics": MetricColumn,
        "rows": DatasetRow if kind is DatasetTable else Row,
    }
    adapter: TypeAdapter[Table] = TypeAdapter(kind)
    try:
        return adapter.validate_python(content)
    except ValidationError as error:
        raise explained(path, content, error, parts) from error

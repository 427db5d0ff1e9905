"""The sentences below a table: what its numbers are, and why some are absent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from benchmark.compare.kept import Kept
from benchmark.compare.learnable import Learned
from benchmark.report.contents import ReportCell, ReportColumn, ReportRow, told_apart
from benchmark.report.filling.answers import Answer, Answers
from benchmark.report.filling.availability import sentences
from benchmark.report.formats.sheet import INTERVAL_NOTE, PAPER_NOTE, PAPERS_NUMBERS, PUBLISHED
from benchmark.report.seed_doubts import doubted
from benchmark.report.table.paper import printed_row, violations
from benchmark.report.table.specification import ResultTable
from benchmark.runs.store import PER_INSTANCE, StoredRun, is_imported, is_tuned
from benchmark.uncertainty import FEW_USERS_NOTE, FEWEST_USERS


def has_few_users(cell: ReportCell) -> bool:
    """Return whether a measured ``cell`` has too few users for an interval."""
    return cell.users is not None and cell.users < FEWEST_USERS


def simulated_note(data: str) -> str:
    """Return the warning that stands below every number from generated data."""
    return f"{data} is simulated: its numbers say nothing about real users."


def marks_note(against: str) -> str:
    """Return the legend of the marks; ``against`` says whom a row is compared with."""
    return (
        f"* significantly better, † significantly worse than {against}; paired by instance, "
        "clustered by user, Holm-corrected over the column, p < 0.05."
    )


def learned_notes(found: Mapping[str, Learned | None]) -> Iterator[str]:
    """Yield what the shares of the learnable are, by column, and why some are absent."""
    floors: dict[str, list[str]] = {}
    unclear = []
    for column, shares in found.items():
        if shares is not None:
            floors.setdefault(shares.floor, []).append(column)
            if not shares.shares:
                unclear.append(column)
    if not floors:
        return
    ceiling = next(shares.ceiling for shares in found.values() if shares is not None)
    said = "; ".join(f"{floor} ({', '.join(columns)})" for floor, columns in floors.items())
    yield (
        f"share: of the learnable, (value - best blind rule) / ({ceiling} - best blind rule), "
        f"paired by instance; the best rule that never looks at the user is {said}."
    )
    if unclear:
        yield (
            f"No share of {', '.join(unclear)}: {ceiling} is not above the best blind rule beyond "
            "doubt, the interval of their difference holds 0."
        )


def failure_note(system: str, rate: float, what: str = "the answers") -> str:
    """Return how often a system gave no usable prediction."""
    return f"{system}: {rate:.2%} of {what} failed and score the worst value."


def tuning_note(system: str, run: StoredRun, where: str = "") -> str:
    """Return how many trials a search had: the more, the more was chosen by chance too."""
    tuning = run.manifest["tuning"]
    return (
        f"{system}: settings chosen{where} by {tuning['metric']} on validation "
        f"({tuning['value']:.4f}), the best of {tuning['trials']} trials."
    )


def footnotes(
    table: ResultTable,
    answers: Answers,
    columns: Sequence[ReportColumn],
    rows: Sequence[ReportRow],
    kept: Kept,
) -> tuple[str, ...]:
    """Return all notes of a report, in order of weight."""
    cells = [cell for row in rows for cell in row.cells]
    notes = [simulated_note(name) for name, simulated in answers.simulated.items() if simulated]
    notes += _legends(table, cells)
    names = told_apart(columns)
    notes += learned_notes(
        {name: column.learned for name, column in zip(names, columns, strict=True)}
    )
    notes += doubted(columns, rows)
    notes += _impossible(table, columns, rows, kept)
    notes += table.notes
    notes += _about_runs(answers)
    notes += fewer_seeds(columns, rows)
    notes += [
        f"{count} stored run(s) over an earlier {name} or an earlier version of the task are "
        "left out."
        for name, count in answers.left_out.items()
    ]
    notes += [
        f"{name} is not prepared here: unimp-bench data prepare comes before the commands below."
        for name in answers.unprepared
    ]
    unmeasured = _unmeasured(answers, columns, rows)
    if unmeasured:
        notes.append(f"-: the stored runs did not measure {', '.join(unmeasured)}.")
    notes += sentences(
        answer.reason for answer in answers.by_place.values() if answer.reason is not None
    )
    return tuple(notes)


def _legends(table: ResultTable, cells: Sequence[ReportCell]) -> Iterator[str]:
    if any(cell.low is not None for cell in cells):
        yield INTERVAL_NOTE
    if any(has_few_users(cell) for cell in cells):
        yield FEW_USERS_NOTE
    if any(cell.better is not None for cell in cells):
        yield marks_note(_opponents(table))
    if table.published is not None and any(_is_published(cell) for cell in cells):
        yield f"{PUBLISHED}: {table.published}."
    if any(cell.paper_data is not None for cell in cells):
        yield PAPER_NOTE


def _is_published(cell: ReportCell) -> bool:
    """Whether a number published elsewhere than in the paper stands beside ``cell``."""
    return cell.paper is not None and cell.paper_data is None


def _impossible(
    table: ResultTable, columns: Sequence[ReportColumn], rows: Sequence[ReportRow], kept: Kept
) -> Iterator[str]:
    """Which of the paper's rows no system can have, whatever its predictions."""
    by_place: dict[tuple[str, str], dict[str, None]] = {}
    for row in rows:
        for column, cell in zip(columns, row.cells, strict=True):
            data = cell.paper_data
            if table.number is not None and data is not None:
                systems = by_place.setdefault((column.task, data), {})
                place = (table.number, column.task, data, row.system)
                printed = {name: number.printed for name, number in printed_row(*place).items()}
                asked = {"place": place, "printed": printed}
                if kept.of("impossible", {}, asked, partial(_is_impossible, *place)):
                    systems[row.system] = None
    for (task, data), systems in by_place.items():
        if systems:
            where = f" for {task} on {data}" if len(by_place) > 1 else ""
            yield (
                f"{PAPERS_NUMBERS}{where} that no predictions at all can have together (one "
                f"positive a ranking, rounding allowed for): {', '.join(systems)}."
            )


def _is_impossible(*place: str) -> bool:
    return bool(violations(*place))


def _opponents(table: ResultTable) -> str:
    named = {row.system: row.against for row in table.rows if row.against is not None}
    of_cohort = " of its cohort" if any(row.cohort for row in table.rows) else ""
    rule = f"the best other row{of_cohort}, oracles aside"
    if table.against is not None:
        rule = f"{table.against} (that row itself: than {rule})"
    if named:
        pairs = ", ".join(f"{system} than {opponent}" for system, opponent in named.items())
        return f"another row ({pairs}; others than {rule})"
    return rule


def _about_runs(answers: Answers) -> Iterator[str]:
    adapted: dict[str, None] = {}
    formulas: dict[str, dict[str, None]] = {}
    several_cohorts = len({answer.spec.cohort for answer in answers.by_place.values()}) > 1
    for answer in answers.by_place.values():
        if not answer.runs:
            continue
        system = answer.row.system
        name, _, variant = answer.row.model.partition(":")
        entry = answers.entries.get(name)
        if entry is not None and entry.adapted:
            adapted[system] = None
        formula = entry.formula(variant) if entry is not None else None
        if formula is not None:
            formulas.setdefault(formula, {})[system] = None
        rate = _failure_rate(answer)
        if rate:
            cohort = f" (cohort {answer.spec.cohort})" if several_cohorts else ""
            yield failure_note(
                system, rate, f"the answers to {answer.spec.task} on {answer.spec.data}{cohort}"
            )
    yield from seed_notes(answers)
    yield from _untested_notes(answers)
    yield from _imported_notes(answers)
    for formula, systems in formulas.items():
        yield f"{', '.join(systems)}: {formula}."
    yield from _tuning_notes(answers)
    if adapted:
        yield f"Adapted to a task its authors do not define: {', '.join(adapted)}."


def seed_notes(answers: Answers) -> Iterator[str]:
    """Return which systems' values are of other seeds than 0 alone, and where if not all are."""
    by_system: dict[str, dict[tuple[int, ...], dict[str, None]]] = {}
    for answer in answers.by_place.values():
        if answer.runs:
            of_seeds = by_system.setdefault(answer.row.system, {})
            of_seeds.setdefault(answer.seeds, {})[place_of(answer, answers)] = None
    by_seeds: dict[tuple[int, ...], list[str]] = {}
    for system, of_seeds in by_system.items():
        for seeds, places in of_seeds.items():
            where = f" ({', '.join(places)})" if len(of_seeds) > 1 else ""
            by_seeds.setdefault(seeds, []).append(system + where)
    for seeds, systems in by_seeds.items():
        if seeds != (0,):
            kind = "Mean over seeds" if len(seeds) > 1 else "Seed"
            yield f"{kind} {', '.join(map(str, seeds))}: {', '.join(systems)}."


def fewer_seeds(columns: Sequence[ReportColumn], rows: Sequence[ReportRow]) -> Iterator[str]:
    """Say which values are of fewer seeds than others of the row: a metric came later, perhaps."""
    fewer: dict[tuple[int, ...], list[str]] = {}
    names = told_apart(columns)
    for row in rows:
        most: dict[tuple[str, str, str | None], int] = {}
        cells = zip(names, columns, row.cells, strict=True)
        measured = [(name, column, cell) for name, column, cell in cells if cell.seeds]
        for _, column, cell in measured:
            place = column.task, column.data, column.cohort
            most[place] = max(most.get(place, 0), len(cell.seeds))
        for name, column, cell in measured:
            if len(cell.seeds) < most[column.task, column.data, column.cohort]:
                fewer.setdefault(cell.seeds, []).append(f"{row.system} ({name})")
    for seeds, places in fewer.items():
        kind = "seeds" if len(seeds) > 1 else "seed"
        yield (
            f"Of {kind} {', '.join(map(str, seeds))} alone, as the others' runs did not measure "
            f"it: {', '.join(places)}."
        )


def _untested_notes(answers: Answers) -> Iterator[str]:
    """Which systems are not compared: without a word, their missing marks would say equality."""
    lacking = dict.fromkeys(
        answer.row.system
        for answer in answers.by_place.values()
        if not all((run.folder / PER_INSTANCE).is_file() for run in answer.runs)
    )
    if lacking:
        yield (
            f"Not compared with others, nor a mean over seeds given an interval, as {PER_INSTANCE} "
            f"is gone from their runs: {', '.join(lacking)}."
        )


def _imported_notes(answers: Answers) -> Iterator[str]:
    """Which systems' answers came with submissions: their cost is of other machines."""
    systems: dict[str, dict[str, None]] = {}
    for answer in answers.by_place.values():
        for run in answer.runs:
            if is_imported(run):
                badge = run.manifest["submission"]["badge"]
                systems.setdefault(badge, {})[answer.row.system] = None
    for badge in sorted(systems):
        yield (
            f"From submissions ({badge}), fitted elsewhere and scored here: "
            f"{', '.join(systems[badge])}."
        )


def place_of(answer: Answer, answers: Answers) -> str:
    """Return the task of an answer, and what else tells its group of columns from the others."""
    groups = answers.groups
    words = [answer.group.task]
    words += [str(answer.group.data)] if len({group.data for group in groups}) > 1 else []
    words += [answer.group.cohort] if len({group.cohort for group in groups}) > 1 else []
    return " ".join(words)


def _tuning_notes(answers: Answers) -> Iterator[str]:
    several = len({(answer.spec.task, answer.spec.data) for answer in answers.by_place.values()})
    notes: dict[str, None] = {}
    for answer in answers.by_place.values():
        where = f" for {answer.spec.task} on {answer.spec.data}" if several > 1 else ""
        for run in answer.runs:
            if is_tuned(run):
                notes[tuning_note(answer.row.system, run, where)] = None
    yield from notes


def _failure_rate(answer: Answer) -> float:
    return sum(run.failure_rate for run in answer.runs) / len(answer.runs)


def _unmeasured(
    answers: Answers, columns: Sequence[ReportColumn], rows: Sequence[ReportRow]
) -> list[str]:
    """Metrics without a number although some run answered their question."""
    with_runs = {
        (answer.group.task, str(answer.group.data), answer.group.cohort)
        for answer in answers.by_place.values()
        if answer.runs
    }
    return [
        name
        for at, (name, column) in enumerate(zip(told_apart(columns), columns, strict=True))
        if (column.task, column.data, column.cohort) in with_runs
        and all(row.cells[at].value is None for row in rows)
    ]

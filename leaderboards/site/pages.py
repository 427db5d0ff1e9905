"""Draws every page of the site, and says which files it has."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from benchmark.metrics.families import family_of, is_variant
from benchmark.models import registered
from benchmark.models.registered import ModelEntry
from benchmark.predictions import Ranking
from benchmark.runs.spec import RunSpec
from benchmark.stats import FEWEST_USERS
from benchmark.tasks import TASKS
from leaderboards.boards import Board
from leaderboards.site import numbers, plot
from leaderboards.site.comparing import Pair, compare_rows
from leaderboards.site.downloads import as_csv, as_json, board_records, overview_records
from leaderboards.site.drawing import SUBMISSIONS, About, asset, board_path, draw, entry_path
from leaderboards.site.entries import EnteredRun, Entry
from leaderboards.site.examples import Answer, ShownInstance
from leaderboards.site.overview import SHADES, overviews
from leaderboards.site.rows import row_views
from leaderboards.site.showcase import Showcase
from leaderboards.site.standing import Row, Standing
from leaderboards.submission.schema import SubmittedRun
from leaderboards.verification.verify import BADGES

INDEX, OVERVIEW = "index.html", "overview"
#: Rows that a board shows until more are asked for: thousands take a browser seconds to lay out.
MOST_ROWS = 100
#: Upper ends of the filter by parameters.
_SIZES = ((10**6, "up to 1 M"), (10**8, "up to 100 M"), (10**9, "up to 1 G"))


#: Words and photo of the items that a page shows, by dataset and id: datasets share ids.
_Items = dict[str, dict[str, list[str | None]]]


@dataclass(frozen=True, slots=True)
class TablePage:
    """Publishes one report: ``html`` is a document of its own, ``csv`` and ``json`` its data."""

    number: str
    name: str
    title: str
    html: str
    csv: str
    json: str

    @property
    def path(self) -> str:
        """Return where the page lies, relative to the site's root."""
        return self.beside("html")

    def beside(self, ending: str) -> str:
        """Return where the table lies as ``html``, ``csv`` or ``json``."""
        return f"tables/{self.name}.{ending}"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a submission stands on a board with ``of`` ranked rows."""

    row: Row
    share: float | None
    of: int


@dataclass(frozen=True, slots=True)
class _RunView:
    """A run on its submission's page; ``instances`` is what its browser reads, as JSON."""

    entered: EnteredRun
    badge: str
    boards: Sequence[Board]
    place: _Place | None
    metric: str
    value: float
    command: str
    manifest: Sequence[tuple[str, str]]
    instances: Markup | None


class Site:
    """Draws every page; what they share, ``compared`` by board, is computed once.

    ``models`` says by name what is known of registered models, ``showcase`` which photos may be
    shown.
    """

    def __init__(
        self,
        standings: Sequence[Standing],
        entries: Sequence[Entry],
        tables: Sequence[TablePage] = (),
        *,
        about: About | None = None,
        showcase: Showcase | None = None,
        models: Mapping[str, ModelEntry] | None = None,
    ) -> None:
        self._standings = standings
        self._entries = entries
        self._tables = tables
        self._about = About() if about is None else about
        self._showcase = Showcase(None) if showcase is None else showcase
        self._models = registered.entries() if models is None else models
        self.compared = {s.board.name: compare_rows(s, self._models) for s in standings}
        self._overviews = overviews(standings, self.compared)

    def files(self) -> dict[str, str | bytes]:
        """Return path inside the site -> content: pages, downloads, photos."""
        files: dict[str, str | bytes] = {INDEX: self.index_page()}
        files |= _downloads(OVERVIEW, overview_records(self._overviews))
        for standing in self._standings:
            files[board_path(standing.board)] = self.board_page(standing)
            records = board_records(standing, self.compared[standing.board.name])
            files |= _downloads(f"boards/{standing.board.name}", records)
        for entry in self._entries:
            files[entry_path(entry)] = self.submission_page(entry)
        for table in self._tables:
            files[table.path] = table.html
            files[table.beside("csv")], files[table.beside("json")] = table.csv, table.json
        return files | self._showcase.files

    def index_page(self) -> str:
        """Draw the home page: boards in the order of the overviews' columns."""
        order = [board.name for overview in self._overviews for board in overview.boards]
        return draw(
            "index.html",
            self._about,
            standings=sorted(self._standings, key=lambda s: order.index(s.board.name)),
            entries=self._entries,
            tables=self._tables,
            overviews=self._overviews,
            shades=SHADES,
            citation=asset("cite.bib").rstrip().replace("VERSION", self._about.version),
        )

    def board_page(self, standing: Standing) -> str:
        """Draw the page of one board."""
        compared = self.compared[standing.board.name]
        rows = row_views(standing, compared, self._models)
        return draw(
            "board.html",
            self._about,
            "board.js" if rows else "",
            root="../",
            standing=standing,
            compared=compared,
            rows=rows,
            measured_energy=any(view.row.energy_wh is not None for view in rows),
            plot=plot.plot_of(standing.rows),
            pairs=_json([_pair(pair) for pair in compared.pairs]),
            groups=sorted({view.group for view in rows}),
            modalities=sorted({name for view in rows for name in view.reads}),
            sizes=_SIZES,
            badges=BADGES,
            most=MOST_ROWS,
            fewest_users=FEWEST_USERS,
        )

    def submission_page(self, entry: Entry) -> str:
        """Draw the page of one submission."""
        submission = entry.submission
        items: _Items = {}
        runs = [self._run_view(entry, entered, items) for entered in entry.runs]
        words = ["unimp-bench", "verify", f"{SUBMISSIONS}/{entry.name}"]
        return draw(
            "submission.html",
            self._about,
            "instances.js" if any(run.instances for run in runs) else "",
            root="../",
            entry=entry,
            runs=runs,
            measured_energy=any(run.watt_hours is not None for run in submission.runs),
            items=[_json(shown) for shown in items.values()],
            check=shlex.join([*words, "--reproduce", submission.asked(submission.runs[0])]),
        )

    def _run_view(self, entry: Entry, entered: EnteredRun, items: _Items) -> _RunView:
        run = entered.run
        metric = next(
            (name for name in entered.scores if is_variant(name, TASKS.get(run.task).primary)),
            next(iter(entered.scores)),
        )
        boards = [s.board for s in self._standings if s.board.takes(run)]
        return _RunView(
            entered=entered,
            badge=entry.badge_of(entered),
            boards=boards,
            place=self._place(entry, run),
            metric=metric,
            value=entered.scores[metric].value,
            command=_run_command(entry.submission.asked(run), run),
            manifest=_manifest(run),
            instances=self._instances(entered, items),
        )

    def _place(self, entry: Entry, run: SubmittedRun) -> _Place | None:
        for standing in self._standings:
            if not standing.board.takes(run):
                continue
            shares = self.compared[standing.board.name].shares
            ranked = sum(row.rank is not None for row in standing.rows)
            for row, share in zip(standing.rows, shares, strict=True):
                if row.entry.submission.digest == entry.submission.digest:
                    return _Place(row, share, ranked)
        return None

    def _instances(self, entered: EnteredRun, items: _Items) -> Markup | None:
        """What the browser of a run reads; words and photos of its items go to ``items``."""
        evidence = entered.evidence
        if evidence is None or not evidence.examples:
            return None
        examples = evidence.examples
        ids = dict.fromkeys(name for example in examples for name in example.items())
        data = entered.run.dataset_sha256
        shown = items.setdefault(data, {})
        for name, item in self._showcase.items(data, ids).items():
            shown[name] = [item.title, None if item.photo is None else f"../{item.photo}"]
        return _json(
            {
                "items": list(items).index(data),
                "metric": numbers.short(evidence.sliced),
                "higher": family_of(evidence.sliced).higher_is_better,
                "ranked": TASKS.get(entered.run.task).prediction is Ranking,
                "instances": [self._instance(example) for example in examples],
            }
        )

    def _instance(self, example: ShownInstance) -> dict[str, Any]:
        return {
            "history": example.history,
            "earlier": example.earlier,
            "query": example.query,
            "item": example.item,
            "candidates": example.candidates,
            "answer": self._answer(example.answer),
            "failed": example.answer is None,
            "target": self._answer(example.target),
            "score": example.score,
        }

    def _answer(self, answer: Answer) -> object:
        if isinstance(answer, bytes):
            return {"picture": f"../{self._showcase.picture(answer)}"}
        return answer


def _downloads(stem: str, records: Sequence[dict[str, Any]]) -> dict[str, str | bytes]:
    return {f"{stem}.csv": as_csv(records), f"{stem}.json": as_json(records)}


def _pair(pair: Pair) -> list[float | int | None]:
    ends = (pair.low, pair.high)
    return [pair.a, pair.b, round(pair.value, 5), *(e if e is None else round(e, 5) for e in ends)]


def _json(value: object) -> Markup:
    """JSON for a data block of a page: nothing in it can end the block or begin a tag."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _run_command(model: str, run: SubmittedRun) -> str:
    return RunSpec(
        model=model,
        task=run.task,
        data=run.data,
        cohort=run.cohort,
        perturb=run.perturb,
        seed=run.seed,
        settings=run.settings,
    ).command()


def _manifest(run: SubmittedRun) -> list[tuple[str, str]]:
    """What the manifest says of a run besides its scores, in words."""
    rare = {"levels"} if run.levels is None else set()
    fields = run.model_dump(exclude={"scores", *rare})
    return [(key.replace("_", " "), _words(value)) for key, value in fields.items()]


def _words(value: Any) -> str:
    if value is None or value in ([], {}):
        return numbers.NOTHING
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(entry)}" for key, entry in value.items())
    if isinstance(value, list):
        return ", ".join(_words(entry) for entry in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)

"""A leaderboard of thousands: made, built three times and opened in a browser, in one run.

    python speed/boards.py --submissions 2000

Simulates a shop of which 900 shoppers are asked, and makes submissions to its board of search, each
of a model that finds a share of the targets; every one is scored and packed as `submit` does it.
All lies in a temporary home. The board is then built as `leaderboard build` does it: once with
nothing kept, which verifies and re-scores every submission, once more over that site, and once to
another folder, with what the first build kept, so that all is ranked and drawn again. Sizes are
those of the site's files. Last, Debian's chromium opens the board from the disk, again and again,
each time without a cache: how long by the clock from the start of the navigation to the table
sorted once, and to a filter applied after that, the changed table on the screen both times.
Playwright (`pip install playwright`) drives the browser (`apt-get install chromium`);
`--visits 0` goes without; `--page FILE` opens a board's page that is there, and does nothing else.

Files of predictions are the slow part to make, so `--distinct` of them serve all submissions,
which differ in names and digests. `--cores 1` ties the browser to one core; `--profile` prints
where one process spends its time on the first `--submissions` instead.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from profiling import profiled

from benchmark.data.dataset import Dataset
from benchmark.data.instances.lazily import FrozenInstances
from benchmark.data.preparing.prepare import prepare
from benchmark.host.home import Home
from benchmark.runs.runner import execute
from benchmark.runs.spec import RunSpec
from benchmark.tasks import TASKS
from leaderboards.boards import Board
from leaderboards.site.building import build_site
from leaderboards.site.drawing import board_path
from leaderboards.site.entries import Verifier
from leaderboards.site.pages import INDEX
from leaderboards.submission import pack, tables
from leaderboards.submission.limits import Budget
from leaderboards.submission.schema import MANIFEST, digest_of, manifest_bytes
from leaderboards.verification.rescoring import rescore

TASK, DATA = "search", "shop"
#: Of 4,000 shoppers the others are kept for another cohort.
SETTINGS = {"size": "s", "new_users": "0.775"}
ASKED = 900
BOARD = Board(
    name="shop-search",
    version=1,
    title="Search in a shop that was made up",
    description="A measurement of the site.",
    task=TASK,
    task_version=TASKS.get(TASK).version,
    data=DATA,
    primary="NDCG@5",
)
DECLARATION = {
    "training_data": "None: the answers are made from the targets.",
    "code": "https://example.org/model",
    "contamination": "Complete: a measurement of the site, not of a model.",
    "contact": None,
}
#: Seconds since the navigation began; a step ends when what it changed is on the screen.
_USED = """async () => {
  const painted = () => new Promise((done) =>
    requestAnimationFrame(() => setTimeout(() => done(performance.now() / 1e3))));
  const loaded = performance.getEntriesByType("navigation")[0].loadEventEnd / 1e3;
  document.querySelector("thead th button").click();
  const sorted = await painted();
  const words = document.querySelector("#words");
  words.value = "name-19";
  words.dispatchEvent(new Event("input"));
  return { loaded, sorted, filtered: await painted() };
}"""


def make_submissions(folder: Path, home: Home, number: int, distinct: int) -> None:
    """Write ``number`` submissions; the shares of targets found rise from 0 to 0.6."""
    dataset = prepare("sim", home=home, name=DATA, settings=SETTINGS)
    instances = dataset.instances(TASK)
    if len(instances) != ASKED:
        raise SystemExit(f"{len(instances)} instances, not {ASKED}: SETTINGS need another share.")
    files = pack.files_of([execute(RunSpec("random", TASK, data=DATA), dataset, home)], DECLARATION)
    manifest = json.loads(files.pop(MANIFEST))
    ((name, content),) = files.items()
    random = tables.decode(content, TASK, name, Budget())
    kept = [
        _answers(random, instances, dataset, 0.6 * i / distinct, seed=i) for i in range(distinct)
    ]
    for i in range(number):
        content, rows_sha256, scores = kept[i * distinct // number]
        run = {**manifest["runs"][0], "predictions_sha256": rows_sha256, "scores": scores}
        made = {**manifest, "model": f"a-model-with-quite-a-long-name-{i}", "runs": [run]}
        made["digest"] = digest_of(made)
        written = {MANIFEST: manifest_bytes(made), name: content}
        pack.write_submission(written, folder / f"made-{i}")


def _answers(
    random: pa.Table, instances: FrozenInstances, dataset: Dataset, share: float, *, seed: int
) -> tuple[bytes, str, dict[str, Any]]:
    """A file that has a ``share`` of the targets in random places, its hash and its scores."""
    rng = np.random.default_rng(seed)
    rankings = random["items"].to_pylist()
    for items, target in zip(rankings, instances.targets, strict=True):
        wanted = target[0] if isinstance(target, tuple) else target
        if rng.random() < share and wanted not in items:
            items[rng.integers(len(items))] = wanted
    column = random.schema.get_field_index("items")
    field = random.schema.field(column)
    table = random.set_column(column, field, pa.array(rankings, type=field.type))
    scores = rescore(table, TASKS.get(TASK), instances, dataset).scores
    claimed = {metric: asdict(score) for metric, score in scores.items()}
    return tables.encode(table), tables.rows_sha256(table), claimed


def visits(page_file: Path, number: int) -> Iterator[dict[str, float]]:
    """Open the page ``number`` times; yield seconds since navigation began, by step."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for _ in range(number):
            context = browser.new_context()
            page = context.new_page()
            page.goto(page_file.as_uri())
            yield page.evaluate(_USED)
            context.close()
        browser.close()


def profile(submissions: Path, home: Home) -> None:
    """Verify everything in this process, which waits for the cage's; print what takes the time."""
    verifier = Verifier(home, [BOARD])
    first, *others = sorted(submissions.iterdir())
    verifier(first)  # opens the dataset, asks the listed models

    def work() -> None:
        for path in others:
            verifier(path)

    print(f"{len(others)} submissions verified in one process")
    print("\n".join(profiled(work, repeat=1, warm=False)))


def processor_seconds() -> float:
    """Return what this process and those that it started and that ended took of the processor."""
    used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def build(submissions: Path, out: Path, home: Home, number: int) -> str:
    """Build the site; return the seconds that it took, by the clock and of processors."""
    started, before = time.perf_counter(), processor_seconds()
    found = build_site(submissions, out, home=home, boards=[BOARD], prepare=False)
    seconds, used = time.perf_counter() - started, processor_seconds() - before
    if len(found.entries) != number:
        raise SystemExit(f"refused: {found.refusals[0]}")
    return f"{seconds:.1f} s, {used / number * 1e3:.1f} ms of processor each"


def print_sizes(out: Path) -> None:
    """Print the bytes of the site's pages and of all its files."""
    every = {path.relative_to(out).as_posix(): path.stat().st_size for path in out.rglob("*.*")}
    pages = {INDEX: every[INDEX], board_path(BOARD): every[board_path(BOARD)]}
    largest = max((name for name in every if name.startswith("submissions/")), key=every.get)
    for name, size in {**pages, largest: every[largest], "all files": sum(every.values())}.items():
        print(f"{size / 1e6:8.2f} MB  {name}")


def print_visits(page_file: Path, number: int) -> None:
    """Open the page ``number`` times; print the least, median and largest seconds of each step."""
    seen = list(visits(page_file, number))
    print(f"seconds after the start of the navigation, {number} visits")
    print(f"{'':10}{'least':>8}{'median':>8}{'most':>8}")
    for step in seen[0]:
        values = [visit[step] for visit in seen]
        print(f"{step:10}{min(values):8.2f}{statistics.median(values):8.2f}{max(values):8.2f}")


def main() -> None:
    """Make, build and open the site, and print the seconds of each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--submissions", type=int, default=2_000)
    parser.add_argument("--distinct", type=int, default=100, help="files of predictions")
    parser.add_argument("--visits", type=int, default=15, help="how often the board is opened")
    parser.add_argument("--cores", type=int, help="the browser's; all if not given")
    parser.add_argument("--profile", action="store_true", help="verify in one process, and tell")
    parser.add_argument("--page", type=Path, help="open this board's page, and make none")
    options = parser.parse_args()
    if options.page is not None:
        print_visits(options.page.absolute(), options.visits)
        return
    with tempfile.TemporaryDirectory() as name:
        home, submissions = Home(Path(name) / "home"), Path(name) / "submissions"
        out = Path(name) / "site"
        started = time.perf_counter()
        distinct = min(options.distinct, options.submissions)
        make_submissions(submissions, home, options.submissions, distinct)
        made = time.perf_counter() - started
        print(f"{options.submissions:,} submissions of {ASKED} answers made in {made:.0f} s")
        if options.profile:
            profile(submissions, home)
            return
        for words, to in (
            ("verified, re-scored, ranked and drawn", out),
            ("nothing new, the site is there", out),
            ("verified before, ranked and drawn again", out.with_name("another")),
        ):
            print(f"{words}: {build(submissions, to, home, options.submissions)}", flush=True)
        print_sizes(out)
        if not options.visits:
            return
        if options.cores is not None:
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
        print_visits(out / board_path(BOARD), options.visits)


if __name__ == "__main__":
    main()

"""A leaderboard of thousands: made, built and opened in a browser, in one run.

    python speed/site.py --submissions 2000

Makes submissions to the search board of sim-s (prepared in the home folder if it is not there),
each of a model that finds a share of the targets; every one is scored and packed as `submit` does
it and lies in a temporary folder. `leaderboard build` then verifies and re-scores all of them and
writes the site. Last, Debian's chromium opens the board from the disk, again and again, each time
without a cache: how long by the clock from the start of the navigation to the table sorted once,
and to a filter applied after that, the changed table on the screen both times. Playwright
(`pip install playwright`) drives the browser (`apt-get install chromium`).

Files of predictions are the slow part to make, so `--distinct` of them serve all submissions,
which differ in names and digests. `--cores 1` ties the browser to one core.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
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

from benchmark.data.dataset import Dataset
from benchmark.data.instances.lazily import FrozenInstances
from benchmark.data.opening import ensure_dataset
from benchmark.host.home import Home, find_home
from benchmark.runs.runner import execute
from benchmark.runs.spec import RunSpec
from benchmark.tasks import TASKS
from leaderboards.site.building import build_site
from leaderboards.submission import pack, tables
from leaderboards.submission.schema import MANIFEST, digest_of
from leaderboards.verification.rescoring import rescore

TASK, DATA = "search", "sim-s"
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
    dataset = ensure_dataset(DATA, home)
    instances = dataset.instances(TASK)
    files = pack.files_of([execute(RunSpec("random", TASK, data=DATA), dataset, home)], DECLARATION)
    manifest = json.loads(files.pop(MANIFEST))
    ((name, content),) = files.items()
    random = tables.decode(content, TASK, name)
    kept = [
        _answers(random, instances, dataset, 0.6 * i / distinct, seed=i) for i in range(distinct)
    ]
    for i in range(number):
        content, scores = kept[i * distinct // number]
        run = {
            **manifest["runs"][0],
            "predictions_sha256": hashlib.sha256(content).hexdigest(),
            "scores": scores,
        }
        made = {**manifest, "model": f"a-model-with-quite-a-long-name-{i}", "runs": [run]}
        made["digest"] = digest_of(made)
        text = json.dumps(made).encode()
        pack.write_submission({MANIFEST: text, name: content}, folder / f"made-{i}")


def _answers(
    random: pa.Table, instances: FrozenInstances, dataset: Dataset, share: float, *, seed: int
) -> tuple[bytes, dict[str, Any]]:
    """A predictions file that has a ``share`` of the targets in random places, and its scores."""
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
    return tables.encode(table), {metric: asdict(score) for metric, score in scores.items()}


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


def main() -> None:
    """Make, build and open the site, and print the seconds of each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--submissions", type=int, default=2_000)
    parser.add_argument("--distinct", type=int, default=100, help="files of predictions")
    parser.add_argument("--visits", type=int, default=15, help="how often the board is opened")
    parser.add_argument("--cores", type=int, help="the browser's; all if not given")
    parser.add_argument("--home", type=Path, help="home folder")
    options = parser.parse_args()
    home = find_home(options.home)
    with tempfile.TemporaryDirectory() as name:
        submissions, out = Path(name) / "submissions", Path(name) / "site"
        started = time.perf_counter()
        distinct = min(options.distinct, options.submissions)
        make_submissions(submissions, home, options.submissions, distinct)
        made = time.perf_counter() - started
        started = time.perf_counter()
        found = build_site(submissions, out, home=home, with_tables=False)
        built = time.perf_counter() - started
        if len(found.entries) != options.submissions:
            raise SystemExit(f"refused: {found.refusals[0]}")
        board = out / "boards" / f"{DATA}-{TASK}.html"
        print(f"{options.submissions:,} submissions made in {made:.0f} s")
        each = built / options.submissions
        print(f"verified, re-scored, ranked and drawn in {built:.0f} s ({each * 1e3:.0f} ms each)")
        print(f"board page {board.stat().st_size / 1e6:.2f} MB")
        if options.cores is not None:
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
        seen = list(visits(board, options.visits))
    print(f"seconds after the start of the navigation, {options.visits} visits")
    print(f"{'':10}{'least':>8}{'median':>8}{'most':>8}")
    for step in seen[0]:
        values = [visit[step] for visit in seen]
        print(f"{step:10}{min(values):8.2f}{statistics.median(values):8.2f}{max(values):8.2f}")


if __name__ == "__main__":
    main()

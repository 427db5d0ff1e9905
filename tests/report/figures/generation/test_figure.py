"""Figures: which pairs are shown, what is on the page, and from which run."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure
from PIL import Image

from benchmark.errors import BenchError, UsageError
from benchmark.host.files import read_json, write_json
from benchmark.host.home import Home
from benchmark.metrics import image_judge
from benchmark.report.figures.generation.figure import build_generation
from benchmark.report.figures.generation.page import Row, Side, draw_page
from benchmark.report.figures.making import describe, make_figure
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import MANIFEST, PREDICTIONS, SCORES

MODEL, TASK, DATA = "random-photo", "image-generation", "sim-xs"


@pytest.fixture(scope="module")
def template(execute, home_with, sim_xs, tmp_path_factory) -> Home:
    """A home with sim-xs and one run of random-photo."""
    home = home_with(tmp_path_factory.mktemp("figures"), sim_xs)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(image_judge.VARIABLE, raising=False)
        execute(RunSpec(MODEL, TASK, DATA), home)
    return home


@pytest.fixture
def place(template: Home, tmp_path: Path) -> Home:
    """A copy of it that a test may spoil."""
    shutil.copytree(template.root, tmp_path / "home", symlinks=True)
    return Home(tmp_path / "home")


def only_run(home: Home) -> Path:
    (manifest,) = home.runs.glob(f"*/{MANIFEST}")
    return manifest.parent


def another_run(home: Home, name: str, **changes) -> Path:
    """A copy of the stored run under other words of its manifest."""
    first = min(home.runs.glob(f"*/{MANIFEST}")).parent
    folder = home.runs / name
    shutil.copytree(first, folder)
    write_json(folder / MANIFEST, {**read_json(first / MANIFEST), **changes})
    return folder


def only_run_of(home: Home, seed: int) -> str:
    """The name of the one stored run of a seed."""
    found = [p.parent.name for p in home.runs.glob(f"*/{MANIFEST}") if read_json(p)["seed"] == seed]
    (name,) = found
    return name


def words_on(page: Figure) -> list[str]:
    return [text.get_text() for text in page.axes[0].texts]


def grey(level: int):
    return np.full((3, 2, 2), level, np.uint8)


# What is on the page


def test_the_pairs_of_a_run_are_those_of_a_search_by_brute_force(template, sim_xs) -> None:
    drawn = build_generation(template, data=DATA, model=MODEL).to_json()
    instances = pl.read_parquet(sim_xs.folder / "tasks" / TASK / "test-seen.parquet")
    targets: dict[str, dict[str, str]] = defaultdict(dict)
    for query, instance, (target,) in instances.select(
        "query", "instance_id", "target_items"
    ).rows():
        targets[query][instance] = target
    photos = {
        path.stem: np.asarray(Image.open(path).convert("RGB").resize((64, 64)), float)
        for path in (sim_xs.folder / "images").iterdir()
    }

    def apart(one: str, other: str) -> float:
        return float(np.sqrt(((photos[one] - photos[other]) ** 2).sum()))

    assert [pair["query"] for pair in drawn["pairs"]] == sorted(targets)
    for pair in drawn["pairs"]:
        own = targets[pair["query"]]
        one, other = pair["users"]
        assert one["user_id"] != other["user_id"]
        assert (one["target"], other["target"]) == (
            own[one["instance_id"]],
            own[other["instance_id"]],
        )
        farthest = max(apart(a, b) for a, b in combinations(set(own.values()), 2))
        assert apart(one["target"], other["target"]) == pytest.approx(farthest)


def test_the_page_shows_histories_stored_images_and_true_items(template, sim_xs) -> None:
    figure = build_generation(template, data=DATA, model=MODEL)
    page = Figure()
    figure.draw(page)
    shown = iter([image.get_array() for image in page.axes[0].images])
    stored = dict(
        pl.read_parquet(only_run(template) / PREDICTIONS).select("instance_id", "png").rows()
    )

    def photo(item_id: str):
        return np.asarray(Image.open(sim_xs.folder / "images" / f"{item_id}.png").convert("RGB"))

    for pair in figure.to_json()["pairs"]:
        for user in pair["users"]:
            assert len(user["history"]) == 5
            for item_id in user["history"]:
                assert np.array_equal(next(shown), photo(item_id))
            answer = Image.open(io.BytesIO(stored[user["instance_id"]])).convert("RGB")
            assert np.array_equal(next(shown), np.asarray(answer))
            assert np.array_equal(next(shown), photo(user["target"]))
    assert next(shown, None) is None


def test_the_page_names_model_dataset_seed_and_simulation(template) -> None:
    page = Figure()
    build_generation(template, data=DATA, model=MODEL).draw(page)
    words = words_on(page)
    assert words[0] == "Generated images: random-photo on sim-xs (simulated), seed 0"
    assert "“garden planting planters”" in words
    assert any("sim-xs is simulated" in line for line in words)


def test_failed_answers_and_missing_photos_are_shown_as_such() -> None:
    page = Figure()
    sides = (Side("a", (None, grey(3)), None, grey(9)), Side("b", (), grey(5), None))
    draw_page(page, [Row("q", sides)], title="t", subtitle="s", notes=["n"])
    inside = [words for words in words_on(page) if "\n" in words]
    assert inside == ["no\nphoto", "failed\nanswer", "no\nphoto"]
    assert len(page.axes[0].images) == 3


def test_everything_lies_on_the_page_and_nothing_overlaps() -> None:
    page = Figure()
    side = Side("u" * 80, (grey(0),) * 9, grey(1), grey(2))
    draw_page(
        page, [Row("q" * 300, (side, side))] * 6, title="t" * 200, subtitle="s", notes=["n " * 300]
    )
    page.canvas.draw()
    width, height = page.bbox.size
    for text in page.axes[0].texts:
        box = text.get_window_extent()
        assert 0 <= box.x0 < box.x1 <= width
        assert 0 <= box.y0 < box.y1 <= height
    boxes = [image.get_window_extent() for image in page.axes[0].images]
    assert len(boxes) == 6 * 2 * 7
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_dollars_and_control_characters_are_words_like_others(tmp_path) -> None:
    page = Figure()
    side = Side("$\\frac", (), None, None)
    draw_page(page, [Row("a $\\x$\x00\nb", (side, side))], title="$", subtitle="", notes=[])
    assert "“a $\\x$  b”" in words_on(page)
    page.savefig(tmp_path / "page.svg")
    ElementTree.parse(tmp_path / "page.svg")


# From which run


def test_the_newest_run_is_shown_and_a_trial_is_called_one(place) -> None:
    another_run(place, "newer", seed=7, settings={"epochs": 2}, created="2099-01-01T00:00:00+00:00")
    another_run(place, "older", seed=8, created="2001-01-01T00:00:00+00:00")
    figure = build_generation(place, data=DATA, model=MODEL)
    assert figure.run.folder.name == "newer"
    page = Figure()
    figure.draw(page)
    assert words_on(page)[0].endswith("seed 7")
    assert "epochs=2" in words_on(page)[1]


def test_a_seed_that_is_named_is_shown_and_one_without_a_run_is_told(place, cli, tmp_path) -> None:
    for name, year in (("first", 2098), ("second", 2099)):
        another_run(place, name, seed=8, created=f"{year}-01-01T00:00:00+00:00")
    another_run(place, "newest", seed=7, created="2100-01-01T00:00:00+00:00")
    words = ["report", "--figure", "generation", "--data", DATA, "--model", MODEL]
    out = tmp_path / "figure.svg"
    for seed, folder in ((0, only_run_of(place, 0)), (7, "newest"), (8, "second")):
        status, printed, _ = cli(
            *words, "--seed", str(seed), "--out", str(out), "--json", home=place
        )
        shown = json.loads(printed)
        assert (status, shown["seed"], Path(shown["run"]).name) == (0, seed, folder)
    status, _, said = cli(*words, "--seed", "3", home=place)
    assert status == 1
    assert "'random-photo' with seed 3" in said
    assert "run --model random-photo --task image-generation --data sim-xs --seed 3" in said


def test_a_limited_run_is_asked_its_own_instances(place) -> None:
    folder = only_run(place)
    pl.read_parquet(folder / PREDICTIONS).head(40).write_parquet(folder / PREDICTIONS)
    write_json(folder / MANIFEST, {**read_json(folder / MANIFEST), "limit": 40})
    figure = build_generation(place, data=DATA, model=MODEL)
    first = pl.read_parquet(folder / PREDICTIONS)["instance_id"].to_list()
    shown = [user["instance_id"] for pair in figure.to_json()["pairs"] for user in pair["users"]]
    assert shown
    assert set(shown) <= set(first)
    page = Figure()
    figure.draw(page)
    assert "first 40 instances" in words_on(page)[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset_sha256": "0" * 64},
        {"task_version": 0},
        {"perturb": "nv"},
        {"cohort": "new-user"},
        {"variant": "x"},
    ],
)
def test_runs_that_answer_something_else_are_not_shown(place, changes) -> None:
    folder = only_run(place)
    write_json(folder / MANIFEST, {**read_json(folder / MANIFEST), **changes})
    with pytest.raises(BenchError) as caught:
        build_generation(place, data=DATA, model=MODEL)
    assert caught.value.exit_status == 1
    assert caught.value.fix == (
        "Make one: unimp-bench run --model random-photo --task image-generation --data sim-xs"
    )


def test_a_class_of_a_file_is_known_by_its_name(place) -> None:
    another_run(place, "outside", model="Mine")
    assert build_generation(place, data=DATA, model="some/file.py:Mine").run.label == "Mine"


def test_images_that_fail_or_are_not_what_was_asked_are_failed_answers(place) -> None:
    folder = only_run(place)
    before = build_generation(place, data=DATA, model=MODEL).to_json()
    lost, swapped = (before["pairs"][0]["users"][i]["instance_id"] for i in (0, 1))
    tall = io.BytesIO()
    Image.new("RGB", (64, 65)).save(tall, "PNG")
    stored = pl.read_parquet(folder / PREDICTIONS)
    images = [
        {lost: None, swapped: tall.getvalue()}.get(instance, image)
        for instance, image in stored.select("instance_id", "png").rows()
    ]
    stored.with_columns(pl.Series("png", images, pl.Binary)).write_parquet(folder / PREDICTIONS)
    write_json(folder / SCORES, {**read_json(folder / SCORES), "failure_rate": 2 / len(images)})
    figure = build_generation(place, data=DATA, model=MODEL)
    status = [user["status"] for pair in figure.to_json()["pairs"] for user in pair["users"]]
    assert status == ["failed", "failed"] + ["ok"] * (len(status) - 2)
    page = Figure()
    figure.draw(page)
    assert words_on(page).count("failed\nanswer") == 2
    assert any("of the answers failed" in words for words in words_on(page))


@pytest.mark.parametrize("content", [b"", b"not a table", None])
def test_damaged_predictions_are_named(place, content) -> None:
    path = only_run(place) / PREDICTIONS
    if content is None:
        pl.read_parquet(path).reverse().write_parquet(path)
    else:
        path.write_bytes(content)
    with pytest.raises(BenchError, match=r"predictions\.parquet") as caught:
        build_generation(place, data=DATA, model=MODEL)
    assert "run again" in str(caught.value.fix)


# The file


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_same_figure_is_the_same_file(template, tmp_path, ending) -> None:
    files = [tmp_path / f"{name}.{ending}" for name in ("one", "two")]
    for path in files:
        make_figure("generation", home=template, data=DATA, model=MODEL, out=path)
    one, two = (path.read_bytes() for path in files)
    assert one == two
    if ending == "svg":
        assert ElementTree.fromstring(one).tag.endswith("svg")
    else:
        with Image.open(files[0]) as image:
            assert image.format == "PNG"
            assert min(image.size) > 1000
    assert sorted(tmp_path.iterdir()) == files


def test_a_file_of_another_ending_is_not_written(template, tmp_path) -> None:
    for out, output_format in (("a.svg", "png"), ("a.jpg", None), ("a.jpg", "svg")):
        with pytest.raises(UsageError, match=out.replace(".", r"\.")):
            make_figure(
                "generation",
                home=template,
                data=DATA,
                model=MODEL,
                output_format=output_format,
                out=tmp_path / out,
            )
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_the_command_that_installs_it_is_named(template, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BenchError, match=r"pip install 'unimp-bench\[plots\]'"):
        make_figure("generation", home=template, data=DATA, model=MODEL)


def test_the_command_prints_what_it_drew(template, tmp_path, monkeypatch, cli) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["report", "--figure", "generation", "--data", DATA, "--model", MODEL]
    status, out, _ = cli(*words, "--json", home=template)
    assert status == 0
    printed = json.loads(out)
    path = tmp_path / "figure-generation.png"
    assert path.is_file()
    assert printed == describe(build_generation(template, data=DATA, model=MODEL), path)
    assert printed["file"] == str(path)
    assert (printed["model"], printed["seed"], printed["simulated"]) == (MODEL, 0, True)


def test_a_long_title_keeps_its_end_and_stays_on_the_page() -> None:
    page = Figure()
    title = f"Generated images: {'folder/' * 12}model.py:Model on sim-s (simulated), seed 7"
    draw_page(page, [], title=title, subtitle="", notes=[])
    written = page.axes[0].texts[0]
    assert written.get_text() == title
    assert written.get_window_extent().x1 / page.dpi <= page.get_size_inches()[0]

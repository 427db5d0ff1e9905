"""Figures of a table: what is on them, from which runs, and what they refuse."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from benchmark.errors import BenchError, UsageError
from benchmark.host.files import write_json
from benchmark.host.home import Home
from benchmark.report.contents import ReportCell
from benchmark.report.figures import TABLE_FIGURES
from benchmark.report.figures.cost import build_cost
from benchmark.report.figures.dots import _strips, build_dots
from benchmark.report.figures.journals import read_journal, validation_curves
from benchmark.report.figures.learning import build_learning
from benchmark.report.figures.making import make_figure
from benchmark.report.figures.ranks import build_ranks, ties
from benchmark.report.figures.robustness import Slope, build_robustness
from benchmark.runs.fitting import fit_folder
from benchmark.runs.store import PER_INSTANCE

TABLE = """
name = "mine"
title = "Mine"
[[columns]]
task = "search"
metrics = ["HR@5", "NDCG@5"]
[[rows]]
system = '<i>BM25</i> & "$x_1$"'
model = "bm25"
[[rows]]
system = "UniMP"
model = "unimp"
[[rows]]
system = "UniMP, NT"
model = "unimp"
perturb = "nt"
[[rows]]
system = "Popularity"
model = "popularity"
role = "trivial"
"""
ODD = '<i>BM25</i> & "$x_1$"'
JOURNAL = {
    "epochs": [
        {"stage": "joint", "loss": 3.0, "valid search NDCG@5": 0.1, "valid preference MAE": 0.9},
        {"stage": "joint", "loss": 2.0, "valid search NDCG@5": 0.3},
        {"stage": "joint", "loss": 1.0, "valid search NDCG@5": 0.2},
        {"stage": "own preference", "valid preference MAE": 0.95},
        {"stage": "own search", "valid search NDCG@5": 0.25, "valid search note": "words"},
    ],
    "kept": {"joint": 1, "own preference": 0, "own search": -1},
}


def leave_fit(home: Home, name: str, *, journal: object = None) -> Path:
    """A fitted folder as the harness leaves it, with a journal among a model's files."""
    folder = home.fitted / name
    write_json(folder / "fitted.json", {"key": name.rpartition("-")[2]})
    (folder / "state").mkdir(exist_ok=True)
    (folder / "state" / "a-broken.json").write_text("{", encoding="utf-8")
    write_json(folder / "state" / "b-list.json", [1])
    if journal is not None:
        write_json(folder / "state" / "journal.json", journal)
    return folder


@pytest.fixture
def filled(shelf) -> Home:
    shelf.ranked("bm25", chance=0.5, fit_seconds=0.02)
    shelf.ranked("unimp", chance=0.8, fit_seconds=90.5, fit_key="f1")
    shelf.ranked("unimp", chance=0.4, perturb="nt", fit_seconds=90.5, fit_key="f1")
    shelf.ranked("popularity", chance=0.1, fit_seconds=0.0, fit_key="f2")
    leave_fit(shelf.home, "unimp-f1", journal=JOURNAL)
    return shelf.home


@pytest.fixture
def mine(tmp_path: Path) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(TABLE, encoding="utf-8")
    return str(path)


def words_of(svg: bytes) -> list[str]:
    return [
        "".join(text.itertext()).strip()
        for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    ]


def marks_of(axes) -> list:
    return [line for line in axes.lines if line.get_marker() not in ("None", None, "|")]


# All of them


@pytest.mark.parametrize("name", TABLE_FIGURES)
def test_the_same_figure_is_the_same_file_and_its_names_are_words(
    filled, mine, tmp_path, name
) -> None:
    files = [tmp_path / f"{number}.svg" for number in "12"]
    for path in files:
        make_figure(name, home=filled, table=mine, out=path)
    one, two = (path.read_bytes() for path in files)
    assert one == two
    words = words_of(one)  # which parses: names are escaped
    assert any(line.startswith("UniMP") for line in words)
    assert "sim-s is simulated: its numbers say nothing about real users." in words
    assert ODD in " ".join(words) or name == "robustness"


@pytest.mark.parametrize("name", TABLE_FIGURES)
def test_without_a_run_the_command_that_makes_one_is_named(shelf, name) -> None:
    with pytest.raises(BenchError, match="No run of table 'search' on sim-s") as caught:
        make_figure(name, home=shelf.home, table="search")
    assert caught.value.fix == "Run it: unimp-bench run --table search"


def test_what_is_missing_is_said_with_what_fills_it(filled, mine, shelf) -> None:
    notes = build_dots(filled, table="search", data="sim-s").view.notes()
    assert (
        "Not run yet: Random, Informed, Oracle. To run: unimp-bench run --table search --data sim-s"
    ) in notes
    assert any(note.startswith("Cannot run here: HEM, ZAM, RTM") for note in notes)


def test_figures_and_tables_that_do_not_go_together_are_refused(filled) -> None:
    with pytest.raises(UsageError, match="'dots' is drawn of a table"):
        make_figure("dots", home=filled)
    with pytest.raises(UsageError, match="--model unimp is not for figure 'dots'"):
        make_figure("dots", home=filled, table="search", model="unimp")
    with pytest.raises(UsageError, match="'generation' is of one run"):
        make_figure("generation", home=filled, table="search")
    with pytest.raises(UsageError, match="Unknown figure 'dot'") as caught:
        make_figure("dot", home=filled, table="search")
    assert "'dots'" in str(caught.value.fix)
    with pytest.raises(UsageError, match="nothing to plot"):
        make_figure("dots", home=filled, table="datasets")


def test_the_command_writes_a_file_named_after_figure_and_table(
    filled, mine, tmp_path, monkeypatch, cli
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["report", "--figure", "dots", "--table", mine, "--format", "svg"]
    status, out, _ = cli(*words, home=filled)
    assert status == 0
    assert (tmp_path / "figure-dots-mine.svg").is_file()
    assert out == ("figure-dots-mine.svg: dots of Mine. Measured on sim-s (simulated)\n")


def test_without_matplotlib_the_extra_is_named(filled, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BenchError, match=r"pip install 'unimp-bench\[plots\]'"):
        make_figure("ranks", home=filled, table="search")


# dots


def test_dots_show_the_best_on_top_the_oracle_above_and_the_paper_hollow(filled, shelf) -> None:
    shelf.ranked("oracle", chance=0.3)
    figure = build_dots(filled, table="search", data=None)
    assert [row.system for row in figure.strips[0].rows] == [
        "Oracle", "UniMP", "BM25", "Popularity", "RTM", "ZAM", "HEM",
    ]  # fmt: skip
    page = Figure()
    figure.draw(page)
    panels = page.axes[1:]
    assert len(panels) == 3
    for axes in panels:
        hollow = [mark for mark in marks_of(axes) if mark.get_markerfacecolor() == "none"]
        assert len(hollow) == 5
        assert len(marks_of(axes)) == 5 + 4
        shapes = {mark.get_marker() for mark in marks_of(axes)}
        assert shapes == {"s", "o", "v", "D"}
    first = figure.to_json()["panels"][0]
    unimp = first["marks"][1]
    bar = next(
        line for line in panels[0].lines if list(line.get_xdata()) == [unimp["low"], unimp["high"]]
    )
    assert list(bar.get_ydata()) == [1, 1]


def test_dots_say_whose_the_hollow_numbers_are(shelf, tmp_path) -> None:
    for model in ("bm25", "unimp"):
        shelf.ranked(model, chance=0.5)
    path = tmp_path / "mine.toml"
    path.write_text(
        TABLE.replace('title = "Mine"', 'title = "Mine"\npublished = "what Doe et al. found"')
        .replace('model = "bm25"', 'model = "bm25"\npublished = {"HR@5" = 0.4}')
        .replace('model = "popularity"', 'model = "popularity"\npublished = {"NDCG@5" = 0.9}'),
        encoding="utf-8",
    )
    figure = build_dots(shelf.home, table=str(path), data=None)
    page = Figure()
    figure.draw(page)
    words = [text.get_text() for text in page.axes[0].texts]
    assert "published by others" in words
    assert "Hollow, published: what Doe et al. found." in words
    assert not any("paper" in each for each in words)


def test_systems_that_differ_in_their_end_are_told_apart_in_every_figure(shelf, tmp_path) -> None:
    for model, chance in (("bm25", 0.3), ("unimp", 0.6)):
        shelf.ranked(model, chance=chance, fit_seconds=1.0)
        shelf.ranked(model, chance=chance / 2, perturb="nt", fit_seconds=1.0)
    start = "a system with a name that is too long for a figure, "
    columns = '[[columns]]\ntask = "search"\nmetrics = ["NDCG@5"]\n'
    rows = "".join(
        f'[[rows]]\nsystem = "{start}{model} {how}"\nmodel = "{model}"\n{perturb}'
        for model in ("bm25", "unimp")
        for how, perturb in (("clean", ""), ("NT", 'perturb = "nt"\n'))
    )
    path = tmp_path / "mine.toml"
    path.write_text(f'name = "mine"\ntitle = "Mine"\n{columns}{rows}', encoding="utf-8")
    for build in (build_dots, build_cost, build_ranks, build_robustness):
        page = Figure()
        build(shelf.home, table=str(path), data=None).draw(page)
        every = [text.get_text() for axes in page.axes for text in axes.texts]
        names = [words for words in every if words.startswith("a system with")]
        assert len(set(names)) == len(names) >= 2
        for model in ("bm25", "unimp"):
            assert any(f"{model} clean" in name for name in names)


def test_who_was_run_for_one_task_alone_is_missed_for_the_other_alone(shelf, tmp_path) -> None:
    shelf.ranked("unimp", chance=0.5)
    for task in ("search", "recommendation"):
        shelf.ranked("popularity", chance=0.2, task=task)
    columns = "".join(
        f'[[columns]]\ntask = "{task}"\nmetrics = ["HR@5"]\n'
        for task in ("search", "recommendation")
    )
    rows = "".join(
        f'[[rows]]\nsystem = "{model}"\nmodel = "{model}"\n'
        for model in ("unimp", "popularity", "random")
    )
    path = tmp_path / "mine.toml"
    path.write_text(f'name = "mine"\ntitle = "Mine"\n{columns}{rows}', encoding="utf-8")
    view = build_dots(shelf.home, table=str(path), data=None).view
    (note,) = [note for note in view.notes() if note.startswith("Not run yet")]
    assert note.startswith("Not run yet: unimp (recommendation), random. To run:")


def test_who_has_no_printed_number_of_the_leading_metric_stands_last(shelf) -> None:
    shelf.ranked("unimp", chance=0.5)
    figure = build_dots(shelf.home, table="search", data=None)
    (strip,) = figure.strips
    first, *_ = strip.printed
    primary = strip.group.primary
    cells = list(first.cells)
    cells[primary] = replace(cells[primary], paper=None)
    gone = replace(first, cells=tuple(cells))
    rows = [gone if row.system == first.system else row for row in figure.view.report.rows]
    columns = [replace(c, higher_is_better=False) for c in figure.view.report.columns]
    report = replace(figure.view.report, rows=tuple(rows), columns=tuple(columns))
    view = replace(figure.view, report=report)
    (again,) = _strips(view, strip.group)
    assert again.printed[-1].system == first.system


# cost


def test_cost_gives_every_machine_a_shape_and_says_not_to_compare_them(shelf) -> None:
    shelf.ranked("bm25", chance=0.5, processor="A", cores=2, fit_seconds=1.0)
    shelf.ranked("unimp", chance=0.8, processor="A", cores=2, fit_seconds=10.0,
                 devices=["cpu (2 threads)", "H100"])  # fmt: skip
    shelf.ranked("unimp", chance=0.8, processor="A", cores=2, seed=1, fit_seconds=30.0)
    shelf.ranked("popularity", chance=0.1, processor="A", cores=2, fit_seconds=0.0)
    figure = build_cost(shelf.home, table="search", data=None)
    assert figure.machines == ["A, 2 cores", "A, 2 cores, H100 and A, 2 cores"]
    points = {point.system: point for point in figure.panels[0][1]}
    assert points["UniMP"].seconds == 20.0
    page = Figure()
    figure.draw(page)
    drawn = {float(mark.get_xdata()[0]): mark.get_marker() for mark in marks_of(page.axes[1])}
    assert drawn == {1.0: "o", 20.0: "s", 0.001: "o"}
    words = " ".join(text.get_text() for text in page.axes[0].texts)
    assert "times of different shapes are not comparable" in words
    assert "trained on A, 2 cores, H100 and A, 2 cores" in words


def test_cost_names_a_machine_once_whose_cores_only_some_seeds_state(shelf) -> None:
    shelf.ranked("unimp", chance=0.8, processor="A", cores=None, fit_seconds=10.0)
    shelf.ranked("unimp", chance=0.8, processor="A", cores=2, seed=1, fit_seconds=30.0)
    shelf.ranked("bm25", chance=0.5, processor="A", cores=None, fit_seconds=1.0)
    shelf.ranked("bm25", chance=0.5, processor="B", cores=2, seed=1, fit_seconds=1.0)
    figure = build_cost(shelf.home, table="search", data=None)
    assert set(figure.machines) == {"A, 2 cores", "A and B, 2 cores"}


def test_cost_tells_roles_apart_by_more_than_colour_and_says_what_they_are(shelf) -> None:
    for seconds, model in enumerate(("unimp", "popularity", "oracle"), start=1):
        shelf.ranked(model, chance=0.5, fit_seconds=float(seconds))
    page = Figure()
    build_cost(shelf.home, table="search", data=None).draw(page)
    looks = {
        (line.get_fillstyle(), line.get_markerfacecolor() == "white") for line in
        marks_of(page.axes[1])
    }  # fmt: skip
    assert len(looks) == 3
    words = {text.get_text() for text in page.axes[0].texts}
    assert {"system", "trivial", "ceiling: knows the simulation"} <= words


def test_cost_gives_ten_machines_ten_shapes(shelf) -> None:
    shelf.ranked("unimp", chance=0.5, fit_seconds=1.0)
    figure = build_cost(shelf.home, table="search", data=None)
    ((group, (point,)),) = figure.panels
    many = tuple(replace(point, system=f"S{at}", machine=f"M{at}") for at in range(10))
    page = Figure()
    replace(figure, panels=((group, many),)).draw(page)
    assert len({mark.get_marker() for mark in marks_of(page.axes[1])}) == 10


def test_cost_of_systems_alone_explains_no_roles(shelf) -> None:
    shelf.ranked("unimp", chance=0.5, fit_seconds=1.0)
    page = Figure()
    build_cost(shelf.home, table="search", data=None).draw(page)
    assert "system" not in {text.get_text() for text in page.axes[0].texts}


def test_cost_leaves_out_perturbed_rows_and_says_so(filled, mine) -> None:
    figure = build_cost(filled, table=mine, data=None)
    assert [point.system for point in figure.panels[0][1]].count("UniMP") == 1
    assert "UniMP, NT" not in [point.system for point in figure.panels[0][1]]
    page = Figure()
    figure.draw(page)
    words = " ".join(text.get_text() for text in page.axes[0].texts)
    assert "nothing is trained for perturbed inputs: UniMP, NT." in words


def test_a_perturbed_row_without_its_clean_one_keeps_its_cost(shelf, mine) -> None:
    shelf.ranked("unimp", chance=0.4, perturb="nt", fit_seconds=90.5)
    figure = build_cost(shelf.home, table=mine, data=None)
    assert [point.system for point in figure.panels[0][1]] == ["UniMP, NT"]


def test_a_line_leads_from_a_crowded_mark_to_its_name(shelf) -> None:
    for number, model in enumerate(("bm25", "unimp", "random", "popularity", "oracle")):
        shelf.ranked(model, chance=0.5, draw=1, fit_seconds=10.0 + number / 100)
    page = Figure()
    build_cost(shelf.home, table="search", data=None).draw(page)
    axes = page.axes[1]
    leads = [line for line in axes.lines if line.get_transform() == axes.transAxes]
    marks = [axes.transLimits.transform((np.log10(mark.get_xdata()[0]), mark.get_ydata()[0]))
             for mark in marks_of(axes)]  # fmt: skip
    assert leads
    for line in leads:
        start = np.array([line.get_xdata()[0], line.get_ydata()[0]])
        assert min(np.abs(start - mark).max() for mark in marks) < 1e-6
    assert len(leads) < len(marks)  # the first has its name beside it


# robustness


def test_robustness_joins_a_perturbed_row_with_the_clean_row_of_its_model(filled, mine) -> None:
    figure = build_robustness(filled, table=mine, data=None)
    ((hr, _),) = figure.strips
    (slope,) = hr.slopes
    rows = {row.system: row for row in figure.view.report.rows}
    clean, perturbed = (rows[name].cells[0].value for name in ("UniMP", "UniMP, NT"))
    assert slope.ends == (clean, perturbed)
    assert slope.change == f"{perturbed / clean - 1:+.0%}"
    page = Figure()
    figure.draw(page)
    assert len(page.axes) == 1 + 2
    assert [mark.get_ydata()[1] for mark in marks_of(page.axes[1])] == [perturbed]


def test_a_perturbed_row_is_joined_with_the_clean_row_of_its_own_settings(shelf, tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        TABLE + '[[rows]]\nsystem = "Small"\nmodel = "unimp"\nset = {size = 2}\n'
        '[[rows]]\nsystem = "Small, NT"\nmodel = "unimp"\nset = {size = 2}\nperturb = "nt"\n'
        '[[rows]]\nsystem = "Large, NT"\nmodel = "unimp"\nset = {size = 9}\nperturb = "nt"\n'
    )
    shelf.ranked("unimp", chance=0.8)
    small = shelf.ranked("unimp", chance=0.5, settings={"size": 2})
    shelf.ranked("unimp", chance=0.3, settings={"size": 2}, perturb="nt")
    shelf.ranked("unimp", chance=0.3, settings={"size": 9}, perturb="nt")
    figure = build_robustness(shelf.home, table=str(path), data=None)
    (panels,) = figure.strips
    assert [slope.system for slope in panels[0].slopes] == ["Small"]
    assert panels[0].slopes[0].clean.value == small.scores["HR@5"]["value"]
    # Another fit is behind the last row alone, and its training took a time of its own.
    cost = build_cost(shelf.home, table=str(path), data=None)
    assert [point.system for point in cost.panels[0][1]] == ["UniMP", "Small", "Large, NT"]


def slope_of(clean: float, perturbed: float) -> Slope:
    ends = ((None, clean), ("nt", perturbed))
    return Slope("UniMP", *(ReportCell("sim-xs", "seen", how, value) for how, value in ends))


@pytest.mark.parametrize(
    ("clean", "perturbed", "change"),
    [
        (0.2, 0.1, "-50%"),
        (0.2, 0.2001, "±0%"),
        (0.2, 0.0, "-100%"),
        (-0.2, -0.4, "-0.2000"),  # a fall: relative to -0.2 it would be +100%
        (-0.4, -0.2, "+0.2000"),
        (0.1, -0.1, "-0.2000"),
        (-0.1, 0.1, "+0.2000"),
        (0.0, 0.1, "+0.1000"),
        (0.0, 0.0, "±0.0000"),
    ],
)
def test_a_change_at_or_below_zero_is_told_as_it_is(clean, perturbed, change) -> None:
    slope = slope_of(clean, perturbed)
    assert slope.change == change


def test_robustness_says_what_the_changes_beside_the_names_are(filled, mine) -> None:
    figure = build_robustness(filled, table=mine, data=None)

    def words(clean: float, perturbed: float) -> str:
        panel = replace(figure.strips[0][0], slopes=(slope_of(clean, perturbed),))
        page = Figure()
        replace(figure, strips=((panel,),)).draw(page)
        return " ".join(text.get_text() for text in page.findobj(Text))

    assert "Percentages" in words(0.2, 0.1)
    assert "percent sign" not in words(0.2, 0.1)
    assert "percent sign" in words(-0.2, -0.1)
    assert "Percentages" not in words(-0.2, -0.1)


def test_robustness_needs_a_table_with_perturbed_rows(filled) -> None:
    with pytest.raises(UsageError, match="no row with perturbed inputs"):
        build_robustness(filled, table="search", data=None)


def test_no_mark_of_many_systems_leaves_the_panel_of_robustness(filled, mine) -> None:
    figure = build_robustness(filled, table=mine, data=None)
    ((panel, *_),) = figure.strips
    many = tuple(replace(panel.slopes[0], system=f"System {number}") for number in range(30))
    page = Figure()
    replace(figure, strips=((replace(panel, slopes=many),),)).draw(page)
    axes, (low, high) = page.axes[1], page.axes[1].get_xlim()
    marks = marks_of(axes)
    assert len(marks) == 30
    assert all(low < x < high for mark in marks for x in mark.get_xdata())
    bottom = axes.get_position().y0 * page.get_size_inches()[1]
    names = [text for text in page.axes[0].texts if text.get_text().startswith("System")]
    heights = [page.get_size_inches()[1] - text.get_position()[1] for text in names]
    assert len(set(heights)) == 30
    assert min(heights) >= bottom  # beside the panel, not below it


def test_robustness_needs_runs_with_and_without_perturbation(shelf) -> None:
    shelf.ranked("unimp", task="recommendation", chance=0.5)
    with pytest.raises(BenchError, match="both with and without") as caught:
        build_robustness(shelf.home, table="robustness", data=None)
    assert caught.value.fix == "Run them: unimp-bench run --table robustness"


# learning


def test_a_journal_is_found_by_the_run_and_read_stage_by_stage(filled, shelf) -> None:
    run = shelf.ranked("unimp", chance=0.8, fit_key="f1")
    folder = fit_folder(run.manifest["fit_key"], filled)
    assert folder == filled.fitted / "unimp-f1"
    journal = read_journal(folder)
    curves = validation_curves(journal, "search")
    assert list(curves) == ["NDCG@5"]
    joint, own = curves["NDCG@5"]
    assert (joint.epochs, joint.scores, joint.kept) == ((1, 2, 3), (0.1, 0.3, 0.2), 1)
    assert (own.epochs, own.scores, own.kept) == ((4,), (0.25,), None)
    # Preference has scores in the first joint epoch alone, and that is not the one kept.
    joint, own = validation_curves(journal, "preference")["MAE"]
    assert (joint.epochs, joint.kept, own.epochs, own.kept) == ((1,), None, (4,), 0)


def test_epochs_without_a_score_count_on_the_axis() -> None:
    epochs = [{"stage": "", "loss": 1.0} for _ in range(15)]
    for place, score in ((4, 0.1), (9, 0.3), (14, 0.2)):  # validated every fifth
        epochs[place]["valid search NDCG@5"] = score
    (only,) = validation_curves({"epochs": epochs, "kept": {"": 9}}, "search")["NDCG@5"]
    assert (only.epochs, only.kept) == ((5, 10, 15), 1)


def test_learning_shows_a_fit_once_and_names_models_without_a_journal(filled, mine) -> None:
    figure = build_learning(filled, table=mine, data=None)
    (panel,) = figure.panels
    (curve,) = panel.curves
    assert (curve.system, curve.kept) == ("UniMP", (2, 0.3))
    assert figure.silent == (ODD, "Popularity")


def test_the_names_of_many_curves_stand_beside_their_panel(filled, mine) -> None:
    figure = build_learning(filled, table=mine, data=None)
    (panel,) = figure.panels
    many = tuple(replace(panel.curves[0], system=f"System {number}") for number in range(30))
    page = Figure()
    replace(figure, panels=(replace(panel, curves=many),)).draw(page)
    bottom = page.axes[1].get_position().y0 * page.get_size_inches()[1]
    names = [text for text in page.axes[0].texts if text.get_text().startswith("System")]
    assert len(names) == 30
    assert min(page.get_size_inches()[1] - n.get_position()[1] for n in names) >= bottom


def test_without_any_journal_there_is_no_figure(filled, mine) -> None:
    (filled.fitted / "unimp-f1").rename(filled.fitted / "unimp-f3")
    with pytest.raises(BenchError, match="left a journal"):
        build_learning(filled, table=mine, data=None)


def test_a_run_that_does_not_name_its_fit_is_given_no_curve_but_a_word(shelf, mine) -> None:
    shelf.ranked("unimp", chance=0.8, fit_seconds=90.5)  # as an earlier version stored it
    leave_fit(shelf.home, "unimp-f1", journal=JOURNAL)
    with pytest.raises(BenchError, match="run again with --force what an earlier version ran"):
        build_learning(shelf.home, table=mine, data=None)


@pytest.mark.parametrize(
    "journal", [None, [], {"epochs": {}}, {"epochs": [3, {"valid search X": float("inf")}]}]
)
def test_what_is_no_journal_has_no_curves(tmp_path, journal) -> None:
    (tmp_path / "state").mkdir()
    path = tmp_path / "state" / "journal.json"
    path.write_text(json.dumps(journal), encoding="utf-8")
    found = read_journal(tmp_path)
    assert found is None or not validation_curves(found, "search")


def test_a_journal_of_an_older_version_is_not_read_and_the_user_is_told(
    filled, mine, capsys
) -> None:
    folder = filled.fitted / "unimp-f1"
    (folder / "state" / "journal.json").unlink()
    write_json(folder / "state" / "unimp.json", {"journal": JOURNAL})
    with pytest.raises(BenchError, match="left a journal"):
        build_learning(filled, table=mine, data=None)
    assert "UniMP: the journal of its fit is of an older version" in capsys.readouterr().err


# ranks


def test_ties_are_the_longest_runs_of_which_no_two_differ() -> None:
    above = np.zeros((5, 5), dtype=bool)
    above[0, 2:] = True  # first beats all but the second
    above[1, 3:] = above[2, 4] = True
    assert ties(above) == [(1, 2), (2, 3), (3, 4), (4, 5)]
    assert ties(np.zeros((3, 3), dtype=bool)) == [(1, 3)]
    assert ties(np.triu(np.ones((3, 3), dtype=bool), 1)) == []


def test_equal_systems_tie_and_clearly_different_ones_do_not(shelf) -> None:
    shelf.ranked("unimp", chance=1.0)
    shelf.ranked("bm25", chance=0.3)
    shelf.ranked("random", chance=0.3, draw=sum(b"bm25"))  # finds what BM25 finds
    shelf.ranked("popularity", chance=0.0)
    shelf.ranked("oracle", chance=1.0)
    figure = build_ranks(shelf.home, table="search", data=None)
    (panel,) = figure.panels
    order = [place.system for place in panel.places]
    assert order[0] == "UniMP"
    assert set(order[1:3]) == {"BM25", "Random"}
    assert [(place.best, place.worst) for place in panel.places] == [(1, 1), (2, 3), (2, 3), (4, 4)]
    assert panel.ties == ((2, 3),)
    page = Figure()
    figure.draw(page)
    assert len([m for m in marks_of(page.axes[1]) if m.get_marker() == "o"]) == 4


def test_equal_values_share_their_rank(shelf) -> None:
    for model, chance in (("unimp", 0.7), ("bm25", 0.3), ("popularity", 0.3), ("random", 0.1)):
        shelf.ranked(model, chance=chance, draw=1)
    (panel,) = build_ranks(shelf.home, table="search", data=None).panels
    assert [place.rank for place in panel.places] == [1, 2, 2, 4]
    page = Figure()
    build_ranks(shelf.home, table="search", data=None).draw(page)
    dots = [(m.get_xdata()[0], m.get_ydata()[0]) for m in marks_of(page.axes[1])]
    assert dots == [(1, 1), (2, 2), (2, 3), (4, 4)]


def test_ranks_refuse_systems_that_name_other_users_for_the_same_instances(filled, mine) -> None:
    table = next(filled.runs.iterdir()) / PER_INSTANCE
    frame = pl.read_parquet(table)
    frame.with_columns(pl.col("user_id").reverse()).write_parquet(table)
    with pytest.raises(BenchError, match="disagree on whose instances"):
        build_ranks(filled, table=mine, data=None)


def test_runs_without_answers_of_their_own_are_left_out_of_the_ranks(filled, mine, shelf) -> None:
    score = {"value": 0.9, "low": 0.8, "high": 1.0, "n": 9, "users": 9}
    shelf.scored("random", {"NDCG@5": score}, task="search")
    figure = build_ranks(filled, table="search", data=None)
    assert figure.unpaired == ("Random",)
    assert len(figure.panels[0].places) == 3


def test_one_system_has_no_rank(shelf) -> None:
    shelf.ranked("bm25", chance=0.5)
    with pytest.raises(BenchError, match="nothing to rank"):
        build_ranks(shelf.home, table="search", data=None)

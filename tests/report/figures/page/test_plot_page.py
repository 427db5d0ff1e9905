"""Words that fit where they stand, and marks that are told apart."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from benchmark.report.figures.page.plot_page import Key, PlotPage
from benchmark.report.figures.page.style import HEADING, PAPER, numbered, of_role
from benchmark.report.figures.page.words import short_names


@pytest.mark.parametrize(
    "words", ["NDCG@5", "BERTScore-google/bert_uncased_L-2_H-128_A-2", "m" * 99]
)
@pytest.mark.parametrize("weight", ["normal", "bold"])
def test_words_are_written_smaller_or_cut_where_their_room_ends(words: str, weight: str) -> None:
    page = Figure(dpi=160)  # as a PNG has
    paper = PlotPage(page, 6.0, 1.0, title="Title")
    paper.text(1.0, 1.0, words, within=2.1, size=HEADING, weight=weight)
    written = page.axes[0].texts[-1]
    assert written.get_size() <= HEADING
    if "m" not in words:  # the width of letters is estimated of an average one
        assert written.get_window_extent().width / page.dpi <= 2.1
    if len(words) < 10:
        assert (written.get_text(), written.get_size()) == (words, HEADING)
    elif len(words) == 99:
        assert written.get_text().endswith("…")
    else:
        assert written.get_text() == words


def test_a_long_key_ends_on_the_page() -> None:
    page = Figure(dpi=160)
    words = "trained on " + " and ".join(f"Some Processor {at}, 64 cores" for at in range(5))
    PlotPage(page, 6.0, 1.0, title="Title", keys=[Key(words, {"marker": "o"})])
    written = page.axes[0].texts[-1]
    assert written.get_window_extent().x1 / page.dpi <= page.get_size_inches()[0]


def test_no_two_roles_have_the_same_shape() -> None:
    looks = [of_role(role) for role in ("system", "trivial", "ceiling")]
    assert len({look["marker"] for look in [*looks, PAPER]}) == 4


def test_no_two_long_names_are_written_alike() -> None:
    start = "path/to/a/folder/with/my/model.py:Model"
    names = ["UniMP", f"{start} (rate=0.1)", f"{start} (rate=0.2)"]
    written = short_names([*names, names[1]], 34)
    assert list(written) == names
    assert written["UniMP"] == "UniMP"
    assert all(len(each) <= 34 for each in written.values())
    assert [each[-10:] for each in written.values()][1:] == ["(rate=0.1)", "(rate=0.2)"]
    alone = short_names(["UniMP", names[1]], 34)[names[1]]
    assert alone == names[1][:33] + "…"  # where it is told apart by its beginning
    middles = [f"{start}{at}{start}" for at in range(12)]
    assert len(set(short_names(middles, 28).values())) == 12
    assert max(map(len, short_names(middles, 28).values())) <= 28


def test_no_two_of_many_systems_have_the_same_mark() -> None:
    marks = {(numbered(at)["marker"], numbered(at)["color"]) for at in range(49)}
    assert len(marks) == 49

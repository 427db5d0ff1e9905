"""What is in the pages: everything escaped, nothing from elsewhere, links that lead somewhere."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import posixpath
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import hypothesis
import pytest
from hypothesis import example
from hypothesis import strategies as st

from leaderboards.site.drawing import PAPER, About
from leaderboards.site.pages import Site
from leaderboards.site.plot import MARGIN, WIDTH, labels, plot_of, ticks
from leaderboards.site.showcase import Showcase, ShownItem
from leaderboards.site.standing import rank_entries
from leaderboards.submission.schema import Declaration, Energy

HOSTILE = "\"'><script>alert(1)</script><img src=//evil.example/x onerror=alert(1)>{{7*7}}&lt;"
#: Elements and attributes through which a page can load something.
_LOADING = {"src", "srcset", "data", "poster", "background", "action", "formaction", "ping"}


class _Page(HTMLParser):
    """The elements of a page, and the text of its styles and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"style": [], "script": [], "data": []}
        self._open: str | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        is_data = tag == "script" and dict(attrs).get("type") == "application/json"
        kind = "data" if is_data else tag
        self._open = kind if kind in self.raw else None
        if self._open is not None:
            self.raw[kind].append("")

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        if self._open is not None:
            self.raw[self._open][-1] += data

    def values(self, tag, attribute):
        return [a[attribute] for name, a in self.elements if name == tag and attribute in a]


@pytest.fixture
def files(board, entries):
    return Site([rank_entries(board, entries)], entries).files()


@pytest.fixture
def pages(files):
    return {path: text for path, text in files.items() if path.endswith(".html")}


def test_every_link_leads_to_a_file_of_the_site_the_paper_or_the_declared_code(pages, files):
    assert len(pages) == 1 + 1 + 5
    for path, text in pages.items():
        page = _Page(text)
        targets = {a["id"] for _, a in page.elements if "id" in a}
        links = page.values("a", "href")
        assert len(links) > 1
        for link in links:
            if link.startswith("#"):
                assert link[1:] in targets
            elif link.startswith("https:"):
                assert link in ("https://example.org/model", PAPER)
            else:
                name, _, heading = link.partition("#")
                target = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
                assert target in files
                assert not heading or f'id="{heading}"' in files[target]


def test_pages_load_nothing(pages):
    for text in pages.values():
        page = _Page(text)
        assert not {tag for tag, _ in page.elements} & {"link", "img", "iframe", "object", "embed"}
        for tag, attributes in page.elements:
            assert not _LOADING & attributes.keys(), tag
            assert "style" not in attributes  # the policy forbids it
            assert not any(name.startswith("on") for name in attributes)
        assert "@import" not in text
        assert "url(" not in text


def test_the_policy_allows_the_pages_own_style_and_script_alone(pages):
    for path, text in pages.items():
        page = _Page(text)
        (policy,) = (a["content"] for t, a in page.elements if t == "meta" and "http-equiv" in a)
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'none'"
        browses = 'class="browser"' in text
        assert len(page.raw["script"]) == 1 + (browses or path.startswith("boards/"))
        assert ("img-src" in rules) == browses
        for tag in ("style", "script"):
            parts = page.raw[tag]
            hashes = [hashlib.sha256(part.encode()).digest() for part in parts]
            allowed = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes]
            assert rules.get(f"{tag}-src", "") == " ".join(allowed)


def test_hostile_words_in_every_field_stay_words(board, made, drawn):
    names = ("data", "cohort", "processor", "unimp_bench", "python", "created")
    fields = dict.fromkeys(names, HOSTILE)
    run = {
        **fields,
        "devices": [HOSTILE],
        "attachments": [HOSTILE],
        "packages": {HOSTILE: HOSTILE},
        "settings": {HOSTILE: HOSTILE},
        "perturb": HOSTILE,
        "code_sha256": HOSTILE,
    }
    declared = dict.fromkeys(("training_data", "contamination", "contact"), HOSTILE)
    words = {
        "model": HOSTILE,
        "variant": HOSTILE,
        "description": HOSTILE,
        "declaration": Declaration.model_construct(code="https://example.org/", **declared),
        "digest": "a" * 64,
    }
    entry = made(0.5, 1, words=words, **run)
    entry.runs[0].run.scores[HOSTILE] = entry.runs[0].run.scores["HR@5"]
    hostile_board = board.model_copy(
        update={
            "title": HOSTILE,
            "description": HOSTILE,
            "data": HOSTILE,
            "cohort": HOSTILE,
            "perturb": HOSTILE,
        }
    )
    usual_entry = made(0.5, 1, words={"variant": "usual"}, attachments=["truth.parquet"])
    calm = drawn([rank_entries(board, [usual_entry])], [usual_entry])
    usual = {
        (tag, *sorted(attributes)) for text in calm.values() for tag, attributes in _elements(text)
    }
    pages = drawn([rank_entries(hostile_board, [entry])], [entry])
    assert len(pages) == 3
    for path, text in pages.items():
        assert HOSTILE not in text
        assert "alert(1)" in text  # it is there, as words
        assert "49" not in _Page(text).values("a", "href")
        assert {(tag, *sorted(attributes)) for tag, attributes in _elements(text)} <= usual
        assert not set(path) & set("<>\"'&")


def _elements(text):
    return _Page(text).elements


def test_the_same_entries_give_the_same_pages(board, entries, pages, drawn):
    again = drawn([rank_entries(board, entries)], entries)
    assert again == pages
    shuffled = drawn([rank_entries(board, entries[::-1])], entries)
    assert shuffled == pages


def test_two_thousand_rows_stay_below_two_megabytes(crowded):
    site = Site([crowded], [row.entry for row in crowded.rows])
    text = site.board_page(crowded)
    assert text.count("<tr data-b=") == 2_000
    assert len(text.encode()) < 2_000_000
    home = site.index_page()
    assert len(home.encode()) < 1_000_000
    assert "1970 more models are on the boards" in home


def test_the_table_tells_how_it_is_sorted_and_works_without_a_script(pages, board):
    text = pages[f"boards/{board.name}.html"]
    page = _Page(text)
    heads = [a for tag, a in page.elements if tag == "th" and a["scope"] == "col"]
    assert [a.get("aria-sort") for a in heads].count("ascending") == 1
    assert "<noscript>" in text
    assert "<caption>" in text
    assert text.count('<th scope="row">') == 5
    (tools,) = (a for tag, a in page.elements if tag == "form")
    assert "hidden" in tools  # until the script, which they need, shows them


def page_of(entry, board):
    return Site([rank_entries(board, [entry])], [entry]).submission_page(entry)


def test_a_submission_shows_scores_slices_and_the_command(board, made):
    entry = made(0.5, 7, seed=3, settings={"width": 8, "name": "a b"}, perturb="nt")
    text = page_of(entry, board)
    assert "run --model system-7 --task search --data sim-s --perturb nt --seed 3" in text
    assert "--set width=8 --set &#39;name=a b&#39;" in text
    command = "unimp-bench verify leaderboards/submissions/system-7.zip --reproduce system-7"
    assert command in text
    assert "history length" in text
    assert "On no board" in text  # the board's question has no perturbation
    assert "Computed again" in text
    assert "As claimed" in page_of(made(0.5, 8, scored=False), board)


def test_values_and_intervals_lie_where_the_axis_says(board, entries):
    plot = plot_of(rank_entries(board, entries).rows)
    low, high = min(m.low for m in plot.marks), max(m.high for m in plot.marks)
    assert (low, high) == (MARGIN, WIDTH - MARGIN)
    assert all(m.low <= m.x <= m.high for m in plot.marks)
    (x0, first), *_, (x1, last) = plot.ticks
    scale = (x1 - x0) / (float(last) - float(first))
    for mark, row in zip(plot.marks, rank_entries(board, entries).rows, strict=True):
        assert mark.x == pytest.approx(x0 + (row.primary.value - float(first)) * scale, abs=0.2)
    assert plot_of([]) is None


_ENDS = st.floats(-1e300, 1e300) | st.floats(-2, 2) | st.floats(-1e-6, 1e-6)


@hypothesis.given(_ENDS, st.just(0.0) | st.floats(0, 1e300) | st.floats(0, 1e-3))
@example(0.6, 8.4)
@example(5e-324, 0.0)
@example(1e6, 1e-10)
@example(0.999, 0.002)
def test_an_axis_has_two_to_five_ticks_whatever_its_range(low, width):
    high = low + width
    values = ticks(low, high)
    assert 2 <= len(values) <= 5
    assert all(a < b for a, b in pairwise(values))
    gaps = [b - a for a, b in pairwise(values)]
    assert gaps == pytest.approx([gaps[0]] * len(gaps), rel=1e-5)
    if width > 1e-6 * max(abs(low), abs(high), 1e-280):
        room = 1e-8 * width
        assert low - room <= values[0]
        assert values[-1] <= high + room


@hypothesis.given(_ENDS, st.floats(0, 1) | st.floats(0, 1e-3))
def test_ticks_are_labelled_apart(low, width):
    values = ticks(low, low + width)
    step = values[1] - values[0]
    words = labels(values)
    assert len(set(words)) == len(words)
    assert all(abs(float(w) - v) < step / 10 for w, v in zip(words, values, strict=True))


def test_labels_have_the_digits_that_a_narrow_axis_needs():
    assert labels(ticks(0.6, 9.0)) == ["2", "4", "6", "8"]
    assert labels(ticks(0.999, 1.0005)) == ["0.999", "0.9995", "1", "1.0005"]


def test_a_board_without_rows_says_how_to_be_the_first(board):
    standing = rank_entries(board, [])
    text = Site([standing], []).board_page(standing)
    assert "Nobody has submitted" in text
    assert "unimp-bench run --model MODEL --task search --data sim-s" in text
    assert "unimp-bench submit RUN --out mine.zip" in text
    assert "unimp-bench verify mine.zip" in text
    assert "<table" not in text


def test_the_index_says_what_boards_are_and_how_to_submit(pages):
    text = pages["index.html"]
    assert "unimp-bench asks models six questions" in text
    assert "make bench" in text
    assert "How to submit" in text
    assert "leaderboards/submissions/NAME/" in text


def test_words_of_items_cannot_end_a_data_block(board, made):
    entry = made(0.5, 1)
    (run,) = entry.runs
    wicked = replace(run.evidence.examples[0], query="</script><script>alert(1)</script>&amp;")
    evidence = replace(run.evidence, examples=(wicked,))
    text = page_of(replace(entry, runs=(replace(run, evidence=evidence),)), board)
    page = _Page(text)
    assert len(page.raw["script"]) == 2
    block, _ = page.raw["data"]
    assert json.loads(block)["instances"][0]["query"] == wicked.query


def test_the_best_value_of_each_column_is_marked_among_ranked_rows(board, entries):
    standing = rank_entries(board, entries)
    text = Site([standing], entries).board_page(standing)
    rows = re.findall(r"<tr data-b=.*?</tr>", text, re.S)
    first = next(row for row in rows if f">{standing.rows[0].entry.submission.label}<" in row)
    assert 'class="p b"' in first
    assert text.count('class="p b"') == 1
    claimed = next(row for row in rows if 'data-b="reported"' in row)
    assert ' class="b"' not in claimed  # the best values of all, but nobody computed them


def test_energy_stands_among_the_costs_where_a_run_measured_it(board, made):
    measured = made(0.5, 7, energy=Energy(fit_kwh=0.002, predict_kwh=0.0005))
    without = made(0.4, 8)
    standing = rank_entries(board, [measured, without])
    site = Site([standing], [measured, without])
    page = site.board_page(standing)
    assert '<th scope="col" data-cost="">Energy, Wh</th>' in page
    assert '<td data-v="2.5">2.5</td>' in page
    records = json.loads(site.files()[f"boards/{board.name}.json"])
    assert [record["energy_wh"] for record in records] == [2.5, None]
    assert "<td>2.5</td>" in site.submission_page(measured)
    bare = Site([rank_entries(board, [without])], [without])
    assert not any(isinstance(text, str) and "Energy" in text for text in bare.files().values())


def test_no_cost_has_a_minus_before_zero(board, made):
    energy = Energy(fit_kwh=-0.0, predict_kwh=-0.0)
    costs = dict.fromkeys(
        ("fit_seconds", "predict_seconds", "peak_memory_mib", "failure_rate"), -0.0
    )
    entry = made(0.5, 7, energy=energy, **costs)
    standing = rank_entries(board, [entry])
    site = Site([standing], [entry])
    for text in (site.board_page(standing), site.submission_page(entry)):
        cells = re.findall(r"<(?:td|caption)\b[^>]*>([^<]*)", text)
        assert "0.00" in cells
        assert not [cell for cell in cells if re.search(r"(^|\s)[-\N{MINUS SIGN}]0", cell)]


@pytest.mark.parametrize("part", [{"fit_kwh": 0.002}, {"predict_kwh": 0.002}, {"meter": "m 1"}])
def test_energy_of_one_part_alone_is_no_cost_of_a_run(board, made, part):
    partly = made(0.5, 7, energy=Energy(**part))
    standing = rank_entries(board, [partly])
    site = Site([standing], [partly])
    assert standing.rows[0].energy_wh is None
    assert "Energy, Wh" not in site.board_page(standing)
    assert "Energy, Wh" not in site.submission_page(partly)
    (name,) = part
    assert f"{name} {part[name]}" in site.submission_page(partly)  # among the manifest's words


def test_a_row_has_the_energy_of_its_seeds_where_all_measured_both_parts(board, made):
    whole, partly = Energy(fit_kwh=0.002, predict_kwh=0.001), Energy(fit_kwh=0.004)
    entry = made(0.5, 7, energy=whole)
    (run,) = entry.runs

    def row(energy):
        second = replace(run, run=run.run.model_copy(update={"seed": 1, "energy": energy}))
        (found,) = rank_entries(board, [replace(entry, runs=(run, second))]).rows
        return found

    assert row(partly).energy_wh is None
    assert row(Energy(fit_kwh=0.004, predict_kwh=0.001)).energy_wh == pytest.approx(4)


def test_downloads_have_every_row_and_no_formula(board, entries, made):
    sly = made(0.2, 5, words={"model": "=HYPERLINK(1)"})
    standing = rank_entries(board, [*entries, sly])
    files = Site([standing], [*entries, sly]).files()
    rows = list(csv.DictReader(io.StringIO(files[f"boards/{board.name}.csv"])))
    records = json.loads(files[f"boards/{board.name}.json"])
    labels = [row.entry.submission.label for row in standing.rows]
    assert [record["model"] for record in records] == labels
    assert [row["model"].removeprefix("'") for row in rows] == labels
    assert not any(row["model"].startswith("=") for row in rows)
    assert [float(row["value"]) for row in rows] == [record["value"] for record in records]
    cells = json.loads(files["overview.json"])
    assert {cell["model"] for cell in cells} == set(labels)
    assert sum(cell["first_tie_group"] for cell in cells) == len(standing.leaders)


def test_pages_say_version_day_and_where_the_code_is(board):
    about = About(version="9.9", built="2026-01-31", repository="https://example.org/bench")
    text = Site([rank_entries(board, [])], [], about=about).index_page()
    assert "unimp-bench 9.9, built 2026-01-31" in text
    assert "version = {9.9}" in text
    links = _Page(text).values("a", "href")
    assert "https://example.org/bench/blob/HEAD/LICENSE" in links


def test_the_citation_is_that_of_the_repository():
    cited = yaml_names((Path(__file__).parents[3] / "CITATION.cff").read_text())
    text = Site([], []).index_page()
    for family, given in cited:
        assert f"{family}, {given}" in text


def yaml_names(text):
    return re.findall(r"family-names: ([^,]+), given-names: ([^}]+)}", text)


def test_items_of_two_datasets_that_share_ids_keep_their_own_words(board, made):
    class Titles(Showcase):
        def items(self, dataset_sha256, ids):
            return {name: ShownItem(f"{name} of {dataset_sha256[0]}", None) for name in ids}

    entry = made(0.5, 1)
    (first,) = entry.runs
    other = replace(first, run=first.run.model_copy(update={"dataset_sha256": "9" * 64}))
    entry = replace(entry, runs=(first, other))
    site = Site([rank_entries(board, [entry])], [entry], showcase=Titles(None))
    block = r'<script type="application/json" id="([^"]+)">(.*?)</script>'
    blocks = {
        name: json.loads(text) for name, text in re.findall(block, site.submission_page(entry))
    }
    for number, data in ((1, "1"), (2, "9")):
        items = blocks[f"items-{blocks[f'run-{number}-instances']['items']}"]
        assert items["item-1"] == [f"item-1 of {data}", None]

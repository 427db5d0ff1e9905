"""What is in the pages: everything escaped, nothing from elsewhere, links that lead somewhere."""

from __future__ import annotations

import base64
import hashlib
import posixpath
from html.parser import HTMLParser

import pytest

from leaderboards.site.pages import board_page, site_pages, submission_page
from leaderboards.site.plot import MOST_ROWS, plot_of
from leaderboards.site.standing import rank_entries
from leaderboards.submission.schema import Declaration

HOSTILE = "\"'><script>alert(1)</script><img src=//evil.example/x onerror=alert(1)>{{7*7}}&lt;"
#: Elements and attributes through which a page can load something.
_LOADING = {"src", "srcset", "data", "poster", "background", "action", "formaction", "ping"}


class _Page(HTMLParser):
    """The elements of a page, and the text of its styles and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"style": [], "script": []}
        self._open: str | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open = tag if tag in self.raw else None
        if self._open is not None:
            self.raw[tag].append("")

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        if self._open is not None:
            self.raw[self._open][-1] += data

    def values(self, tag, attribute):
        return [a[attribute] for name, a in self.elements if name == tag and attribute in a]


@pytest.fixture
def pages(board, entries):
    return site_pages([rank_entries(board, entries)], entries)


def test_every_link_leads_to_a_page_or_to_the_declared_code(pages):
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
                assert link == "https://example.org/model"
            else:
                assert posixpath.normpath(posixpath.join(posixpath.dirname(path), link)) in pages


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
        assert "script-src" in rules or not page.raw["script"]
        assert bool(page.raw["script"]) == path.startswith("boards/")
        for tag, parts in page.raw.items():
            hashes = [hashlib.sha256(part.encode()).digest() for part in parts]
            allowed = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes]
            assert rules.get(f"{tag}-src", "") == " ".join(allowed)


def test_hostile_words_in_every_field_stay_words(board, made):
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
    usual_entry = made(0.5, 1, attachments=["truth.parquet"])
    calm = site_pages([rank_entries(board, [usual_entry])], [usual_entry])
    usual = {
        (tag, *sorted(attributes)) for text in calm.values() for tag, attributes in _elements(text)
    }
    pages = site_pages([rank_entries(hostile_board, [entry])], [entry])
    assert len(pages) == 3
    for path, text in pages.items():
        assert HOSTILE not in text
        assert "alert(1)" in text  # it is there, as words
        assert "49" not in _Page(text).values("a", "href")
        assert {(tag, *sorted(attributes)) for tag, attributes in _elements(text)} <= usual
        assert not set(path) & set("<>\"'&")


def _elements(text):
    return _Page(text).elements


def test_the_same_entries_give_the_same_pages(board, entries, pages):
    again = site_pages([rank_entries(board, entries)], entries)
    assert again == pages
    shuffled = site_pages([rank_entries(board, entries[::-1])], entries)
    assert shuffled == pages


def test_two_thousand_rows_stay_below_two_megabytes(crowded):
    text = board_page(crowded)
    assert text.count("<tr data-b=") == 2_000
    assert len(text.encode()) < 2_000_000
    assert len(plot_of(crowded.rows).marks) == MOST_ROWS
    assert "1980 more are in the table" in text


def test_the_table_tells_how_it_is_sorted_and_works_without_a_script(pages, board):
    text = pages[f"boards/{board.name}.html"]
    page = _Page(text)
    heads = [a for tag, a in page.elements if tag == "th" and a["scope"] == "col"]
    assert [a.get("aria-sort") for a in heads].count("ascending") == 1
    assert "<noscript>" in text
    assert "<caption>" in text
    assert text.count('<th scope="row">') == 5
    (tools,) = (a for _, a in page.elements if a.get("class") == "tools")
    assert "hidden" in tools  # until the script, which they need, shows them


def test_a_submission_shows_scores_slices_and_the_command(board, made):
    entry = made(0.5, 7, seed=3, settings={"width": 8, "name": "a b"}, perturb="nt")
    text = submission_page(entry, [board])
    assert "run --model system-7 --task search --data sim-s --perturb nt --seed 3" in text
    assert "--set width=8 --set &#39;name=a b&#39;" in text
    command = "unimp-bench verify leaderboards/submissions/system-7.zip --reproduce system-7"
    assert command in text
    assert "history length" in text
    assert "On no board" in text  # the board's question has no perturbation
    assert "Computed again" in text
    assert "As claimed" in submission_page(made(0.5, 8, scored=False), [board])


def test_values_and_intervals_lie_where_the_axis_says(board, entries):
    plot = plot_of(rank_entries(board, entries).rows)
    low, high = min(m.low for m in plot.marks), max(m.high for m in plot.marks)
    assert (low, high) == (plot.left, plot.right)
    assert all(m.low <= m.x <= m.high for m in plot.marks)
    (x0, first), *_, (x1, last) = plot.ticks
    scale = (x1 - x0) / (float(last) - float(first))
    for mark, row in zip(plot.marks, rank_entries(board, entries).rows, strict=True):
        assert mark.x == pytest.approx(x0 + (row.primary.value - float(first)) * scale, abs=0.2)
    assert [m.reported for m in plot.marks] == [False] * 4 + [True]
    assert plot_of([]) is None


def test_a_board_without_rows_says_how_to_be_the_first(board):
    text = board_page(rank_entries(board, []))
    assert "Nobody has submitted" in text
    assert "unimp-bench run --model MODEL --task search --data sim-s" in text
    assert "unimp-bench submit RUN --out mine.zip" in text
    assert "unimp-bench verify mine.zip" in text
    assert "<script>" not in text


def test_the_index_says_what_boards_are_and_how_to_submit(pages):
    text = pages["index.html"]
    assert "A board is one" in text
    assert "How to submit" in text
    assert "leaderboards/submissions/NAME/" in text

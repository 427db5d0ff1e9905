"""The pages in a real browser: Debian's chromium, driven by Playwright, from the disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.host.home import Home
from benchmark.models.registered import ModelEntry
from benchmark.vision import png
from leaderboards.site import pages, table_runs
from leaderboards.site.pages import Site
from leaderboards.site.standing import rank_entries
from leaderboards.site.writing import write_site

#: Where axe.min.js of the package axe-core lies; it is not this project's to distribute.
AXE = "UNIMP_BENCH_AXE"
#: Eight pixels square.
PNG = png.encode(np.full((3, 8, 8), 128, dtype=np.uint8))

#: What a reader may wait for a board of 2,000 rows, from the start of the navigation.
SECONDS = 1.5
#: So often a page may be opened to be that quick once: others use the machine, too.
VISITS = 5
#: Sorts, filters, waits until it is on the screen; seconds since the navigation began, each time.
USED = """async () => {
  const painted = () => new Promise((done) =>
    requestAnimationFrame(() => setTimeout(() => done(performance.now() / 1e3))));
  document.querySelector("thead th button").click();
  const sorted = await painted();
  const words = document.querySelector("#words");
  words.value = "name-19";
  words.dispatchEvent(new Event("input"));
  return [sorted, await painted()];
}"""
#: The contrast of each text with what lies behind it (WCAG 2.2, 1.4.3), least first.
CONTRASTS = """() => {
  const parts = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = parts(colour).map((part) => part / 255).map((part) =>
      part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (parts(colour)[3] !== 0) return colour;
    }
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const words = light(element instanceof SVGElement ? style.fill : style.color);
    const [dark, bright] = [words, light(behind(element))].sort((a, b) => a - b);
    found.push([(bright + 0.05) / (dark + 0.05), walker.currentNode.data.trim()]);
  }
  return found.sort((a, b) => a[0] - b[0]);
}"""


#: A browser takes seconds a page, and is not everywhere.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser():
    """A chromium without a window; skips where there is none to be had."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no Playwright: pip install playwright"
    )
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"], timeout=300_000
        )
        yield started
        started.close()


class Visit:
    """A page with everything it asked for and said."""

    def __init__(self, browser, folder, **context):
        self._context = browser.new_context(**context)
        self._context.set_default_timeout(120_000)
        self._folder = folder
        self.page = self._context.new_page()
        self.requests: list[str] = []
        self.said: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def go(self, path):
        self.page.goto((self._folder / path).as_uri())
        return self.page

    def names(self):
        return self.page.locator("table.board tbody tr:visible th a").all_text_contents()

    def end(self):
        """Nothing but files was asked for, and nothing complained."""
        assert self.said == []
        assert all(url.startswith("file://") for url in self.requests), self.requests
        self._context.close()


def still(scheme, width):
    """What a browser is told so that a page has these colours and this width, and nothing moves."""
    return {
        "viewport": {"width": width, "height": 900},
        "color_scheme": scheme,
        "reduced_motion": "reduce",
    }


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """The page of the paper's widest table, empty: all its notes and commands stand on it."""
    with pytest.MonkeyPatch.context() as patch:
        wide = next(t for t in table_runs.list_tables() if t["name"] == "recommendation")
        patch.setattr(table_runs, "list_tables", lambda: [wide])
        return table_runs.table_pages([], Home(tmp_path_factory.mktemp("home")))


@pytest.fixture
def folder(tmp_path, board, entries, tables):
    write_site(Site([rank_entries(board, entries)], entries, tables).files(), tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def pages_of(folder, board, tables):
    """One page of each kind."""
    submission = page_of(folder, "system-1")
    return ("index.html", f"boards/{board.name}.html", submission, tables[0].path)


def page_of(folder, name):
    """The path of the submission page of ``name``."""
    (path,) = (folder / "submissions").glob(f"{name}-*.html")
    return f"submissions/{path.name}"


def test_sorting_by_click_and_by_key(browser, folder, board):
    visit = Visit(browser, folder)
    page = visit.go(f"boards/{board.name}.html")
    ranked = visit.names()
    assert ranked[-1] == "system-9"
    head = page.locator("thead th", has_text="Fit, s")
    head.get_by_role("button").click()
    assert visit.names() == [f"system-{i}" for i in (1, 2, 3, 4, 9)]
    assert head.get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")  # the button has the focus
    assert visit.names() == [f"system-{i}" for i in (9, 4, 3, 2, 1)]
    assert head.get_attribute("aria-sort") == "descending"
    assert page.locator("thead th[aria-sort]").count() == 1
    assert "Fit, s" in page.locator("#status").text_content()
    page.keyboard.press("Shift+Tab")  # back by one column
    page.keyboard.press("Space")
    assert page.locator("thead th[aria-sort]").text_content() == "MRR@10"
    page.locator("thead th", has_text="Rank").get_by_role("button").click()
    assert visit.names() == ranked  # rows without a rank stay last, both ways
    page.locator("thead th", has_text="Rank").get_by_role("button").click()
    assert visit.names()[-1] == "system-9"
    visit.end()


def test_shares_below_zero_are_sorted_as_numbers(browser, tmp_path, board, made):
    """One that is worse than the best rule that looks at nobody stands below it, both ways."""
    rows = {"ceiling": 0.8, "between": 0.5, "worse": 0.05, "blind": 0.2}
    entries = [
        made(
            share,
            at,
            words={"model": name},
            attachments=["x"] if name == "ceiling" else [],
            badge="reproduced",
        )
        for at, (name, share) in enumerate(rows.items(), start=1)
    ]
    known = {
        "ceiling": ModelEntry("ceiling", "nowhere:X", ("search",), "oracle", learnable=True),
        "blind": ModelEntry("blind", "nowhere:X", ("search",), "trivial", blind=("",)),
    }
    for entry in entries:
        entry.runs[0].run.settings.clear()  # by default settings a blind model is blind
    write_site(
        Site([rank_entries(board, entries)], entries, models=known).files(), tmp_path / "site"
    )
    visit = Visit(browser, tmp_path / "site")
    page = visit.go(f"boards/{board.name}.html")
    head = page.locator("thead th", has_text="Share of the learnable").get_by_role("button")
    head.click()
    assert visit.names() == ["ceiling", "between", "blind", "worse"]
    head.click()
    assert visit.names() == ["worse", "blind", "between", "ceiling"]
    visit.end()


def test_filtering_by_words_and_badge(browser, folder, board):
    visit = Visit(browser, folder)
    page = visit.go(f"boards/{board.name}.html")
    page.get_by_label("Filter by name").fill("SYSTEM 3")
    assert visit.names() == ["system-3"]
    assert page.locator("#status").text_content() == "1 of 5 shown."
    page.get_by_label("Filter by name").fill("")
    page.locator("#badge").select_option("reported")
    assert visit.names() == ["system-9"]
    page.locator("#badge").select_option("")
    assert len(visit.names()) == 5
    visit.end()


def test_opening_a_submission_and_going_back(browser, folder):
    visit = Visit(browser, folder)
    page = visit.go("index.html")
    page.get_by_role("link", name="Search on simulated shoppers").click()
    page.get_by_role("link", name="system-3").click()
    assert page.locator("h1").text_content().startswith("system-3")
    page.get_by_text("Manifest").click()
    assert page.get_by_text("code sha256").is_visible()
    page.get_by_role("link", name="All boards").click()
    assert page.url.endswith("/index.html#boards")
    visit.end()


def test_without_a_script_the_table_is_whole(browser, tmp_path, board, entries, monkeypatch):
    monkeypatch.setattr(pages, "MOST_ROWS", 3)
    write_site(Site([rank_entries(board, entries)], []).files(), tmp_path / "site")
    visit = Visit(browser, tmp_path / "site", java_script_enabled=False)
    page = visit.go(f"boards/{board.name}.html")
    assert len(visit.names()) == 5
    assert page.locator("noscript p").is_visible()
    assert not page.get_by_label("Filter by name").is_visible()
    visit.end()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_tables_and_not_the_page_and_all_words_can_be_read(
    browser, folder, board, scheme
):
    visit = Visit(browser, folder, viewport={"width": 360, "height": 700}, color_scheme=scheme)
    (one, *_) = sorted((folder / "submissions").iterdir())
    for path in ("index.html", f"submissions/{one.name}", f"boards/{board.name}.html"):
        page = visit.go(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        contrast, words = page.evaluate(CONTRASTS)[0]
        assert contrast >= 4.5, words
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (colour == "rgb(255, 255, 255)") == (scheme == "light")
    visit.end()


def test_keyboard_alone_reaches_everything_and_shows_where_it_is(browser, folder, board):
    visit = Visit(browser, folder)
    page = visit.go(f"boards/{board.name}.html")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    assert skip.evaluate("e => e === document.activeElement && e.getBoundingClientRect().x >= 0")
    seen = []
    for _ in range(90):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            "() => { const e = document.activeElement;"
            " return [e === document.body ? '' : e.id || e.ariaLabel || e.textContent.trim(),"
            " getComputedStyle(e).outlineStyle]; }"
        )
        if not name:  # past the last
            break
        assert outline != "none", name
        seen.append(name)
    names = ("All boards", "words", "group", "badge", "reset", "Model", "Rank", "Made", "system-1")
    for name in (*names, "system-9", "Compare system-1", "against", "Copy"):
        assert name in seen
    visit.end()


def test_a_screen_reader_finds_headings_in_order_and_names_for_all(browser, folder, board):
    visit = Visit(browser, folder)
    (one, *_) = sorted((folder / "submissions").iterdir())
    for path in ("index.html", f"submissions/{one.name}", f"boards/{board.name}.html"):
        page = visit.go(path)
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(e => +e.tagName[1])")
        assert levels.count(1) == 1
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        unnamed = page.evaluate(
            "[...document.querySelectorAll('table')].filter(t => !t.caption &&"
            " !t.closest('[aria-label],[aria-labelledby]')).length"
        )
        assert unnamed == 0
    status = page.get_by_role("status")
    page.get_by_label("Filter by name").fill("system-2")
    assert status.text_content() == "1 of 5 shown."
    assert page.get_by_role("columnheader", name="Rank").get_attribute("aria-sort") == "ascending"
    visit.end()


def test_the_address_holds_filters_order_columns_and_comparison(browser, folder, board):
    visit = Visit(browser, folder)
    page = visit.go(f"boards/{board.name}.html")
    page.get_by_label("Filter by name").fill("system")
    page.locator("#badge").select_option("re-scored")
    page.locator("#size").select_option("up to 1 M")
    page.get_by_role("columnheader", name="Fit, s").get_by_role("button").click()
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("HR@10", exact=True).uncheck()
    assert not page.get_by_role("columnheader", name="HR@10", exact=True).is_visible()
    page.keyboard.press("Escape")  # the menu lies over the table
    page.get_by_label("Compare system-1").check()
    page.get_by_label("Compare system-3").check()
    said, shown = page.locator("#pair").text_content(), visit.names()
    address = page.url
    assert "#" in address
    visit.go("index.html")
    page.goto(address)
    assert visit.names() == shown == [f"system-{i}" for i in (1, 2, 3, 4)]
    assert page.get_by_label("Filter by name").input_value() == "system"
    assert not page.get_by_role("columnheader", name="HR@10", exact=True).is_visible()
    assert page.locator("#pair").text_content() == said
    assert page.get_by_label("Compare system-3").is_checked()
    page.get_by_role("button", name="Reset").click()
    assert "#" not in page.url
    assert len(visit.names()) == 5
    assert page.locator("#pair").is_hidden()
    visit.end()


def test_two_rows_that_are_ticked_are_compared_as_computed(browser, folder, board, entries):
    standing = rank_entries(board, entries)
    compared = Site([standing], entries).compared[board.name]
    pair = next(p for p in compared.pairs if (p.a, p.b) == (0, 2))
    first, third = (standing.rows[at].entry.submission.label for at in (0, 2))
    visit = Visit(browser, folder)
    page = visit.go(f"boards/{board.name}.html")
    page.get_by_label(f"Compare {third}").check()
    assert "Tick another row" in page.locator("#pair").text_content()
    page.get_by_label(f"Compare {first}").check()
    said = page.locator("#pair").text_content()
    assert f"{first} − {third}: NDCG@5 +{pair.value:.4f}" in said
    assert f"+{pair.low:.4f} to +{pair.high:.4f}" in said
    assert f"{first} is better" in said
    page.get_by_label("Compare system-9").check()  # the third: the first ticked goes
    assert not page.get_by_label(f"Compare {third}").is_checked()
    assert "not scored again" in page.locator("#pair").text_content()
    visit.end()


def test_the_cost_plot_follows_filters_and_the_chosen_cost(browser, folder, board):
    visit = Visit(browser, folder)
    page = visit.go(f"boards/{board.name}.html")
    dots = page.locator("#scatter circle")
    assert dots.count() == 5
    assert "Fit, s" in page.locator("#scatter svg").get_attribute("aria-label")
    page.locator("#against").select_option("Parameters")
    assert "Parameters" in page.locator("#scatter svg").get_attribute("aria-label")
    page.locator("#badge").select_option("re-scored")
    assert dots.count() == 4
    page.get_by_label("Filter by name").fill("system-2")
    assert "Fewer than two" in page.locator("#scatter").text_content()
    visit.end()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ((3.1, 3.9, 4.8), ["3.5", "4", "4.5"]),  # of one decade
        ((12.0, 70.0), ["20", "40", "60"]),
        ((0.5, 2_000.0), ["1", "10", "100", "1000"]),
        ((0.0, 2.0, 9.0), ["0", "2", "5"]),
        ((0.0, 5e-324, 3.0), ["0", "3"]),  # no axis goes that far
        ((0.0, 0.0), ["0"]),
    ],
)
def test_the_axis_of_costs_has_round_ticks_whatever_they_are(
    browser, tmp_path, board, made, seconds, words
):
    entries = [made(0.5, i + 1, fit_seconds=value) for i, value in enumerate(seconds)]
    write_site(Site([rank_entries(board, entries)], entries).files(), tmp_path / "site")
    visit = Visit(browser, tmp_path / "site")
    page = visit.go(f"boards/{board.name}.html")
    assert page.locator("#scatter circle").count() == len(seconds)
    found = page.locator("#scatter .cost-tick").all_text_contents()
    assert set(words) <= set(found), found
    assert len(found) == len(set(found)) <= 9
    visit.end()


def test_the_longest_name_hides_no_column_of_the_home_page(browser, tmp_path, board, made):
    entry = made(0.5, 1, words={"model": "m" * 64, "variant": "v" * 64})
    write_site(Site([rank_entries(board, [entry])], [entry]).files(), tmp_path / "site")
    visit = Visit(browser, tmp_path / "site", viewport={"width": 1280, "height": 900})
    page = visit.go("index.html")
    assert page.locator("table.heat tbody th").first.bounding_box()["width"] < 0.45 * 1280
    visit.end()


def test_the_browser_of_instances_walks_and_orders(browser, folder):
    visit = Visit(browser, folder)
    page = visit.go(page_of(folder, "system-1"))
    group = page.get_by_role("group", name="What it predicted")
    status = group.get_by_role("status")
    assert status.text_content() == "1 of 3: NDCG@5 0.0000"
    assert group.get_by_text("mugs 0").is_visible()
    assert group.get_by_role("button", name="Previous").is_disabled()
    group.get_by_role("button", name="Next").click()
    assert group.get_by_text("after 2 more").is_visible()
    assert group.locator(".right").first.text_content() == "item-7 right"
    group.get_by_role("button", name="Next").click()
    assert group.get_by_text("The prediction failed.").is_visible()
    group.get_by_label("Order").select_option("best first")
    assert status.text_content() == "1 of 3: NDCG@5 1.0000"
    group.get_by_label("Order").select_option("worst first")
    assert status.text_content() == "1 of 3: NDCG@5 0.0000"
    visit.end()


def test_photos_are_files_of_the_site(browser, tmp_path, board, made):
    entry = made(0.5, 1)
    (run,) = entry.runs
    shown = tuple(replace(e, answer=PNG, target=None) for e in run.evidence.examples[:1])
    entry = replace(entry, runs=(replace(run, evidence=replace(run.evidence, examples=shown)),))
    write_site(Site([rank_entries(board, [entry])], [entry]).files(), tmp_path / "site")
    visit = Visit(browser, tmp_path / "site")
    page = visit.go(page_of(tmp_path / "site", "system-1"))
    image = page.get_by_role("img", name="The drawn picture")
    page.wait_for_function("document.querySelector('.instance img').complete")
    assert image.evaluate("e => e.naturalWidth") == 8
    assert any(url.endswith(".png") for url in visit.requests)
    visit.end()


def test_the_pictures_of_the_documents_are_drawn_by_their_command(browser, folder, tmp_path):
    script = Path(__file__).parents[3] / "docs" / "draw_site.py"
    subprocess.run([sys.executable, str(script), str(folder), str(tmp_path)], check=True)
    for name in ("site-home.png", "site-board.png"):
        with Image.open(tmp_path / name) as picture:
            assert picture.size == (1280, 860)
            assert len(picture.convert("RGB").getcolors(1 << 16)) > 10


def test_commands_are_copied(browser, folder):
    visit = Visit(browser, folder)
    page = visit.go("index.html")
    words = page.locator("pre").first.text_content()
    page.get_by_role("button", name="Copy").first.click()
    # Read at that moment: the button soon says "Copy" again.
    said = "document.querySelector('.copy').textContent"
    told = page.wait_for_function(f"{said} !== 'Copy' && {said}").json_value()
    if told == "Copied":
        page.evaluate("document.querySelector('main').append(document.createElement('textarea'))")
        page.locator("textarea").focus()
        page.keyboard.press("Control+V")
        assert page.locator("textarea").input_value() == words
    else:
        assert told == "Selected"
        assert page.evaluate("getSelection().toString()") == words
    visit.end()


def test_a_phone_shows_name_score_and_interval_first(browser, folder, board):
    visit = Visit(browser, folder, viewport={"width": 390, "height": 844})
    page = visit.go(f"boards/{board.name}.html")
    row = page.locator("table.board tbody tr").first
    for cell in (row.locator("th a"), row.locator("td.p"), row.locator("td.p small")):
        box = cell.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    assert row.bounding_box()["y"] < 844  # above the fold
    visit.end()


#: What moves by itself or by a script: nothing may, where motion is to be reduced.
MOVING = """() => {
  const seconds = (times) => times.split(",").some((time) => parseFloat(time) > 0);
  const still = (style) => !seconds(style.transitionDuration) &&
    (style.animationName === "none" || !seconds(style.animationDuration)) &&
    style.scrollBehavior !== "smooth";
  const all = [...document.querySelectorAll("*")];
  return [...all.filter((e) => !["", "::before", "::after"].every((part) =>
    still(getComputedStyle(e, part)))).map((e) => e.tagName), ...document.getAnimations()
    .map((animation) => animation.playState)];
}"""
#: Names of what the keyboard reaches by Tab, without end; "" where nothing shows that it is there.
FOCUSED = """() => {
  const e = document.activeElement;
  const style = getComputedStyle(e);
  const shown = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const box = e.getBoundingClientRect();
  const seen = box.width > 0 && box.right > 0 && box.bottom > 0 && box.top < innerHeight;
  return [e === document.body, shown && seen, e.outerHTML.slice(0, 80)];
}"""
#: What can be used at all, by mouse or finger.
USABLE = """() => {
  const kinds = "a[href],button,input,select,summary,[tabindex='0']";
  return [...document.querySelectorAll(kinds)].filter((e) =>
    e.checkVisibility({ visibilityProperty: true }) && !e.disabled &&
    !e.closest("details:not([open]) > :not(summary)")).length;
}"""


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_tab_reaches_all_that_can_be_used_and_nothing_moves(
    browser, folder, pages_of, scheme, width
):
    visit = Visit(browser, folder, **still(scheme, width))
    for name in pages_of:
        page = visit.go(name)
        assert page.evaluate(MOVING) == []
        usable = page.evaluate(USABLE)
        assert usable > 1
        reached = 0
        for _ in range(usable + 1):
            page.keyboard.press("Tab")
            past, shown, html = page.evaluate(FOCUSED)
            if past:
                break
            assert shown, (name, html)
            reached += 1
        assert reached == usable, name
        page.keyboard.press("Shift+Tab")  # and out again
    visit.end()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_violation(browser, folder, pages_of, scheme, width):
    path = os.environ.get(AXE)
    if path is None:
        pytest.skip(f"no axe-core: npm pack axe-core, and ${AXE} = its axe.min.js")
    axe = Path(path).read_text(encoding="utf-8")
    visit = Visit(browser, folder, **still(scheme, width), bypass_csp=True)
    told = []
    for name in pages_of:
        page = visit.go(name)
        if name.startswith("boards/"):
            page.get_by_label("Compare system-1").check()
            page.get_by_text("Columns", exact=True).click()
        page.evaluate(axe)
        found = page.evaluate("axe.run(document)")
        told += [(name, v["id"], [n["html"] for n in v["nodes"]]) for v in found["violations"]]
        assert len(found["passes"]) > 10  # it looked
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not told, json.dumps(told, indent=1)
    visit.end()


def test_two_thousand_rows_are_usable_soon(browser, tmp_path, crowded):
    write_site(Site([crowded], []).files(), tmp_path / "site")
    path = f"boards/{crowded.board.name}.html"
    assert (tmp_path / "site" / path).stat().st_size < 2e6
    waits = []
    for _ in range(VISITS):
        visit = Visit(browser, tmp_path / "site")
        page = visit.go(path)
        waits.append(page.evaluate(USED))
        assert page.locator("#status").text_content() == "100 of 111 that fit shown, of 2000."
        if max(waits[-1]) < SECONDS:
            break
        visit.end()
    print("seconds to a table that is sorted, and filtered:", waits)
    assert max(waits[-1]) < SECONDS
    page.get_by_label("Filter by name").fill("")
    assert page.locator("tbody tr:visible").count() == pages.MOST_ROWS
    page.get_by_role("button", name="Show all rows").click()
    assert page.locator("tbody tr:visible").count() == 2_000
    assert visit.names() == sorted(visit.names(), key=_number)
    visit.end()


def _number(label):
    return int(label.partition(":")[0].rpartition("-")[2])

"""The pages in a real browser: Debian's chromium, driven by Playwright, from the disk."""

from __future__ import annotations

import shutil

import pytest

from leaderboards.site import pages
from leaderboards.site.standing import stand
from leaderboards.site.writing import write_site

pytestmark = pytest.mark.slow
#: What a reader may wait for a board of 2,000 rows.
SECONDS = 1.5


@pytest.fixture(scope="module")
def browser():
    """A chromium without a window; skips where there is none to be had."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="needs Playwright: pip install playwright"
    )
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs chromium: apt install chromium")
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
        rows = self.page.locator("table.board tbody tr:visible th")
        return rows.all_text_contents()

    def busy_seconds(self):
        """Each ``next``: what the page's thread worked since the last, in seconds of processor.

        Not of a clock: who else uses the machine is not the page's affair.
        """
        session = self._context.new_cdp_session(self.page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})

        def values():
            before = 0.0
            while True:
                metrics = session.send("Performance.getMetrics")["metrics"]
                (now,) = (m["value"] for m in metrics if m["name"] == "TaskDuration")
                yield now - before
                before = now

        return values()

    def end(self):
        """Nothing but files was asked for, and nothing complained."""
        assert self.said == []
        assert all(url.startswith("file://") for url in self.requests), self.requests
        self._context.close()


@pytest.fixture
def folder(tmp_path, board, entries):
    write_site(pages.site_pages([stand(board, entries)], entries), tmp_path / "site")
    return tmp_path / "site"


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
    page.keyboard.press("Shift+Tab")  # back by one column: Failed is beyond, MRR@10 before
    page.keyboard.press("Space")
    assert page.locator("thead th[aria-sort]").text_content() == "MRR@10"
    page.locator("thead th", has_text="Rank").get_by_role("button").click()
    assert visit.names() == ranked  # rows without a rank stay last, both ways
    page.locator("thead th", has_text="Rank").get_by_role("button").click()
    assert visit.names()[-1] == "system-9"
    visit.end()


def test_filtering_by_words_and_badge(browser, folder, board):
    visit = Visit(browser, folder)
    page = visit.go(f"boards/{board.name}.html")
    page.get_by_label("Filter by name").fill("SYSTEM 3")
    assert visit.names() == ["system-3"]
    assert page.locator("#status").text_content() == "1 of 5 shown."
    page.get_by_label("Filter by name").fill("")
    page.get_by_label("Badge").select_option("reported")
    assert visit.names() == ["system-9"]
    page.get_by_label("Badge").select_option("")
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
    assert page.url.endswith("/index.html")
    visit.end()


def test_without_a_script_the_table_is_whole(browser, tmp_path, board, entries, monkeypatch):
    monkeypatch.setattr(pages, "MOST_ROWS", 3)
    write_site(pages.site_pages([stand(board, entries)], []), tmp_path / "site")
    visit = Visit(browser, tmp_path / "site", java_script_enabled=False)
    page = visit.go(f"boards/{board.name}.html")
    assert len(visit.names()) == 5
    assert page.locator("noscript p").is_visible()
    assert not page.get_by_label("Filter by name").is_visible()
    visit.end()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_the_table_and_not_the_page(browser, folder, board, scheme):
    visit = Visit(browser, folder, viewport={"width": 360, "height": 700}, color_scheme=scheme)
    for path in (f"boards/{board.name}.html", "index.html"):
        page = visit.go(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (colour == "rgb(255, 255, 255)") == (scheme == "light")
    visit.end()


def test_two_thousand_rows_are_usable_soon(browser, tmp_path, crowded):
    write_site(pages.site_pages([crowded], []), tmp_path / "site")
    visit = Visit(browser, tmp_path / "site")
    busy = visit.busy_seconds()
    page = visit.go(f"boards/{crowded.board.name}.html")
    loaded = next(busy)
    page.locator("thead th", has_text="Model").get_by_role("button").click()
    sorting = next(busy)
    page.get_by_label("Filter by name").fill("name-19")
    assert page.locator("#status").text_content() == "111 of 2000 shown."
    filtering = next(busy)
    print(f"busy {loaded:.2f} s loading, {sorting:.2f} s sorting, {filtering:.2f} s filtering")
    assert max(loaded, sorting, filtering) < SECONDS
    page.get_by_label("Filter by name").fill("")
    assert page.locator("tbody tr:visible").count() == pages.MOST_ROWS
    page.get_by_role("button", name="Show all rows").click()
    assert page.locator("tbody tr:visible").count() == 2_000
    visit.end()

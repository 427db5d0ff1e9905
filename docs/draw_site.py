"""Draws the pictures of the leaderboard that pages here show, from a site that was built.

    unimp-bench leaderboard build --out site
    python docs/draw_site.py site

A second argument is the folder of the pictures, this one unless given. Needs Playwright and a
Chromium (``apt-get install chromium``).
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
#: Picture -> the page of a site that it shows.
PICTURES = {"site-home.png": "index.html", "site-board.png": "boards/sim-s-search.html"}
_WIDTH, _HEIGHT = 1280, 860
#: Colours of a picture: pages have few, and files stay small.
_COLOURS = 64


def draw(site: Path, folder: Path = HERE) -> None:
    """Write a picture of each page of :data:`PICTURES` that ``site`` has to ``folder``."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": _WIDTH, "height": _HEIGHT})
        for name, path in PICTURES.items():
            if (site / path).is_file():
                page.goto((site / path).absolute().as_uri())
                picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
                picture.quantize(_COLOURS).save(folder / name, optimize=True)
        browser.close()


if __name__ == "__main__":
    draw(*map(Path, sys.argv[1:]))

"""The page of measurements is printed by one command: outputs are new, words stay."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "speed" / "page.py"

BEFORE = """# Speed

Words stay.

```
$ python -c "print('new'); print('lines')"
old
$ python -c "raise SystemExit(3)"
kept, for it fails
```

Measured on an old machine.

```
$ other things
stay
```

Measured on another one.
"""


def test_outputs_are_renewed_and_a_failing_command_keeps_its_own(tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    page.write_text(BEFORE)
    done = subprocess.run([sys.executable, PAGE, page], capture_output=True, text=True)
    assert done.returncode == 1
    assert 'python -c "raise SystemExit(3)"' in done.stderr
    found, expected = page.read_text().splitlines(), BEFORE.splitlines()
    at = expected.index("Measured on an old machine.")
    assert " cores (" in found.pop(at + 1)
    expected.pop(at)
    assert found == "\n".join(expected).replace("\nold\n", "\nnew\nlines\n").splitlines()


def test_other_commands_than_those_asked_for_are_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    page.write_text(BEFORE)
    done = subprocess.run([sys.executable, PAGE, page, "--only", "nothing"], capture_output=True)
    assert done.returncode == 0
    assert page.read_text() == BEFORE


def test_the_page_is_written_after_every_command(tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    later = """$ python -c "print('new' in open('speed.md').read().split())"\n"""
    page.write_text("```\n$ python -c \"print('n' + 'ew')\"\nold\n" + later + "```\n")
    done = subprocess.run([sys.executable, PAGE, page], capture_output=True, cwd=tmp_path)
    assert done.returncode == 0
    assert "True" in page.read_text().split()
    assert b"2 of 2, " in done.stderr


ONCE = """import sys
from pathlib import Path
runs = Path("runs")
runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
print("measured", len(runs.read_text()))
"""


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A page whose second command fails until a file lies there; it ran once."""
    (tmp_path / "once.py").write_text(ONCE)
    page = tmp_path / "speed.md"
    page.write_text("```\n$ python once.py\nold\n$ python -c \"open('now')\"\n```\n")
    assert measured(page).returncode == 1
    return page


def measured(page: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PAGE, page, *words], capture_output=True, text=True, cwd=page.parent
    )


def test_a_page_that_was_stopped_goes_on_and_begins_again_once_it_is_whole(stopped: Path) -> None:
    (stopped.parent / "now").touch()
    done = measured(stopped)
    assert done.returncode == 0
    assert "1 of 2 are measured already." in done.stderr
    assert "measured 1" in stopped.read_text().splitlines()
    assert measured(stopped).returncode == 0
    assert "measured 2" in stopped.read_text().splitlines()


@pytest.mark.parametrize("what", ["afresh", "only", "other code", "broken", "another page"])
def test_nothing_is_taken_from_other_measurements(stopped: Path, what: str) -> None:
    kept = stopped.with_name("speed.md.measured")
    said = json.loads(kept.read_text())
    words: tuple[str, ...] = ()
    if what == "afresh":
        words = ("--afresh",)
    elif what == "only":
        words = ("--only", "once.py")
    elif what == "other code":
        kept.write_text(json.dumps({**said, "with": {**said["with"], "commit": "0" * 40}}))
    elif what == "broken":
        kept.write_text(kept.read_text()[:-9])
    else:
        stopped.write_text(stopped.read_text().replace("once.py", "./once.py"))
    measured(stopped, *words)
    assert "measured 2" in stopped.read_text().splitlines()


def test_pages_and_plots_are_no_edits_of_the_code(tmp_path: Path, monkeypatch) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", tmp_path, *words], check=True, capture_output=True)

    monkeypatch.syspath_prepend(str(PAGE.parent))
    page = importlib.import_module("page")
    (tmp_path / "docs").mkdir()
    plot, code = tmp_path / "docs" / "growth.svg", tmp_path / "code.py"
    for path in (plot, code):
        path.write_text("as it was\n")
    git("init", "-q")
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "one")
    plot.write_text("measured\n")
    assert page.edited(tmp_path) == ""
    code.write_text("another\n")
    assert page.edited(tmp_path)

"""The page of measurements is printed by one command: outputs are new, words stay."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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

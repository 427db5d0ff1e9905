"""docs/manage.md shows what the commands do."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "manage.md"

#: What differs from run to run: hashes, ages, sizes, folders.
_VARIES = re.compile(r"-[0-9a-f]{8,16}\b|\d+(?:\.\d+)? (?:s|min|h|d|B|KiB|MiB)\b|\S*/datasets/")


def _shape(text: str) -> list[str]:
    """The words of each line but those that vary; ids sort by hashes, so lines are sorted too."""
    return sorted(" ".join(_VARIES.sub("", line).split()) for line in text.splitlines())


def test_the_guide_shows_what_the_commands_print(cli, run_home, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    blocks = re.findall(r"^```\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    setup, *shown = blocks
    for line in setup.splitlines():
        assert cli(*shlex.split(line)[1:], home=run_home)[0] == 0
    assert len(shown) == 7
    for block in shown:
        command, _, expected = block.partition("\n")
        words = shlex.split(command.removeprefix("$ "))
        status, out, err = cli(*words[1:], home=run_home)
        assert status == 0, err
        if words[1] in ("cache", "data") and words[2:3] in ([], ["rm"]):  # sizes, or long paths
            # Neither the home nor how a line with its path is wrapped is every reader's.
            lines = [line for line in expected.splitlines() if line[:1] not in ("~", " ")]
            wanted = [line.split()[0] for line in lines]
            got = [line.split()[0] for line in out.splitlines()]
            assert [w for w in wanted if w not in got] == []
        elif "..." in expected:
            assert _shape(expected.partition("  ...")[0]) == _shape(
                "\n".join(out.splitlines()[: expected.count("\n") - 1])
            )
        else:
            assert _shape(out) == _shape(expected)

"""Run every command of a page of measurements again and put what it prints in its place.

    python speed/page.py docs/results/speed.md
    python speed/page.py docs/results/speed.md --only topk.py --only scoring.py

A command is a line "$ python ..." of a fenced block; what follows, up to the next command or the
end of the block, is its output. Words between the blocks stay, and so does the output of a command
that fails or is not among ``--only``; those that fail are named at the end, and make this fail too.
The page is written after every command. A measurement of the whole page that was stopped goes on
behind the last command that succeeded, on the same machine with the same code and packages
(``PAGE.measured`` beside it keeps what there is, until all of it succeeded); ``--afresh`` begins
again.
A line that begins "Measured on" says where and when the commands above it ran, up to the last
such line; it is renewed where one of them was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from benchmark.host.files import atomic_path
from benchmark.host.provenance import git_state, package_versions, processor

ROOT = Path(__file__).resolve().parents[1]
FENCE, PROMPT = "```", "$ python "
STAMP = "Measured on "


def printed(command: str) -> str | None:
    """Return what ``python ...`` prints to standard output; ``None`` where it fails."""
    words = [sys.executable, *shlex.split(command)[1:]]
    environment = {**os.environ, "COLUMNS": "100"}
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False, env=environment)
    return None if done.returncode else done.stdout.rstrip("\n")


def commands(lines: Sequence[str]) -> Iterator[str]:
    """Yield the commands of a page, in order."""
    inside = False
    for line in lines:
        if line.startswith(FENCE):
            inside = not inside
        elif inside and line.startswith(PROMPT):
            yield line.removeprefix("$ ")


def renewed(lines: Sequence[str], outputs: Mapping[str, str], stamp: str) -> Iterator[str]:
    """Yield the lines of a page with ``outputs`` of its commands in place of the old ones."""
    inside = replaced = since = False
    for line in lines:
        if line.startswith(STAMP) and not inside:
            yield stamp if since else line
            since = False
            continue
        if line.startswith(FENCE):
            inside, replaced = not inside, False
        elif inside and line.startswith(PROMPT):
            output = outputs.get(line.removeprefix("$ "), "")
            replaced = bool(output)
            since |= replaced
            yield line
            if output:
                yield from output.split("\n")
            continue
        if not (inside and replaced):
            yield line


def circumstances() -> dict[str, Any]:
    """Return what measurements of one page share: machine, packages and code."""
    state = git_state()
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "python": platform.python_version(),
        "packages": package_versions(),
        "commit": None if state is None else state["commit"],
        "edited": None if state is None else edited(ROOT),
    }


def edited(checkout: Path) -> str:
    """Return a digest of what is changed but for pages and plots, which measuring writes itself.

    It is empty where nothing is.
    """
    command = ["git", "-C", str(checkout), "diff", "HEAD", "--", ".", ":(exclude)docs"]
    done = subprocess.run(command, capture_output=True, check=True)
    return hashlib.sha256(done.stdout).hexdigest() if done.stdout else ""


def stamped(measured: Mapping[str, Any]) -> str:
    """Return a line that says on which machine, with what and when."""
    commit = "-" if measured["commit"] is None else measured["commit"][:12]
    return (
        f"{STAMP}{measured['cores']} cores ({measured['processor']}), "
        f"{measured['memory'] / 2**30:.0f} GiB, load {os.getloadavg()[0]:.1f}; "
        f"Python {measured['python']}, torch {measured['packages'].get('torch', '-')}; "
        f"commit {commit}{' (edited)' * bool(measured['edited'])}; {date.today().isoformat()}."
    )


class Measured:
    """Keeps the outputs of commands in ``path`` until all of them succeeded."""

    def __init__(self, path: Path, measured: Mapping[str, Any]) -> None:
        self._path = path
        self._with = dict(measured)

    def read(self) -> dict[str, str]:
        """Return what was kept under the same circumstances."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            return dict(kept["outputs"]) if kept["with"] == self._with else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def write(self, outputs: Mapping[str, str]) -> None:
        """Keep ``outputs``."""
        text = json.dumps({"with": self._with, "outputs": outputs}, indent=1)
        with atomic_path(self._path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    def forget(self) -> None:
        """Keep nothing."""
        self._path.unlink(missing_ok=True)


def main() -> None:
    """Run the commands, write the page after each and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("page", type=Path)
    parser.add_argument("--only", action="append", help="run the commands of this script alone")
    parser.add_argument("--afresh", action="store_true", help="go on with nothing, begin again")
    options = parser.parse_args()
    page: Path = options.page
    before = page.read_text(encoding="utf-8").splitlines()
    measured = circumstances()
    asked = [
        command
        for command in commands(before)
        if options.only is None or any(name in command for name in options.only)
    ]
    kept = Measured(page.with_name(f"{page.name}.measured"), measured)
    whole = options.only is None
    outputs = kept.read() if whole and not options.afresh else {}
    outputs = {command: output for command, output in outputs.items() if command in asked}
    if outputs:
        print(f"{len(outputs)} of {len(asked)} are measured already.", file=sys.stderr)
    failed: list[str] = []
    for number, command in enumerate(asked, 1):
        if command in outputs:
            continue
        started = time.perf_counter()
        output = printed(command)
        seconds = time.perf_counter() - started
        said = f"{number} of {len(asked)}, {seconds:.0f} s: {command}"
        print(said if output is not None else f"{said}: failed", file=sys.stderr, flush=True)
        if output is None:
            failed.append(command)
            continue
        outputs[command] = output
        if whole:
            kept.write(outputs)
        with atomic_path(page) as temporary:
            lines = renewed(before, outputs, stamped(measured))
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(page.read_text(encoding="utf-8"))
    if failed:
        raise SystemExit("Failed, their old output stays:\n" + "\n".join(failed))
    if whole:
        kept.forget()


if __name__ == "__main__":
    main()

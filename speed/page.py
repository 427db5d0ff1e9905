"""Run every command of a page of measurements again and put what it prints in its place.

    python speed/page.py docs/results/speed.md
    python speed/page.py docs/results/speed.md --only topk.py --only scoring.py

A command is a line "$ python ..." of a fenced block; what follows, up to the next command or the
end of the block, is its output. Words between the blocks stay, and so does the output of a command
that fails or is not among ``--only``; those that fail are named at the end, and make this fail too.
The page is written after every command, so that a killed measurement keeps what it has.
A line that begins "Measured on" says where and when the commands above it ran, up to the last
such line; it is renewed where one of them was.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from benchmark.host.files import atomic_path
from benchmark.host.provenance import git_state, package_versions, processor

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


def renewed(lines: Sequence[str], outputs: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a page with ``outputs`` of its commands in place of the old ones."""
    inside = replaced = since = False
    for line in lines:
        if line.startswith(STAMP) and not inside:
            yield stamp() if since else line
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


def stamp() -> str:
    """Return a line that says on which machine, with what and when."""
    state, versions = git_state(), package_versions()
    commit = "-" if state is None else state["commit"][:12] + (" (edited)" * state["dirty"])
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return (
        f"{STAMP}{os.cpu_count()} cores ({processor()}), {memory:.0f} GiB, load {load:.1f}; "
        f"Python {platform.python_version()}, torch {versions.get('torch', '-')}; "
        f"commit {commit}; {date.today().isoformat()}."
    )


def main() -> None:
    """Run the commands, write the page after each and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("page", type=Path)
    parser.add_argument("--only", action="append", help="run the commands of this script alone")
    options = parser.parse_args()
    before = options.page.read_text(encoding="utf-8").splitlines()
    asked = [
        command
        for command in commands(before)
        if options.only is None or any(name in command for name in options.only)
    ]
    outputs: dict[str, str] = {}
    failed: list[str] = []
    text = "\n".join(before) + "\n"
    for number, command in enumerate(asked, 1):
        started = time.perf_counter()
        output = printed(command)
        seconds = time.perf_counter() - started
        said = f"{number} of {len(asked)}, {seconds:.0f} s: {command}"
        print(said if output is not None else f"{said}: failed", file=sys.stderr, flush=True)
        if output is None:
            failed.append(command)
            continue
        outputs[command] = output
        text = "\n".join(renewed(before, outputs)) + "\n"
        with atomic_path(options.page) as temporary:
            temporary.write_text(text, encoding="utf-8")
    print(text)
    if failed:
        raise SystemExit("Failed, their old output stays:\n" + "\n".join(failed))


if __name__ == "__main__":
    main()

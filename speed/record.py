"""Run a command and keep what it printed, with the machine class, as a page of docs/results.

    python speed/record.py docs/results/search-sim-s.md "Search on sim-s" -- make bench

Only standard output is kept (progress goes to standard error); a failing command keeps nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import subprocess
import time
from datetime import date
from pathlib import Path

from benchmark.host.files import atomic_path
from benchmark.host.provenance import git_state, package_versions, processor


def main() -> None:
    """Run the command and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("page", type=Path)
    parser.add_argument("title")
    parser.add_argument("--note", action="append", default=[], help="a paragraph to add")
    parser.add_argument("command", nargs="+", help="after --")
    arguments = parser.parse_args()
    started = time.perf_counter()
    done = subprocess.run(
        arguments.command,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "120"},
    )
    seconds = time.perf_counter() - started
    state = git_state()
    edited = " (edited)" if state is not None and state["dirty"] else ""
    commit = "-" if state is None else state["commit"][:12] + edited
    versions = package_versions()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    page = [
        f"# {arguments.title}",
        "",
        "```",
        f"$ {shlex.join(arguments.command)}",
        done.stdout.rstrip(),
        "```",
        "",
        *(line for note in arguments.note for line in (note, "")),
        f"Wall time {seconds:.0f} s on {os.cpu_count()} cores ({processor()}), {memory:.0f} GiB; "
        f"Python {platform.python_version()}, torch {versions.get('torch', '-')}; commit {commit}; "
        f"{date.today().isoformat()}.",
    ]
    with atomic_path(arguments.page) as temporary:
        temporary.write_text("\n".join(page) + "\n", encoding="utf-8")
    print(done.stdout)


if __name__ == "__main__":
    main()

"""Read mutated raw files of every source; exit status 1 where one did what none may do.

python -m tests.data.fuzzing --count 100000 --seed 0
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import io
import tempfile
import time
from pathlib import Path

from tests.data.fuzzing.checking import Fuzz, rounds
from tests.data.fuzzing.formats import FORMATS


def main() -> int:
    """Read the mutants asked for, the formats in turn, and print how they ended."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=1_000, help="mutants of all formats together")
    parser.add_argument("--seed", type=int, default=0, help="number of the first")
    parser.add_argument("--format", action="append", choices=sorted(FORMATS), help="only this one")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so many")
    given = parser.parse_args()
    faulthandler.enable()
    names = given.format or list(FORMATS)
    began, processor, done = time.monotonic(), time.process_time(), 0
    with tempfile.TemporaryDirectory(prefix="unimp-bench-fuzz-") as folder:
        fuzzes = {name: Fuzz(name, Path(folder) / name) for name in names}
        for name, number in rounds(names, given.seed, given.count):
            if time.monotonic() - began > 60 * given.minutes:
                break
            with contextlib.redirect_stderr(io.StringIO()):
                fuzzes[name].run(number)
            done += 1
            if done % 1_000 == 0:
                print(
                    f"{done:,} mutants, {sum(len(f.wrong) for f in fuzzes.values())} wrong",
                    flush=True,
                )
    for name, fuzz in fuzzes.items():
        print(f"{name:22}", ", ".join(f"{n:,} {end}" for end, n in sorted(fuzz.ends.items())))
    print(
        f"{done:,} mutants, numbers {given.seed:,} to {given.seed + done - 1:,}; "
        f"{time.process_time() - processor:.0f} s of processor"
    )
    wrong = [(name, *entry) for name, fuzz in fuzzes.items() for entry in fuzz.wrong]
    for name, number, what in wrong:
        print(f"wrong: {name} {number}: {what}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())

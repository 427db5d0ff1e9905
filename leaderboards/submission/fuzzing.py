"""Spoils a good submission at random, again and again, and reads each of them.

    python -m leaderboards.submission.fuzzing SUBMISSION.zip --number 100000 --seed 0

Every mutant must be refused under a code or say the same as the original, within the limits, and
no reader may die. The reader is the cage's own (:mod:`leaderboards.submission.reading`), called in
a child with the cage's limits that reads many mutants before the next one is forked.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import signal
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmark.tasks import TASKS
from leaderboards.submission import limits, reading, schema
from leaderboards.submission.cage_server import limit
from leaderboards.submission.findings import Refused
from leaderboards.submission.schema import MANIFEST

#: Mutants that one child reads.
BATCH = 500
#: Rows that a mutant may have.
_ROWS = 20_000
#: Processor seconds that it may take.
_SECONDS = limits.CAGE_SECONDS

Files = dict[str, bytes]


def spoil(content: bytes, draw: random.Random) -> bytes:
    """Return ``content`` with one to four places changed, cut out, doubled or filled in."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(changed) or 1)
        match draw.randrange(5):
            case 0:
                changed[at : at + 1] = bytes([draw.randrange(256)])
            case 1:
                del changed[at : at + draw.randint(1, 50)]
            case 2:
                changed[at:at] = changed[at : at + draw.randint(1, 50)]
            case 3:
                changed[at : at + 1] = (
                    bytes([changed[at] ^ 1 << draw.randrange(8)]) if changed else b""
                )
            case _:
                changed[at : at + 4] = draw.choice([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"])
    return bytes(changed)


def mutant(files: Files, seed: int) -> bytes:
    """Return an archive of ``files`` that was spoiled somewhere: in its own bytes, in its manifest,
    in a predictions file, or in a manifest's values under a digest that fits."""
    draw = random.Random(seed)
    kind = draw.randrange(4)
    files = dict(files)
    predictions = draw.choice(sorted(files.keys() - {MANIFEST}))
    if kind == 1:
        files[MANIFEST] = spoil(files[MANIFEST], draw)
    elif kind == 2:
        files[predictions] = spoil(files[predictions], draw)
    elif kind == 3:
        files[MANIFEST] = _other_values(files[MANIFEST], draw)
    archive = zipped(files)
    return spoil(archive, draw) if kind == 0 else archive


#: Values that stand where another was.
_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**63, 1e308, 0.5, "", "x", " ", "\u202e", "\u3164", "a" * 500, [], {}),
    *("../..", "/etc/passwd", "<script>", "\ud800", "9999-99-99T99:99:99+00:00", [[]], {"a": 1}),
)


def _other_values(raw: bytes, draw: random.Random) -> bytes:
    manifest = json.loads(raw)
    for _ in range(draw.randint(1, 3)):
        holder, key = draw.choice(list(_spots(manifest)))
        with suppress(KeyError, IndexError):  # an earlier change took it away
            match draw.randrange(3):
                case 0:
                    holder[key] = draw.choice(_VALUES)
                case 1:
                    del holder[key]
                case _ if isinstance(holder, dict):
                    holder[draw.choice(["x", "model", "n", ""])] = holder[key]
                case _:
                    holder.append(holder[key])
    with suppress(ValueError, UnicodeError):
        manifest["digest"] = schema.digest_of(manifest)
    return json.dumps(manifest).encode()


def _spots(value: Any) -> list[tuple[Any, Any]]:
    entries = list(value.items() if isinstance(value, dict) else enumerate(value))
    found: list[tuple[Any, Any]] = [(value, key) for key, _ in entries]
    for _, entry in entries:
        if isinstance(entry, (dict, list)):
            found += _spots(entry)
    return found


def zipped(files: Files) -> bytes:
    """Return a plain archive of ``files``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def outcome(path: Path, folder: Path) -> tuple[str, str]:
    """Read the submission at ``path`` as the cage does; return how that ended and what it says.

    The first is ``read`` or the code of the first finding, the second a hash of manifest and rows.
    """
    try:
        read = reading.read_manifest(str(path))
        if read["findings"]:
            return str(read["findings"][0]["code"]), ""
        submission, found = schema.validate(read["manifest"])
        if submission is None or found:
            return found[0].code, ""
        for run in submission.runs:  # as verify does before it asks for them
            if run.predictions not in read["files"] or run.task not in TASKS:
                return "file-missing" if run.task in TASKS else "task-unknown", ""
        runs = [
            {"file": run.predictions, "task": run.task, "budget": {"rows": _ROWS}}
            for run in submission.runs
        ]
        rows = reading.read_tables(str(path), read["sha256"], runs, str(folder))["runs"]
    except Refused as refused:
        return refused.finding.code, ""
    for run, row in zip(submission.runs, rows, strict=True):
        if "finding" in row:
            return str(row["finding"]["code"]), ""
        if row["rows_sha256"] != run.predictions_sha256:
            return "predictions-edited", ""
        if not row["plain"]:
            return "predictions-not-plain", ""
    return "read", submission.digest


class Fuzz:
    """Reads mutants of ``files`` by number; counts how they end, and keeps what is wrong."""

    def __init__(self, files: Files, mutate: Callable[[Files, int], bytes] = mutant) -> None:
        self._files, self._mutate = files, mutate
        self.ends: Counter[str] = Counter()
        self.wrong: list[tuple[int, str]] = []
        """Seed of a mutant, and what it did that none may do."""
        self.slowest = 0.0
        """Processor seconds of the mutant that took the longest."""

    def run(self, start: int, number: int) -> None:
        """Read the mutants ``start`` to ``start + number``, a child for every few hundred."""
        with tempfile.TemporaryDirectory(prefix="unimp-bench-fuzz-") as name:
            at = start
            while at < start + number:
                at = self._batch(Path(name), at, min(at + BATCH, start + number))

    def _batch(self, folder: Path, start: int, stop: int) -> int:
        """Read mutants in a child; return the number of the next one."""
        log = folder / "log"
        log.write_bytes(b"")
        child = os.fork()
        if child == 0:
            self._child(folder, log, start, stop)
        _, status = os.waitpid(child, 0)
        lines = log.read_text().splitlines()
        for line in lines:
            seed, seconds, end = line.split(" ", 2)
            self.slowest = max(self.slowest, float(seconds))
            self.ends[end] += 1
            if end.startswith("wrong") or float(seconds) > _SECONDS:
                self.wrong.append((int(seed), end))
        if status == 0:
            return stop
        died = start + len(lines)
        how = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "an exit"
        # The cage's child ends so too, over a limit; anything else is a fault of a reader.
        allowed = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGXCPU)
        self.ends["limit-time" if allowed else "reader-crashed"] += 1
        if not allowed:
            self.wrong.append((died, f"the reader ended by {how}"))
        return died + 1

    def _child(self, folder: Path, log: Path, start: int, stop: int) -> None:
        code = 1
        try:
            limit(_SECONDS + (stop - start))
            path = folder / "mutant.zip"
            good = schema.validate(json.loads(self._files[MANIFEST]))[0]
            with open(log, "a") as told:
                for seed in range(start, stop):
                    path.write_bytes(self._mutate(self._files, seed))
                    began = time.process_time()
                    try:
                        end, says = outcome(path, folder)
                    except MemoryError:
                        end, says = "limit-memory", ""
                    except Exception as error:
                        end, says = f"wrong: {type(error).__name__}", ""
                    if (
                        says
                        and good is not None
                        and says != good.digest
                        and not has_other_values(seed)
                    ):
                        end = "wrong: read as something else"
                    told.write(f"{seed} {time.process_time() - began:.4f} {end}\n")
                    told.flush()
            code = 0
        finally:
            os._exit(code)


def has_other_values(seed: int) -> bool:
    """Return whether a mutant has other values on purpose, and a digest over them."""
    return random.Random(seed).randrange(4) == 3


def main() -> None:
    """Fuzz from the command line; exit status 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("submission", type=Path, help="a good submission, a .zip")
    parser.add_argument("--number", type=int, default=1_000, help="mutants")
    parser.add_argument("--seed", type=int, default=0, help="number of the first")
    given = parser.parse_args()
    with zipfile.ZipFile(given.submission) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    fuzz = Fuzz(files)
    fuzz.run(given.seed, given.number)
    for end, count in fuzz.ends.most_common():
        print(f"{count:8d}  {end}")
    print(f"{given.number} mutants; the slowest took {fuzz.slowest:.2f} s of processor.")
    for seed, what in fuzz.wrong:
        print(f"wrong: mutant {seed}: {what}")
    raise SystemExit(1 if fuzz.wrong else 0)


if __name__ == "__main__":
    main()

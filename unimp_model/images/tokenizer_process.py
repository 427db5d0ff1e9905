"""Train the image tokenizer in a process of its own, while the image encoder trains.

The two do not depend on each other and each keeps one core busy. What the process trains is the
same to the bit as what :func:`own_image_tokenizer` would, and reaches the caller through its
cache; should the process fail, the caller's own training says why.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmark.host.console import note
from unimp_model.images.tokenizer_training import own_image_tokenizer

#: Fewer steps are over before a process has started.
_WORTHWHILE_STEPS = 100


@contextmanager
def trained_in_background(
    photos: Sequence[Path], *, cache: Path, seed: int, steps: int, batch: int
) -> Iterator[None]:
    """Train while the block runs; leaving the block waits for the end."""
    if steps < _WORTHWHILE_STEPS or _cores() < 2:
        yield
        return
    order = {"photos": [str(p) for p in photos], "cache": str(cache), "seed": seed}
    process = subprocess.Popen(
        [sys.executable, "-m", "unimp_model.images.tokenizer_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps({**order, "steps": steps, "batch": batch}))
        process.stdin.close()
        yield
        note("Waiting for the image tokenizer, which trains in a process of its own.")
        process.wait()
    finally:
        process.kill()
        process.wait()


def _cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def main() -> None:
    """Train by the settings in one JSON document on standard input."""
    order = json.load(sys.stdin)
    own_image_tokenizer(
        [Path(photo) for photo in order["photos"]],
        cache=Path(order["cache"]),
        seed=order["seed"],
        steps=order["steps"],
        batch=order["batch"],
    )


if __name__ == "__main__":
    main()

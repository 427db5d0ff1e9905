"""Draw many photos on all cores, in processes of their own: threads would wait for each other.

Run as a module it is such a process: it reads from its standard input what to draw and writes to
its standard output the length of each PNG in four bytes, then the PNG.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import BinaryIO

from benchmark.data.simulator.photos import Look, draw_item
from benchmark.data.simulator.truth import ItemFactors, item_name
from benchmark.errors import BenchError
from benchmark.host.dividing import divided, ways

#: Photos below which starting processes costs more than it saves.
WORTH_IT = 2_000
#: Photos that a process draws before the next one's turn; some turns wait in its pipe.
_TURN = 16
#: Photos that a worker of a cluster draws at a time.
_SHARD = 512
_LENGTH_BYTES = 4


class Photos:
    """Yields ``(item id, PNG)`` of every item, drawn when read, always the same."""

    def __init__(self, items: ItemFactors, *, seed: int) -> None:
        self._looks = list(
            zip(items.colour.tolist(), items.shape.tolist(), items.pattern.tolist(), strict=True)
        )
        self._seed = seed

    def __len__(self) -> int:
        return len(self._looks)

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        for index, png in enumerate(drawn(self._seed, self._looks)):
            yield item_name(index), png


def drawn(seed: int, looks: Sequence[Look]) -> Iterator[bytes]:
    """Yield the PNG of every item in order; the same for any number of processes.

    On the workers of a cluster where one is at hand (:mod:`benchmark.host.dividing`). Raises
    :class:`BenchError` when a process ends before it has drawn its part.
    """
    if ways() is not None:
        shards = (range(low, min(low + _SHARD, len(looks))) for low in range(0, len(looks), _SHARD))
        for _, pngs in divided(
            _drawn_elsewhere, shards, shared=seed, sent=lambda some: [(i, looks[i]) for i in some]
        ):
            yield from pngs
        return
    processes = min(os.cpu_count() or 1, 8) if sys.executable and len(looks) >= WORTH_IT else 1
    if processes == 1:
        yield from (draw_item(seed, index, look) for index, look in enumerate(looks))
        return
    turns = [range(low, min(low + _TURN, len(looks))) for low in range(0, len(looks), _TURN)]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(processes):
            mine = [index for turn in turns[number::processes] for index in turn]
            started.append(_started(seed, {index: looks[index] for index in mine}))
        for number, turn in enumerate(turns):
            for _ in turn:
                yield _received(started[number % processes])
    finally:
        for process in started:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _drawn_elsewhere(seed: int, looks: Sequence[tuple[int, Look]]) -> list[bytes]:
    return [draw_item(seed, index, look) for index, look in looks]


def _started(seed: int, looks: dict[int, Look]) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "benchmark.data.simulator.drawing"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as stream:  # it is missed where it should answer
        stream.write(json.dumps([seed, list(looks.items())]).encode())
    return process


def _received(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    length = int.from_bytes(process.stdout.read(_LENGTH_BYTES))
    png = process.stdout.read(length)
    if not length or len(png) < length:
        raise BenchError(
            f"A process that draws photos ended early (exit status {process.wait()}).",
            fix="Look for its message above, free memory, and prepare the dataset again.",
        )
    return png


def _draw(asked: BinaryIO, answers: BinaryIO) -> None:
    seed, looks = json.load(asked)
    for index, look in looks:
        png = draw_item(seed, index, tuple(look))
        answers.write(len(png).to_bytes(_LENGTH_BYTES))
        answers.write(png)
        answers.flush()


if __name__ == "__main__":
    try:
        _draw(sys.stdin.buffer, sys.stdout.buffer)
    except (BrokenPipeError, KeyboardInterrupt):  # who asked is gone, or going
        os._exit(1)

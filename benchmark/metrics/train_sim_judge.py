"""Trains the judge of simulated drawings; its weights are shipped, so that no machine trains it.

    python -m benchmark.metrics.train_sim_judge benchmark/metrics/weights/sim-judge-1.safetensors

The network learns from drawings of random looks, drawn by the simulator's own code under a seed
that no dataset uses, that the cosine of two photos is the share of colour, shape and pattern that
they have in common: 1 for equal looks, 0 for none. It sees the drawings moved and blurred a little,
since generated ones are. No world, item or user of any dataset takes part. Killed, the same command
goes on from a file beside the weights, and ends with the same ones.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from benchmark.data.simulator.photos import SIZE, draw_photo
from benchmark.data.simulator.vocabulary import COLOURS, PATTERNS, SHAPES
from benchmark.host.files import sha256_file
from benchmark.host.progress import bar
from benchmark.training.checkpoint import training_key
from benchmark.training.reproducible import reproducible
from benchmark.training.schedules import one_cycle
from benchmark.training.stepwise import Steps
from benchmark.training.stored import save_tensors
from benchmark.vision.look_net import MEAN, STD, LookNet, encode
from benchmark.vision.look_net import SIZE as SEEN
from benchmark.vision.photos import normalise, resized
from benchmark.vision.png import decode

_LABEL = "judge of drawings"
SEED = 20_260_704
DRAWINGS, STEPS, BATCH = 8_000, 1_200, 128
_RATE, _DECAY = 4e-3, 0.01
#: A drawing moves by so many pixels at most, and is blurred by a Gaussian of so many at most.
_MOVE, _BLUR = 3, 1.0


class Drawings(NamedTuple):
    """Holds n photos and what they show."""

    pixels: NDArray[np.uint8]
    """(n, 3, s, s)"""
    looks: NDArray[np.int64]
    """(n, 3), numbers of colour, shape and pattern."""


def draw(count: int, *, seed: int, size: int = SEEN) -> Drawings:
    """Draw ``count`` photos of random looks at ``size`` pixels."""
    generator = np.random.default_rng([seed, 0])
    kinds = tuple(COLOURS), SHAPES, PATTERNS
    looks = np.stack([generator.integers(0, len(kind), count) for kind in kinds], axis=1)
    pixels = np.empty((count, 3, size, size), np.uint8)
    with bar("photos drawn", count) as progress:
        for row, (colour, shape, pattern) in enumerate(looks.tolist()):
            rng = np.random.default_rng([seed, 1, row])
            png = draw_photo(kinds[0][colour], kinds[1][shape], kinds[2][pattern], rng)
            pixels[row] = resized(decode(png, SIZE), size)
            progress.advance()
    return Drawings(pixels, looks)


def shared(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the share (n, m) of looks (n, 3) and (m, 3) that two photos have in common."""
    share: NDArray[np.float32] = (one[:, None] == other[None]).mean(axis=2, dtype=np.float32)
    return share


def train(
    drawings: Drawings, *, steps: int, batch: int, seed: int, file: Path | None = None
) -> LookNet:
    """Train the network on ``drawings``: the same bits for the same arguments on one machine.

    ``file`` keeps where a training that is killed can go on; it is gone when one has ended.
    """
    with reproducible(seed, threads=1):
        network = LookNet()
        generator = torch.Generator().manual_seed(seed)
        optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)
        rates = one_cycle(optimiser, _RATE, steps)
        kept = None
        if file is not None:
            kept = Steps(file, network, optimiser, rates, generator, label=_LABEL)
        done = kept.resume() if kept else 0
        network.train()
        with bar(_LABEL, steps) as progress:
            progress.advance(done)
            for step in range(done, steps):
                rows = torch.randint(len(drawings.looks), (batch,), generator=generator).numpy()
                vectors = network(_view(drawings.pixels[rows], generator))
                wanted = torch.from_numpy(shared(drawings.looks[rows], drawings.looks[rows]))
                loss = functional.mse_loss(vectors @ vectors.T, wanted)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                rates.step()
                progress.note = f"squared error {loss.item():.4f}"
                progress.advance()
                if kept:
                    kept.keep(step + 1)
        if kept:
            kept.remove()
    return network.eval()


def errors(network: LookNet, drawings: Drawings) -> dict[str, float]:
    """Measure the judge on drawings it has not seen.

    ``cosine``: root mean square distance of a pair's cosine from its share of looks; ``nearest``:
    how often the nearest other drawing shares most of what any other shares.
    """
    vectors = encode(network, list(drawings.pixels))
    cosine = vectors @ vectors.T
    wanted = shared(drawings.looks, drawings.looks)
    others = ~np.eye(len(cosine), dtype=bool)
    np.fill_diagonal(cosine, -2.0)
    found = wanted[np.arange(len(cosine)), cosine.argmax(axis=1)]
    best = np.where(others, wanted, -1.0).max(axis=1)
    return {
        "cosine": float(np.sqrt(np.square(cosine - wanted)[others].mean())),
        "nearest": float((found == best).mean()),
    }


def _view(pixels: NDArray[np.uint8], generator: torch.Generator) -> Tensor:
    """Photos moved, the ground flowing in, and half of them blurred; standardised."""
    photos = normalise(pixels, MEAN, STD)
    padded = functional.pad(photos, (_MOVE,) * 4, mode="replicate")
    down, right = torch.randint(0, 2 * _MOVE + 1, (2,), generator=generator).tolist()
    moved = padded[:, :, down : down + photos.shape[2], right : right + photos.shape[3]]
    width = float(_BLUR * torch.rand(1, generator=generator)) + 0.1
    half = len(photos) // 2
    return torch.cat([_blurred(moved[:half], width), moved[half:]])


def _blurred(photos: Tensor, width: float) -> Tensor:
    """Photos under a Gaussian of standard deviation ``width`` pixels."""
    reach = math.ceil(3 * width)
    at = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-at.square() / (2 * width**2))
    kernel = (kernel / kernel.sum()).repeat(3, 1)[:, None]  # (3, 1, k)
    padded = functional.pad(photos, (reach,) * 4, mode="replicate")
    rows = functional.conv2d(padded, kernel[:, :, None], groups=3)
    return functional.conv2d(rows, kernel[:, :, :, None], groups=3)


def main() -> None:
    """Train on the command line's wish and write the weights with a record of how."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, help="the safetensors file to write")
    for name, default in (("drawings", DRAWINGS), ("steps", STEPS), ("batch", BATCH)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    how = {k: v for k, v in vars(asked).items() if k != "out"}
    key = training_key(sha256_file(Path(__file__)), torch.device("cpu"), **how)
    network = train(
        draw(asked.drawings, seed=asked.seed),
        steps=asked.steps,
        batch=asked.batch,
        seed=asked.seed,
        file=asked.out.with_name(f"{asked.out.stem}-{key[:16]}.training"),
    )
    measured = errors(network, draw(1_000, seed=asked.seed + 1))
    save_tensors(network.state_dict(), asked.out, record={**how, "held out": measured})
    print(measured)


if __name__ == "__main__":
    main()

"""Tell how well the dataset's own image encoder shows what a simulated photo is of.

    python docs/examples/photo_probe.py sim-s

Of 20 splits: a linear map (ridge) from UniMP's 48 photo dimensions, learned on two thirds of the
photos, names the true colour, shape and pattern of the others.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmark.data.opening import open_dataset
from benchmark.data.simulator.truth import ATTACHMENT, index_of, read_truth
from benchmark.host.home import find_home
from benchmark.host.torch_setup import prepare_torch

SPLITS, PENALTY = 20, 0.01


def main() -> None:
    """Print a line for each attribute."""
    prepare_torch()
    from unimp_model.images.encoder import own_encoder
    from unimp_model.images.photo_space import PhotoSpace

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", help="a simulated dataset that is prepared")
    parser.add_argument("--steps", type=int, default=330, help="of the encoder's training")
    given = parser.parse_args()
    view = open_dataset(given.data, find_home(None)).training_view()
    truth = read_truth(view.attachment(ATTACHMENT)).items
    shown = [item for item in view.catalogue if item.image is not None]
    encoder = own_encoder(view, steps=given.steps)
    table = encoder.features([Path(str(item.image)) for item in shown], 4)
    vectors = PhotoSpace.of(table, 48)(table).numpy().astype(np.float64)
    generator = np.random.default_rng(0)
    for name in ("colour", "shape", "pattern"):
        values = np.array([getattr(truth, name)[index_of(item.item_id)] for item in shown])
        kinds = np.unique(values)
        right = []
        for _ in range(SPLITS):
            order = generator.permutation(len(values))
            train, held = np.split(order, [len(order) * 2 // 3])
            x = np.column_stack([vectors - vectors[train].mean(0), np.ones(len(vectors))])
            y = (values[train, None] == kinds).astype(np.float64)
            square = x[train].T @ x[train] + PENALTY * np.eye(x.shape[1])
            weights = np.linalg.solve(square, x[train].T @ y)
            right.append(np.mean(kinds[(x[held] @ weights).argmax(1)] == values[held]))
        print(f"{name:8} {np.mean(right):.3f}")


if __name__ == "__main__":
    main()

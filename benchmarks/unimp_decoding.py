"""Ranking speed of UniMP: exact scoring beside a plain 10-beam search, in one run.

python benchmarks/unimp_decoding.py --data sim-s --users 320

"exact" is what `predict` does: one forward pass, a softmax over item tokens, with item rows and
visual tokens made once (their making is timed and counted). "beams" is a search of size 10 as
`generate` runs it: each question is copied ten times, every copy brings its own images through the
resampler, and the whole vocabulary is scored; then the best ten allowed tokens are kept. "beams,
cached" is the same search with our caches. The rankings of all three must be equal.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmark.data.dataset import ensure_dataset
from benchmark.home import find_home
from benchmark.torch_setup import prepare_torch
from unimp_model.assembly import Parts, assemble
from unimp_model.batches import collate
from unimp_model.config import UniMPConfig
from unimp_model.decoding import Reader
from unimp_model.examples import question_row
from unimp_model.sequence import Row

BEAMS = 10


def exact(parts: Parts, rows: Sequence[Row], slots: int) -> NDArray[np.int64]:
    """Best ten items (n, 10) by exact scoring, caches made on the way."""
    scores = Reader(parts.network, parts.photos, slots=slots).item_scores(rows)
    return np.argsort(-scores, axis=1, kind="stable")[:, :BEAMS]


@torch.inference_mode()
def beams(parts: Parts, rows: Sequence[Row], users: int, cache: Reader | None) -> NDArray[np.int64]:
    """The same by a beam search over one-token ids, ``users`` questions at a time."""
    network = parts.network.eval()
    index = {} if parts.photos is None else parts.photos.index
    found = []
    for start in range(0, len(rows), users):
        copies = [row for row in rows[start : start + users] for _ in range(BEAMS)]
        batch = collate(copies, index, all_photos=True, slots=1)
        if cache is not None:
            tables, visual = cache.tables, cache.visual
        else:
            tables, visual = network.tables(), None
            if parts.photos is not None:
                visual = network.visual_tokens(parts.photos.rows(batch.images.flatten()))
                own = torch.arange(batch.images.numel()).view_as(batch.images)
                batch = replace(batch, images=own)
        hidden = network(batch, tables, visual)
        scores = network.logits(network.read(hidden, batch), tables).log_softmax(-1)
        # All copies agree before the first token is chosen, and one-token ids end there.
        best = scores[::BEAMS, parts.vocabulary.first_item :].topk(BEAMS).indices
        found.append(best.numpy())
    return np.concatenate(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="sim-s")
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--users", type=int, default=320)
    parser.add_argument("--batch", type=int, default=8, help="users a beam-search batch")
    parser.add_argument("--preset", default="tiny", choices=("tiny", "smollm2"))
    arguments = parser.parse_args()

    prepare_torch()
    config = UniMPConfig(preset=arguments.preset, encoder_steps=0)
    dataset = ensure_dataset(arguments.data, find_home(arguments.home))
    view = dataset.training_view()
    with tempfile.TemporaryDirectory() as folder:
        view.features_folder = Path(folder)  # weights do not matter for speed
        torch.manual_seed(0)
        parts = assemble(view, ("recommendation", "search"), config, seed=0)
        for layer in parts.network.cross_attention.values():
            torch.nn.init.constant_(layer.gate, 0.5)
        questions = list(dataset.questions("search", limit=arguments.users))
        window = config.history_items
        rows = [question_row(parts.template, "search", q, window=window) for q in questions]
        print(
            f"{arguments.data}, {arguments.preset}, {torch.get_num_threads()} threads, "
            f"{len(rows)} users, {len(view.catalogue):,} items"
        )
        cache = Reader(parts.network, parts.photos, slots=window)
        ways = {
            "exact": lambda: exact(parts, rows, window),
            "beams": lambda: beams(parts, rows, arguments.batch, None),
            "beams, cached": lambda: beams(parts, rows, arguments.batch, cache),
        }
        rates, rankings = {}, {}
        for name, way in ways.items():
            started = time.perf_counter()
            rankings[name] = way()
            rates[name] = len(rows) / (time.perf_counter() - started)
            same = (rankings[name] == rankings["exact"]).all(1).mean()
            print(
                f"{name:14} {rates[name]:9.1f} users/s   exact is "
                f"{rates['exact'] / rates[name]:5.1f} x   same ranking for {same:.1%}"
            )


if __name__ == "__main__":
    main()

"""Ranking speed of UniMP: exact scoring beside transformers' 10-beam search, in one run.

python speed/unimp_decoding.py --data sim-s --users 900 --searched 96

* "exact" is what `predict` does: one forward pass, a softmax over item tokens, with item rows and
  visual tokens made once (their making is timed and counted).
* "generate" is transformers' `generate(num_beams=10)` over the same weights, as the field's code
  calls it: users padded to a batch, their images brought along by every beam, the whole vocabulary
  open. One token is generated, the least it could be.
* "generate, items" is the same with `prefix_allowed_tokens_fn` closing all but item tokens.
* "generate, photos" also runs the frozen image encoder for every image a user's beams bring, which
  is what the field's code does: `open_flamingo` repeats pixels by beam, then encodes. The photos
  lie in memory. "exact, photos" is "exact" after encoding the catalogue once, from files.
* "generate, flamingo" has the modules of the package flamingo-pytorch (0.1.2) in place of ours, at
  the same sizes; "lean" leaves out their feed-forward, which ours do not have. Their weights are
  their own, and so is their ranking.
* "beams, cached" is the search over our network with our caches: what is left is its ten copies.

Every ranking must be that of "exact"; where beams are open, the items among the ten must be its
first, in order. The searches, whose cost is the same for every user, rank the first --searched
users; ours ranks all, as its caches are made once. Ways take turns, --repeat times, and the median
time of each counts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from conditioned_llama import (
    ConditionedLlama,
    FlamingoModules,
    OwnModules,
    PhotoPixels,
    Photos,
    padded,
    require_flamingo,
    whole_llama,
)
from numpy.typing import NDArray

from benchmark.data.opening import ensure_dataset
from benchmark.host.home import find_home
from benchmark.host.torch_setup import prepare_torch
from unimp_model.assembly import assemble
from unimp_model.config import UniMPConfig
from unimp_model.images.encoder import PhotoFeatures
from unimp_model.images.of_catalogue import catalogue_photos
from unimp_model.network.decoding import Reader
from unimp_model.parts import Parts
from unimp_model.sequence.batches import collate
from unimp_model.sequence.template import Row
from unimp_model.tasks.base import question_row

BEAMS = 10

#: Item numbers (n, 10), best first; -1 for a beam that is no item.
Ranking = NDArray[np.int64]


def exact(parts: Parts, rows: Sequence[Row], slots: int, photos: PhotoFeatures | None) -> Ranking:
    """Rank the best ten items by exact scoring, caches made on the way."""
    scores = Reader(parts.network, photos, slots=slots).item_scores(rows)
    return np.argsort(-scores, axis=1, kind="stable")[:, :BEAMS]


@torch.inference_mode()
def cached_beams(parts: Parts, rows: Sequence[Row], users: int, slots: int) -> Ranking:
    """Search with beams over one-token ids and our caches, ``users`` instances at a time."""
    reader = Reader(parts.network, parts.photos, slots=slots)
    network, found = parts.network, []
    for start in range(0, len(rows), users):
        copies = [row for row in rows[start : start + users] for _ in range(BEAMS)]
        batch = collate(copies, reader.photo_index, all_photos=True, slots=1)
        batch = batch.to(reader.tables.output.device)
        hidden = network(batch, reader.tables, reader.x_v)
        scores = network.logits(network.read(hidden, batch), reader.tables).log_softmax(-1)
        # All copies agree before the first token is chosen, and one-token ids end there.
        best = scores[::BEAMS, parts.vocabulary.first_item :].topk(BEAMS).indices
        found.append(best.cpu().numpy())
    return np.concatenate(found)


def generated(
    model: ConditionedLlama,
    rows: Sequence[Row],
    photos: Photos,
    users: int,
    *,
    first: int,
    only_items: bool = False,
) -> Ranking:
    """Search with transformers' beam search, ``users`` instances at a time.

    ``first`` is the first item's token.
    """
    device, size = model.llama.device, model.llama.config.vocab_size
    allowed = torch.arange(first, size, device=device) if only_items else None
    found = []
    for start in range(0, len(rows), users):
        batch = padded(rows[start : start + users], photos, device, left=True)
        tokens = model.generate(batch, beams=BEAMS, allowed=allowed)
        found.append((tokens - first).clamp(min=-1).cpu().numpy())
    return np.concatenate(found)


def same_share(ranking: Ranking, best: Ranking) -> float:
    """Return the share of rows whose items, in order, are the first of ``best``."""
    pairs = [(row[row >= 0], whole) for row, whole in zip(ranking, best, strict=False)]
    return float(np.mean([(items == whole[: len(items)]).all() for items, whole in pairs]))


def main() -> None:
    """Time the ways to decode and print seconds and agreement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="sim-s")
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--users", type=int, default=900, help="users ranked by exact scoring")
    parser.add_argument("--searched", type=int, default=96, help="users ranked by beam search")
    parser.add_argument("--batch", type=int, default=8, help="users a beam-search batch")
    parser.add_argument("--repeat", type=int, default=3, help="turns; the median counts")
    parser.add_argument("--preset", default="tiny", choices=("tiny", "smollm2"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    require_flamingo()
    prepare_torch()
    device = torch.device(arguments.device)
    # The usual model has no rows that other tokens carry: answers could not be compared.
    config = UniMPConfig(preset=arguments.preset, encoder_steps=0, carried_rows=False)
    dataset = ensure_dataset(arguments.data, find_home(arguments.home))
    view = dataset.training_view()
    with tempfile.TemporaryDirectory() as folder:
        view.features_folder = Path(folder)  # weights do not matter for speed
        torch.manual_seed(0)
        parts = assemble(view, ("recommendation", "search"), config, seed=0)
        network, photos, encoder = parts.network.to(device).eval(), parts.photos, parts.encoder
        assert photos is not None, "the presets here see photos"
        assert encoder is not None, "photos were encoded by something"
        for layer in network.cross_attention.values():
            torch.nn.init.constant_(layer.gate, 0.5)
        # Loud rows make an open search find items, as a trained network's would.
        loud = 4 * float(network.language.output_rows.detach().std())
        torch.nn.init.normal_(network.items.output_delta, std=loud)
        instances = list(dataset.instances("search", limit=arguments.users))
        window, users = config.history_items, arguments.batch
        rows = [question_row(parts.template, "search", q, window=window) for q in instances]
        files = catalogue_photos(view)
        pixels = PhotoPixels(encoder, files)
        own, seeing = OwnModules(network), OwnModules(network, encoder, grid=config.image_grid)
        flamingo, lean = (
            FlamingoModules(network, config, photos.shape[1], feed_forward=whole)
            for whole in (True, False)
        )

        def model(modules: OwnModules | FlamingoModules) -> ConditionedLlama:
            with torch.no_grad():
                llama = whole_llama(network, network.tables(), tied=False, frozen=False)
            return ConditionedLlama(llama, modules).to(device).eval()

        def encoded() -> PhotoFeatures:
            return PhotoFeatures(photos.index, encoder.features(files, config.image_grid))

        few = rows[: arguments.searched]
        search = partial(generated, rows=few, users=users, first=parts.vocabulary.first_item)
        ways: dict[str, Callable[[], Ranking]] = {
            "exact": lambda: exact(parts, rows, window, photos),
            "generate": partial(search, model(own), photos=photos),
            "generate, items": partial(search, model(own), photos=photos, only_items=True),
            "generate, flamingo": partial(search, model(flamingo), photos=photos),
            "generate, flamingo, lean": partial(search, model(lean), photos=photos),
            "beams, cached": lambda: cached_beams(parts, few, users, window),
            "exact, photos": lambda: exact(parts, rows, window, encoded()),
            "generate, photos": partial(search, model(seeing), photos=pixels),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        rankings = {}
        for _ in range(arguments.repeat):
            for name, way in ways.items():
                started = time.perf_counter()
                rankings[name] = way()
                seconds[name].append(time.perf_counter() - started)

    named = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    threads = f"{torch.get_num_threads()} threads" if device.type == "cpu" else named
    print(
        f"{arguments.data}, {arguments.preset}, {threads}, {len(rows)} users, "
        f"{len(view.catalogue):,} items, {users} users a beam-search batch"
    )
    rates = {name: len(rankings[name]) / median(values) for name, values in seconds.items()}
    failed = []
    for name, ranking in rankings.items():
        ours = "exact, photos" if name.endswith("photos") else "exact"
        said = (
            f"{name:24} {rates[name]:8.1f} users/s   {ours} is {rates[ours] / rates[name]:5.1f} x"
        )
        if "flamingo" in name:
            print(f"{said}   (weights of its own)")
            continue
        same = same_share(ranking, rankings["exact"])
        items = (ranking >= 0).mean()
        print(f"{said}   {items:4.0%} of beams are items, in exact's order for {same:.1%} of users")
        if same < 1:
            failed.append(name)
    if failed:
        sys.exit(f"Not the ranking of exact scoring: {', '.join(failed)}.")


if __name__ == "__main__":
    main()

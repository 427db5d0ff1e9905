"""What all systems with photos promise, on pairs and on the graph."""

from __future__ import annotations

import copy
import dataclasses
import random
from functools import partial

import numpy as np
import pytest

from baselines.multimodal.causalrec import CausalRec
from baselines.multimodal.mmgcl import MMGCL
from baselines.multimodal.mmssl import MMSSL
from baselines.multimodal.vbpr import VBPR
from benchmark.errors import BenchError
from benchmark.training.checkpoint import Checkpoint
from tests.baselines.same import same_tensors

#: A system with its settings.
SYSTEMS = {
    "vbpr": (VBPR, {}),
    "causalrec": (CausalRec, {}),
    "mmgcl": (MMGCL, {}),
    "mmssl": (MMSSL, {}),
    "mmssl:paper": (MMSSL, {"cross_modal": "paper", "neighbours": 2}),
}
FAST = {"encoder_steps": 3, "threads": 1, "epochs": 3, "embedding_size": 4}


@pytest.fixture(params=SYSTEMS.values(), ids=SYSTEMS)
def system(request):
    return request.param


def fitted(system, view, **settings):
    model_class, own = system
    model = model_class(model_class.Config(**{**FAST, **own, **settings}))
    model.fit(view, seed=3)
    return model


@pytest.fixture
def sold(system, fitted_shop):
    """``sold(photos=True)``: the system fitted on a shop, and the shop; shared, not to change."""
    model_class, own = system
    return partial(fitted_shop, model_class, **FAST, **own)


def test_a_shop_without_photos_is_ranked(sold):
    model, shop = sold(photos=False)
    (ranking,) = model.predict([shop.ask("u", shop.item("a"))])
    assert len(set(ranking.items)) == 3
    assert not (shop.view.features_folder / "own-encoders").exists()


def test_a_photo_that_the_fit_never_saw_is_named(sold, tmp_path):
    model, shop = sold()
    stranger = dataclasses.replace(shop.item("a"), image=str(tmp_path / "other.png"))
    with pytest.raises(BenchError, match=r"Photo 'other\.png' of item 'a' was not in"):
        model.scores([shop.ask("u", stranger)])


def test_users_in_another_order_change_no_score(sold):
    model, shop = sold()
    worded = dataclasses.replace(shop.item("c"), title="mug c d")
    asked = [
        shop.ask(user, shop.item(item), other)
        for user in ("u", "v", "w", "s", "new")
        for item, other in (("a", shop.item("b", photo_of="c")), ("f", worded))
    ]
    together = model.scores(asked)
    order = random.Random(1).sample(range(len(asked)), len(asked))
    assert np.array_equal(model.scores([asked[i] for i in order]), together[order])
    alone = np.concatenate([model.scores([one]) for one in asked])
    assert np.array_equal(alone, together)


def test_a_file_whose_tables_do_not_fit_is_refused(system, sold, tmp_path):
    model = copy.copy(sold()[0])
    model.item_ids = model.item_ids[:2]
    model.save(tmp_path)
    with pytest.raises(BenchError, match=f"holds no {model.name}"):
        system[0]().load(tmp_path)


def test_a_killed_fit_goes_on_and_ends_with_the_same_weights(
    system, photo_shop, killed_after, monkeypatch
):
    view = photo_shop().view
    expected = fitted(system, view, epochs=4)
    killed_after(2, lambda: fitted(system, view, epochs=4))
    write, written = Checkpoint.write, []
    monkeypatch.setattr(Checkpoint, "write", lambda self, *a: written.append(1) or write(self, *a))
    resumed = fitted(system, view, epochs=4)
    assert len(written) == 2  # of four epochs two were left
    assert same_tensors(resumed, expected)
    assert resumed.journal == expected.journal

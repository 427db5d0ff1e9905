"""The match head, our extension: nothing of it while off, and every part of it worked out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log
from pathlib import Path

import polars as pl
import pytest
import torch

from benchmark.data.catalogue import Catalogue
from benchmark.data.schema import ITEM_COLUMNS
from benchmark.instances import Item
from unimp_model.assembly import assemble
from unimp_model.config import UniMPConfig
from unimp_model.entries import MODELS
from unimp_model.network.decoding import Reader
from unimp_model.network.match_material import material
from unimp_model.network.matching import Looks, MatchHead, learns_apart, statistics_of
from unimp_model.network.model import Asked
from unimp_model.sequence.batches import collate
from unimp_model.sequence.seen import Coder, book_of
from unimp_model.sequence.template import Branch
from unimp_model.training.optimisation import make_optimiser
from unimp_model.training.step import training_loss

ALL = MODELS[0].variants["matching"]["matching"]
SEARCH, PREFERENCE = 1, 2


def put_on(world, view, parts=ALL, *, window=5):
    """Give ``world`` a head over the made-up items; photos are three random directions."""
    book = book_of(world.items, parts)
    index = {item.item_id: i for i, item in enumerate(world.items)}
    coder = Coder(
        book, index, world.photos.index, window=window, text_size=world.vocabulary.text_size
    )
    world.template.coder = coder
    torch.manual_seed(3)
    vectors = torch.randn(len(world.photos.index), 3)
    head = MatchHead(material(view, world.vocabulary, coder, vectors, parts))
    world.network.matching = head
    return head


@dataclass
class Shop:
    """The part of a training view that the head is made of."""

    catalogue: Catalogue
    allow_repeats: bool

    def interactions(self, part="train"):
        log = [
            ("u", "a1", 5.0),
            ("u", "b2", 2.0),
            ("u", "d4", 4.0),
            ("v", "a1", 3.0),
            ("v", "f6", 4.0),
        ]
        rows = [
            {"user_id": user, "item_id": item, "rating": rating, "timestamp": time}
            for time, (user, item, rating) in enumerate(log)
        ]
        return pl.DataFrame(rows).with_columns(
            explanation=pl.lit(None, pl.String), review=pl.lit(None, pl.String)
        )


@pytest.fixture
def make_shop():
    def make(items, *, allow_repeats=False):
        rows = [
            {
                **dict.fromkeys(ITEM_COLUMNS),
                "item_id": item.item_id,
                "title": item.title,
                "category": list(item.category),
                "query": " ".join(item.category).lower(),
                "brand": item.brand,
                "price": item.price,
                "image": item.image and Path(item.image).name,
            }
            for item in items
        ]
        frame = pl.DataFrame(rows, schema=ITEM_COLUMNS)
        return Shop(Catalogue(frame, images=Path("/photos")), allow_repeats)

    return make


@pytest.fixture
def view(items, make_shop):
    return make_shop(items)


def asked(world, history, prompt=("next",), *, ratings=(), task=0, fold=0):
    """A batch of one row with one read, and the read."""
    trunk = world.template.history(history, ratings)
    branch = Branch(len(history), world.template.instruction(list(prompt)), task)
    row = world.template.row(trunk, [branch], context=False, fold=fold)
    batch = collate([row], world.photos.index, all_photos=True, slots=5)
    return Asked(batch, torch.tensor([0]))


def matched(world, history, **how):
    found = asked(world, history, **how)
    return world.network.matching.item_scores(found.batch.seen, found.reads)[0].detach()


def silent(head):
    """Set every weight of the head to zero."""
    with torch.no_grad():
        for name, parameter in head.named_parameters():
            if not name.startswith("looks."):
                parameter.zero_()


# Off


def test_without_the_setting_rows_and_network_hold_nothing_of_it(world):
    w = world()
    row = w.template.row(
        w.template.history([w.items[0]]), [Branch(1, w.template.instruction(["x"]))], context=True
    )
    batch = collate([row], w.photos.index, all_photos=False, slots=1)
    assert row.seen is None
    assert batch.seen is None
    assert w.network.matching is None
    assert UniMPConfig().matching == ()
    assert not any(learns_apart(name) for name, _ in w.network.named_parameters())


def test_without_it_item_logits_are_products_of_state_and_row_to_the_bit(world):
    w = world()
    tables, states = w.network.tables(), torch.randn(3, 32)
    own = states @ tables.output[w.network.specials :].T
    assert torch.equal(w.network.item_logits(states, tables, None), own)
    assert torch.equal(w.network.logits(states, tables)[:, -len(w.items) :], own)


def test_the_head_changes_no_weight_of_the_model_and_draws_no_chance(sim_xs, micro):
    """Assembled with and without it: equal weights, and the same random numbers afterwards."""
    view, tasks = sim_xs.training_view(), ["recommendation", "preference"]
    found = {}
    for parts in ((), ALL):
        config = UniMPConfig(**{**micro, "matching": parts})
        network = assemble(view, tasks, config, seed=4).network
        found[parts] = (dict(network.named_parameters()), torch.rand(5))
    (off, chance), (on, later) = found.values()
    assert {name for name in on if not name.startswith("matching.")} == set(off)
    assert all(torch.equal(off[name], on[name]) for name in off)
    assert torch.equal(chance, later)


def test_a_silent_head_leaves_every_logit_as_it_was(world, view):
    w = world(levels=(1.0, 2.0, 3.0))
    tables, states = w.network.tables(), torch.randn(1, 32)
    off = w.network.item_logits(states, tables, None)
    words = w.network.logits(states, tables)
    head = put_on(w, view)
    silent(head)
    with torch.no_grad():
        head.own_scale.fill_(1.0)
        head.sharpness.fill_(-torch.inf)
    found = asked(w, w.items[:2], (w.items[3],), task=PREFERENCE)
    assert torch.equal(w.network.item_logits(states, tables, found), off)
    assert torch.equal(w.network.logits(states, tables, found), words)


def loss_of(world, *, own_loss):
    """The loss of ranking the second item behind the first, and its slope by each weight."""
    template, item = world.template, world.items[1]
    branch = Branch(1, template.instruction(["next"]), 0, (template.token(item),))
    row = template.row(template.history(world.items[:1]), [branch], context=False)
    batch = collate([row], world.photos.index, all_photos=True, slots=5)
    config = UniMPConfig(matching=ALL, own_loss=own_loss, gamma=0.0, context_weight=0.0)
    world.network.zero_grad()
    loss, _ = training_loss(world.network, batch, world.photos, config)
    loss.backward()
    return loss.item(), world.network.items.output_delta.grad.abs().sum().item()


def test_unimps_own_logits_learn_even_where_the_head_gives_them_no_weight(world, view):
    w = world()
    off, slope = loss_of(w, own_loss=1.0)  # without a head there is nothing beside
    assert slope > 0
    head = put_on(w, view)
    with torch.no_grad():
        head.own_scale.fill_(0.0)
    alone, none = loss_of(w, own_loss=0.0)
    assert none == 0
    both, again = loss_of(w, own_loss=1.0)
    assert both == pytest.approx(alone + off, rel=1e-4)
    assert again == pytest.approx(slope, rel=1e-3)


def test_the_heads_weights_have_a_rate_of_their_own_and_no_decay(world, view):
    w = world()
    head = put_on(w, view)
    config = UniMPConfig(matching=ALL, matching_rate=0.5)
    rates = {
        id(p): (group["lr"], group["weight_decay"])
        for group in make_optimiser(w.network, config).param_groups
        for p in group["params"]
    }
    assert rates[id(head.values)] == rates[id(head.query)] == (0.5, 0.0)
    assert rates[id(head.looks.map)] == (0.25, 0.0)
    assert rates[id(head.item_level)] == (0.125, 0.0)
    assert {id(p) for p in w.network.parameters() if p.requires_grad} == set(rates)


# What is counted


def test_statistics_of_a_value():
    held = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.5]]])  # 4 items, 2 values
    deviations = torch.tensor([[2.0, -1.0, 0.0, 0.5]])
    one, other = statistics_of(held, deviations)[0].tolist()
    assert one == pytest.approx([1, 1, 0, log(4), 2.5 / 4])
    assert other == pytest.approx([0.5, 0, 1, log(2.5), (-1 + 0.25) / 2.5])


def test_a_value_counts_by_recency_for_the_items_that_share_it(world, view):
    w = world()
    head = put_on(w, view)
    silent(head)
    category = w.template.coder.book.keys.index("category")
    with torch.no_grad():
        head.values[category] = torch.tensor([5.0, 3.0, 1.0, 0.0, 0.0])
    mug, chair = w.items[0], w.items[1]  # d4, e5 and f6 are mugs too
    mugs = torch.tensor([1.0, 0, 0, 1, 1, 1])
    assert torch.equal(matched(w, [chair, chair, mug]), 5 * mugs)
    assert torch.equal(matched(w, [mug, chair, chair]), mugs)
    assert torch.equal(matched(w, [mug, chair, mug]), 6 * mugs)
    assert torch.equal(matched(w, [mug, chair, chair, chair]), 0 * mugs)
    with torch.no_grad():
        head.values[category] = torch.tensor([0.0, 0, 0, 1, 0])
    torch.testing.assert_close(matched(w, [mug, chair, mug]), log(3) * mugs)


def test_only_the_window_is_seen(world, view):
    w = world()
    head = put_on(w, view, window=2)
    silent(head)
    with torch.no_grad():
        head.values[:, 3] = 1.0
    mug, chair = w.items[0], w.items[1]
    assert torch.equal(matched(w, [mug, chair, chair]), matched(w, [chair, chair]))


def test_items_count_as_they_are_shown(world, view):
    w = world()
    put_on(w, view)
    mug = w.items[0]
    plain = replace(mug, category=(), brand=None)
    other_photo = replace(mug, image="/photos/b2.png")
    assert not torch.equal(matched(w, [mug]), matched(w, [plain]))
    assert not torch.equal(matched(w, [mug]), matched(w, [other_photo]))


def test_ratings_weigh_what_shares_a_value(world, view):
    w = world(levels=(1.0, 2.0, 3.0, 4.0, 5.0))
    head = put_on(w, view)
    silent(head)
    category = w.template.coder.book.keys.index("category")
    with torch.no_grad():
        head.values[category, 4] = 1.0
    usual = float(head.expected[0, 0])
    found = matched(w, [w.items[0]], ratings=(5.0,))
    assert found[3].item() == pytest.approx((5 - usual) / 2)
    assert found[1].item() == 0


def test_an_item_speaks_for_itself_where_repeats_are_allowed(world, items, make_shop):
    w = world()
    head = put_on(w, make_shop(items, allow_repeats=True))
    silent(head)
    with torch.no_grad():
        head.same.copy_(torch.tensor([4.0, 2.0, 1.0, 0.0, 0.0]))
    found = matched(w, [w.items[2], w.items[0]])
    assert found.tolist() == [4, 0, 2, 0, 0, 0]
    assert not put_on(w, make_shop(items, allow_repeats=False)).uses[1]


def test_the_querys_words_are_found_in_the_items_category(world, view):
    w = world()
    head = put_on(w, view)
    silent(head)
    with torch.no_grad():
        head.query.fill_(2.0)
    found = matched(w, [w.items[2]], prompt=("kitchen mugs",), task=SEARCH)
    assert found[[0, 3, 4, 5]].tolist() == pytest.approx([2.0] * 4)
    assert found[[1, 2]].max() < 1.0
    assert matched(w, [w.items[2]], prompt=(w.items[0],)).abs().max() == 0  # no query: an item


def test_what_follows_a_category_is_what_training_says(world, view):
    w = world()
    head = put_on(w, view)
    silent(head)
    with torch.no_grad():
        head.transitions.fill_(1.0)
    leaf = head.leaf_of
    found = matched(w, [w.items[1], w.items[0]])
    assert torch.equal(found, head.follows[0, leaf[0]][leaf])
    assert found.abs().max() > 0


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_a_user_who_is_learnt_from_is_described_by_the_counts_of_others(world, view, fold):
    w = world(levels=(1.0, 2.0, 3.0, 4.0, 5.0))
    head = put_on(w, view)
    silent(head)
    with torch.no_grad():
        head.popular.fill_(1.0)
    counted = view.interactions()
    others = counted.filter(pl.col("user_id") != {0: "", 1: "u", 2: "v"}[fold])
    taken = [(others["item_id"] == item.item_id).sum() for item in w.items]
    scaled = [log(1 + count * len(counted) / len(others)) for count in taken]
    met = {*counted["item_id"]}
    found = matched(w, [w.items[0]], fold=fold)
    for item, at, expected in zip(w.items, found.tolist(), scaled, strict=True):
        if item.item_id in met and expected:
            assert at == pytest.approx(expected)
    silent(head)
    with torch.no_grad():
        head.transitions.fill_(1.0)
    leaf = head.leaf_of
    found = matched(w, [w.items[1], w.items[0]], fold=fold)
    assert torch.equal(found, head.follows[fold, leaf[0]][leaf])
    silent(head)
    category = w.template.coder.book.keys.index("category")
    with torch.no_grad():
        head.values[category, 4] = 1.0
    found = matched(w, [w.items[0]], ratings=(5.0,), fold=fold)
    assert found[3].item() == pytest.approx((5 - float(head.expected[fold, 0])) / 2)
    assert len({head.expected[f, 0].item() for f in range(3)}) == 3


def test_a_category_that_nobody_took_is_no_rarer_than_others(world, items, make_shop):
    w = world()
    taken = {"a1", "b2", "d4", "f6"}
    lone = [replace(item, category=item.category if item.item_id in taken else ("Ferns",))
            for item in items]  # fmt: skip
    w.items[:] = lone
    head = put_on(w, make_shop(lone))
    old = torch.tensor([item.item_id in taken for item in lone])
    assert 0 < old.sum() < len(lone)
    popularity = head.popularity[0]
    middle = popularity[old].mean().item()
    assert popularity[~old].tolist() == pytest.approx([middle] * int((~old).sum()))


def test_votes_move_the_expected_rating_towards_what_alike_items_were_given(world, view):
    w = world(levels=(1.0, 2.0, 3.0, 4.0, 5.0))
    head = put_on(w, view)
    silent(head)
    with torch.no_grad():
        head.votes[w.template.coder.book.keys.index("category"), 0] = 1.0
    levels = head.levels

    def mean(rating, about, ratings=True):
        found = asked(w, [w.items[0]], (about,), ratings=(rating,), task=PREFERENCE)
        scores = head.rating_scores(found.batch.seen, found.reads)[0]
        return (scores.detach().softmax(-1) * levels).sum().item()

    mug, chair = w.items[4], w.items[1]
    assert mean(1.0, mug) < mean(3.0, mug) < mean(5.0, mug)
    assert mean(1.0, chair) == mean(5.0, chair)


def test_votes_count_for_ratings_alone(world, view):
    w = world(levels=(1.0, 2.0, 3.0, 4.0, 5.0))
    states, tables = torch.randn(1, 32), w.network.tables()
    off = w.network.logits(states, tables)
    put_on(w, view)
    rated = asked(w, [w.items[0]], (w.items[4],), task=PREFERENCE)
    told = asked(w, [w.items[0]], (w.items[4],), task=3)
    changed = w.network.logits(states, tables, rated) != off
    first = w.vocabulary.first_rating
    assert changed[0, first : first + 5].all()
    assert changed.sum() == 5
    assert torch.equal(w.network.logits(states, tables, told), off)


def test_groups_of_looks_divide_the_photos_and_no_photo_has_no_look():
    torch.manual_seed(0)
    vectors = torch.cat([torch.zeros(1, 6), torch.randn(40, 6)])
    looks = Looks(vectors)
    classes = looks.classes()
    assert classes[0].abs().max() == 0
    torch.testing.assert_close(classes[1:].unflatten(1, (4, 8)).sum(-1), torch.ones(40, 4))
    alike = looks.alike(torch.tensor([[3, 0]]), torch.arange(41))
    torch.testing.assert_close(alike[0, 0, 3], torch.tensor(1.0))
    assert alike.min() >= 0
    assert alike[0, 1].abs().max() == 0
    again = Looks(vectors)
    assert all(
        torch.equal(a, b) for a, b in zip(looks.parameters(), again.parameters(), strict=True)
    )


# Parts and training


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("matching-no-photo", lambda head: not head.uses[0]),
        ("matching-no-transitions", lambda head: not head.uses[2]),
        ("matching-no-query", lambda head: not head.uses[3]),
        ("matching-no-ratings", lambda head: not head.uses[4]),
        ("matching-no-text", lambda head: bool((head.key_of == head.key_of[0]).all())),
    ],
)
def test_each_ablation_leaves_out_its_part(name, kept, world, view):
    parts = MODELS[0].variants[name]["matching"]
    assert kept(put_on(world(), view, parts))
    assert not kept(put_on(world(), view))


def test_every_weight_of_the_head_learns(world, items, make_shop):
    w = world(levels=(1.0, 2.0, 3.0, 4.0, 5.0))
    head = put_on(w, make_shop(items, allow_repeats=True))
    with torch.no_grad():
        head.looks.outer.normal_()
        head.look_votes.fill_(0.1)
    search = asked(w, w.items[2::-1], ("kitchen mugs",), ratings=(5.0, 1.0, 2.0), task=SEARCH)
    rating = asked(w, w.items[2::-1], (w.items[4],), ratings=(5.0, 1.0, 2.0), task=PREFERENCE)
    loss = head.item_scores(search.batch.seen, search.reads).log_softmax(-1)[0, 4]
    loss = loss + head.rating_scores(rating.batch.seen, rating.reads).log_softmax(-1)[0, 3]
    every_way = torch.tensor([(0, way, way) for way in range(4)])
    loss = loss + head.point(torch.zeros(1, 9), every_way).log_softmax(-1)[0, 3]
    loss.backward()
    still = [name for name, p in head.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == ["own_scale"]  # which weighs UniMP's own logits


def test_a_candidate_shown_otherwise_is_scored_as_the_item_it_is(world, view):
    w = world()
    put_on(w, view)
    shown = Item("a1", title="Something Else")
    token = w.template.token(shown)
    reader = Reader(w.network, w.photos, slots=5, at_once=2, variants=w.template.variants)
    trunk = w.template.history([w.items[1]])
    row = w.template.row(trunk, [Branch(1, w.template.instruction(["x"]))], context=False)
    (p,) = reader.choices([row], [(token, w.template.token(w.items[2]))])
    assert p.sum() == pytest.approx(1.0, abs=1e-4)

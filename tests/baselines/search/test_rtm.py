"""RTM: what stands in its sequence, what it computes from it, what it ranks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.search.review_transformer import ReviewTransformer
from baselines.search.rtm import RTM, RTMSettings
from benchmark.errors import BenchError

FAST = {
    "epochs": 1, "batch_size": 4, "embedding_size": 8, "heads": 2, "inner_size": 12,
    "min_count": 1, "item_reviews": 3, "user_reviews": 4,
}  # fmt: skip


def fitted(view, model_class=RTM, **settings):
    model = model_class(RTMSettings(**{**FAST, **settings}))
    model.fit(view, seed=1)
    return model


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = ReviewTransformer(
        words=6, width=4, layers=2, heads=2, inner=5, dropout=0.0, corruption=0.5,
        user_reviews=3, item_documents=2,
    )  # fmt: skip
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return network.eval()


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _norm(x, a, name):
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + 1e-5) * a[f"{name}.weight"] + a[f"{name}.bias"]


def _block(x, a, name, heads=2):
    width = x.shape[1]
    projected = x @ a[f"{name}.attend.in_proj_weight"].T + a[f"{name}.attend.in_proj_bias"]
    q, k, v = (part.reshape(len(x), heads, -1).transpose(1, 0, 2)
               for part in np.split(projected, 3, axis=1))  # fmt: skip
    heard = _softmax(q @ k.transpose(0, 2, 1) / np.sqrt(width / heads)) @ v
    heard = heard.transpose(1, 0, 2).reshape(len(x), width)
    heard = heard @ a[f"{name}.attend.out_proj.weight"].T + a[f"{name}.attend.out_proj.bias"]
    y = _norm(x + heard, a, f"{name}.attended")
    inner = np.maximum(y @ a[f"{name}.feed.0.weight"].T + a[f"{name}.feed.0.bias"], 0)
    fed = inner @ a[f"{name}.feed.3.weight"].T + a[f"{name}.feed.3.bias"]
    return _norm(y + fed, a, f"{name}.fed")


def test_the_score_is_the_transformers_at_the_query(network):
    a = {name: value.double().numpy() for name, value in network.state_dict().items()}
    rng = np.random.default_rng(0)
    query, wrote, about = rng.normal(size=4), rng.normal(size=(1, 4)), rng.normal(size=(2, 4))
    position, segment = a["positions.weight"], a["segments.weight"]
    # Reviews of items begin behind the places of three reviews of the user, however many there are.
    x = np.vstack(
        [
            query + position[0] + segment[0],
            wrote + position[1:2] + segment[1],
            about + position[4:6] + segment[2],
        ]
    )
    h = _block(_block(x, a, "blocks.0"), a, "blocks.1")
    expected = h[0] @ a["score.weight"][0] + a["score.bias"][0]

    def tensor(array):
        return torch.from_numpy(array).float()

    # Padded: a second review of the user, a third and fourth of nobody's item.
    padded_user = tensor(np.vstack([wrote, np.full((1, 4), 9.0)]))[None]
    items = tensor(np.stack([about, np.full((2, 4), 9.0)]))[None]
    real = torch.tensor([[[True, True], [True, False]]])
    scores = network(
        tensor(query)[None], padded_user, torch.tensor([[True, False]]), items, real
    )  # fmt: skip
    assert scores.shape == (1, 2)
    assert scores[0, 0].item() == pytest.approx(expected, abs=1e-5)


def test_a_review_is_the_mean_of_its_words(network):
    table = network.words.weight.detach()
    vectors = network.reviews(torch.tensor([[2, 5, 5], [3, 0, 0], [0, 0, 0]])).detach()
    assert torch.allclose(vectors[0], (table[2] + 2 * table[5]) / 3, atol=1e-6)
    assert torch.allclose(vectors[1], table[3])
    assert not vectors[2].any()


def test_corruption_drops_words_in_training_and_keeps_the_mean(network):
    words = torch.tensor([[2, 5]]).expand(20_000, -1)
    network.train()
    vectors = network.reviews(words).detach()
    table = network.words.weight.detach()
    assert len(vectors.unique(dim=0)) == 4  # neither, one, the other, both
    assert torch.allclose(vectors.mean(0), (table[2] + table[5]) / 2, atol=0.02)


def test_the_loss_is_binary_cross_entropy_against_every_negative(network):
    batch = {
        "query": torch.tensor([[1, 2]]),
        "documents": torch.tensor([[0, 0], [3, 4], [5, 6], [2, 0]]),
        "user": torch.tensor([[1]]),
        "items": torch.tensor([[[2, 0], [3, 1], [1, 0]]]),
    }
    vectors = network.reviews(batch["documents"])
    query = network.encode_query(batch["query"], network.words.weight)
    items = batch["items"]
    scores = network(query, vectors[batch["user"]], batch["user"] > 0, vectors[items], items > 0)
    right, *wrong = scores[0].detach().double().numpy()
    expected = np.log1p(np.exp(-right)) + sum(np.log1p(np.exp(w)) for w in wrong)
    assert network.loss(batch).item() == pytest.approx(expected, rel=1e-5)


class Watched(RTM):
    """RTM that shows the columns of a batch of one purchase."""

    def training_columns(self, texts, rows, rng):
        asked = np.array([PURCHASE])
        self.seen = super().training_columns(texts, asked, np.random.default_rng(0))
        known = texts.vocabulary.words
        self.words = [tuple(known[n - 1] for n in line if n) for line in self.seen["documents"]]
        return super().training_columns(texts, rows, rng)


#: Purchase 4: v took the oak mug after the kite and wrote "fine oak grain".
PURCHASE = 4


def _batch(shop, **settings):
    model = fitted(shop.view(), Watched, **settings)
    return model.seen, model.words


def test_a_training_sequence_is_the_query_the_past_and_others_reviews(shop):
    seen, words = _batch(shop)
    assert words[0] == ()
    assert [words[n] for n in seen["user"][0]] == [("flies", "well")]
    about = [words[n] for n in seen["items"][0, 0] if n]
    assert about == [("oak", "mug", "home", "mugs"), ("lovely", "oak")]
    assert ("fine", "oak", "grain") not in words


def test_negatives_come_from_the_catalogue_or_from_bm25(shop):
    for settings, expected in (
        ({"negatives_from": "catalogue", "negatives": 40}, {"tin", "lamp"}),
        ({"negatives_from": "candidates", "candidates": 2, "negatives": 40}, {"tin"}),
    ):
        seen, words = _batch(shop, **settings)
        first_words = {words[text][0] for text in seen["items"][0, 1:, 0]}
        assert first_words == expected


def test_candidates_come_first_and_the_others_follow_in_bm25s_order(shop):
    model = fitted(shop.view(), candidates=2)
    (answer,) = model.predict([shop.question("home mugs")])
    assert set(answer.items[:2]) == {"a", "b"}
    assert answer.items[2:] == ("c", "d")
    lowest = answer.scores[1]
    assert answer.scores[2:] == (lowest - 1, lowest - 2)


def test_barred_items_take_no_place_among_the_candidates(shop):
    model, wide = (fitted(shop.view(), candidates=n, negatives_from="catalogue") for n in (2, 9))
    (answer,) = model.predict([shop.question("home mugs", exclude="a", k=3)])
    (every,) = wide.predict([shop.question("home mugs")])
    scores = dict(zip(every.items, every.scores, strict=True))
    assert sorted(answer.items[:2]) == ["b", "c"]
    expected = sorted((scores["b"], scores["c"]), reverse=True)
    assert answer.scores[:2] == pytest.approx(expected, abs=1e-6)


NETWORKS = pytest.mark.parametrize("kind", ["post-norm", "pre-norm"])


@NETWORKS
def test_every_question_gets_an_answer_that_depends_on_it_alone(kind, shop):
    model = fitted(shop.view(), candidates=3, network=kind)
    for asked, answer in zip(shop.instances, model.predict(shop.instances), strict=True):
        assert len(set(answer.items)) == 3
        assert not asked.exclude & set(answer.items)
    assert shop.answers_do_not_depend_on_company(model)


def test_the_history_counts(shop):
    model = fitted(shop.view())
    none, some = model.scores([shop.question(history=""), shop.question(history="c")])
    assert not np.allclose(none, some)


@NETWORKS
def test_the_same_seed_gives_the_same_files_and_they_answer_alike(kind, shop, tmp_path):
    view, folders = shop.view(), [tmp_path / "1", tmp_path / "2"]
    models = [fitted(view, network=kind) for _ in folders]
    files = []
    for model, folder in zip(models, folders, strict=True):
        folder.mkdir()
        model.save(folder)
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        files.append({str(path.relative_to(folder)): path.read_bytes() for path in paths})
    assert files[0] == files[1]
    loaded = RTM()
    loaded.load(folders[0])
    assert list(loaded.predict(shop.instances)) == list(models[0].predict(shop.instances))


def test_data_without_reviews_is_refused(shop):
    with pytest.raises(BenchError, match="dataset 'by-hand' has none") as error:
        RTM().fit(shop.view(reviews=False), seed=0)
    assert "hem or zam" in error.value.fix


def test_a_width_that_the_heads_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="embedding_size 10 is no multiple of heads 4"):
        RTMSettings(embedding_size=10, heads=4)

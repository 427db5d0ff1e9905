"""HEM and ZAM against their formulas in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.search.hem import HEM, HEMNetwork, HEMSettings
from baselines.search.zam import ZAM, ZAMNetwork, ZAMSettings
from benchmark.errors import BenchError
from benchmark.instances import History, RecommendationInstance

FAST = {"epochs": 3, "batch_size": 2, "embedding_size": 4, "min_count": 1, "learning_rate": 0.05}


def fitted(cls, view, **settings):
    model = cls(cls.Config(**{**FAST, **settings}))
    model.fit(view, seed=1)
    return model


def _sigma(x):
    return 1 / (1 + np.exp(-x))


def _arrays(network):
    return {name: value.detach().double().numpy() for name, value in network.state_dict().items()}


def _loud(network):
    """Weights large enough for a wrong formula to show."""
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    with torch.no_grad():
        network.words.weight[0].zero_()
    return network


def _query(arrays, words):
    if not any(words):
        return np.zeros(arrays["words.weight"].shape[1])
    mean = np.mean([arrays["words.weight"][w] for w in words if w], axis=0)
    projected = arrays["encode_query.project.weight"] @ mean
    return np.tanh(projected + arrays["encode_query.project.bias"])


def _sampled(centre, table, right, wrong):
    loss = -np.log(_sigma(table[right] @ centre))
    return loss - sum(np.log(_sigma(-table[w] @ centre)) for w in wrong)


@pytest.fixture
def hem():
    torch.manual_seed(0)
    return _loud(HEMNetwork(users=3, items=4, words=6, width=5, query_weight=0.3, l2=0.01))


@pytest.fixture
def zam():
    torch.manual_seed(0)
    return _loud(ZAMNetwork(items=4, words=6, width=5, units=2, l2=0.0))


def test_hem_mixes_user_and_query(hem):
    a = _arrays(hem)
    batch = {"query": torch.tensor([[1, 4, 0], [0, 0, 0], [2, 2, 5]]),
             "user": torch.tensor([2, 1, -1])}  # fmt: skip
    user = [a["users.weight"][2], a["users.weight"][1], a["users.weight"].mean(0)]
    query = [_query(a, words) for words in batch["query"].tolist()]
    expected = 0.7 * np.array(user) + 0.3 * np.array(query)
    assert hem.intent(batch).detach().numpy() == pytest.approx(expected, abs=1e-6)


def test_hems_loss_is_the_item_the_users_words_the_items_words_and_the_lengths(hem):
    a = _arrays(hem)
    words, items, users = a["words.weight"], a["items.weight"], a["users.weight"]
    batch = {
        "query": torch.tensor([[1, 4]]),
        "user": torch.tensor([2]),
        "item": torch.tensor([3]),
        "wrong_items": torch.tensor([[0, 1]]),
        "item_words": torch.tensor([[2, 5]]),
        "wrong_item_words": torch.tensor([[[1, 3], [6, 6]]]),
        "user_words": torch.tensor([[4, 0]]),
        "wrong_user_words": torch.tensor([[[1, 2], [3, 3]]]),
    }
    question_vector = 0.7 * users[2] + 0.3 * _query(a, [1, 4])
    expected = _sampled(question_vector, items, 3, [0, 1])
    expected += (_sampled(items[3], words, 2, [1, 3]) + _sampled(items[3], words, 5, [6, 6])) / 2
    expected += _sampled(users[2], words, 4, [1, 2])  # the other word is padding
    lengths = (items[3] ** 2).sum() + (users[2] ** 2).sum()
    lengths += ((words[2] ** 2).sum() + (words[5] ** 2).sum()) / 2
    expected += 0.01 * lengths
    assert hem.loss(batch).item() == pytest.approx(expected, rel=1e-5)


def test_zam_attends_to_the_past_and_a_zero_vector(zam):
    a = _arrays(zam)
    items = a["items.weight"]
    past = [1, 3, 0]
    query = _query(a, [1, 4])
    keys = np.tanh(a["attend.weight"] @ query + a["attend.bias"]).reshape(5, 2)  # (d, units)
    f = np.array([a["combine.weight"][0] @ (items[i] @ keys) for i in past])
    user = (np.exp(f)[:, None] * items[past]).sum(0) / (1 + np.exp(f).sum())
    batch = {"query": torch.tensor([[1, 4]]), "history": torch.tensor([[2, 4, 1, 0]])}
    assert zam.intent(batch)[0].detach().numpy() == pytest.approx(query + user, abs=1e-6)


def test_zam_without_a_past_is_the_query_alone(zam):
    a = _arrays(zam)
    batch = {"query": torch.tensor([[1, 4]]), "history": torch.tensor([[0, 0]])}
    answer = zam.intent(batch)[0].detach().numpy()
    assert answer == pytest.approx(_query(a, [1, 4]), abs=1e-6)


def test_zams_loss_is_the_item_and_its_words(zam):
    a = _arrays(zam)
    batch = {
        "query": torch.tensor([[1, 4]]),
        "history": torch.tensor([[0]]),
        "item": torch.tensor([3]),
        "wrong_items": torch.tensor([[0, 1]]),
        "item_words": torch.tensor([[2]]),
        "wrong_item_words": torch.tensor([[[1, 3]]]),
    }
    expected = _sampled(_query(a, [1, 4]), a["items.weight"], 3, [0, 1])
    expected += _sampled(a["items.weight"][3], a["words.weight"], 2, [1, 3])
    assert zam.loss(batch).item() == pytest.approx(expected, rel=1e-5)


def test_zam_learns_from_what_was_bought_before(shop):
    model = ZAM(ZAMSettings(**FAST, window=1))
    view = shop.view()
    columns = {}
    original = model.training_columns

    def watched(texts, rows, rng):
        batch = original(texts, rows, rng)
        columns.update(zip(rows.tolist(), batch["history"].tolist(), strict=True))
        return batch

    model.training_columns = watched
    model.fit(view, seed=0)
    # Purchases in order: u took a, c, b; v took c, a; w took a.
    assert columns == {0: [0], 1: [1], 2: [3], 3: [0], 4: [3], 5: [0]}


def test_scores_are_products_with_the_items(shop):
    model = fitted(HEM, shop.view())
    scores = model.scores([shop.question(user="v")])
    a = _arrays(model.network)
    words = model.vocabulary.numbers(["home", "mugs"])
    vector = 0.5 * a["users.weight"][1] + 0.5 * _query(a, words)
    assert scores[0] == pytest.approx(a["items.weight"] @ vector, abs=1e-5)


@pytest.mark.parametrize("cls", [HEM, ZAM])
def test_biases_are_learned_and_rank_only_where_they_are_asked_to(cls, shop):
    learned, ranked = (fitted(cls, shop.view(), biases=how) for how in ("learned", "ranked"))
    biases = ranked.network.item_biases.weight[:, 0].detach().numpy()
    assert np.abs(biases).max() > 0.01
    question = [shop.question("home mugs", "u", "ac")]
    expected = learned.scores(question) + biases
    assert ranked.scores(question) == pytest.approx(expected, abs=1e-6)
    assert fitted(cls, shop.view()).network.item_biases is None


@pytest.mark.parametrize("cls", [HEM, ZAM])
def test_a_query_favours_what_was_bought_with_it(cls, shop):
    model = fitted(cls, shop.view(), epochs=100, learning_rate=0.02, embedding_size=16)
    asked = [shop.question(query, user="new") for query in ("toys kites", "home mugs")]
    kites, mugs = model.scores(asked)
    assert kites[2] - kites[0] > 0.1 + mugs[2] - mugs[0]  # the kite against the oak mug


@pytest.mark.parametrize("cls", [HEM, ZAM])
def test_every_question_gets_an_answer_that_depends_on_it_alone(cls, shop):
    model = fitted(cls, shop.view())
    for asked, answer in zip(shop.instances, model.predict(shop.instances), strict=True):
        assert len(set(answer.items)) == 3
        assert not asked.exclude & set(answer.items)
    assert shop.answers_do_not_depend_on_company(model)


@pytest.mark.parametrize("cls", [HEM, ZAM])
def test_where_nothing_is_known_training_counts_decide(cls, shop):
    model = fitted(cls, shop.view())
    (answer,) = model.predict([shop.question("zebra", user="new", history="x")])
    assert answer.items == ("a", "c", "b", "d")
    assert answer.scores == (3, 2, 1, 0)


@pytest.mark.parametrize(("cls", "user", "history"), [(HEM, "u", ""), (ZAM, "new", "ac")])
def test_without_a_known_word_the_user_decides(cls, user, history, shop):
    model = fitted(cls, shop.view())
    (scores,) = model.scores([shop.question("zebra", user=user, history=history)])
    assert scores.tolist() != [3, 1, 2, 0]
    assert len(set(scores.tolist())) == 4


@pytest.mark.parametrize("cls", [HEM, ZAM])
def test_the_same_seed_gives_the_same_files_and_they_answer_alike(cls, shop, tmp_path):
    view, folders = shop.view(), [tmp_path / "1", tmp_path / "2"]
    models = [fitted(cls, view) for _ in folders]
    for model, folder in zip(models, folders, strict=True):
        folder.mkdir()
        model.save(folder)
    for name in ("ranker.json", "journal.json", "model.safetensors"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    loaded = cls()
    loaded.load(folders[0])
    assert list(loaded.predict(shop.instances)) == list(models[0].predict(shop.instances))
    assert loaded.parameter_counts() == models[0].parameter_counts()


def test_reviews_of_nobody_are_replaced_by_item_texts(shop):
    model = fitted(HEM, shop.view(reviews=False))
    assert "lovely" not in model.vocabulary.words
    assert list(model.predict(shop.instances))


def test_files_of_another_model_are_refused(shop, tmp_path):
    fitted(HEM, shop.view()).save(tmp_path)
    with pytest.raises(BenchError, match="holds no zam: ValueError: it holds hem"):
        ZAM().load(tmp_path)


def test_an_unfitted_model_says_so(tmp_path):
    with pytest.raises(BenchError, match="hem is not fitted"):
        HEM().save(tmp_path)


def test_other_tasks_are_refused(shop):
    model = fitted(HEM, shop.view())
    with pytest.raises(BenchError, match="hem does not answer RecommendationInstance"):
        list(model.predict([RecommendationInstance("r", "u", History())]))


def test_no_questions_no_answers(shop):
    assert list(fitted(ZAM, shop.view()).predict([])) == []


def test_defaults_are_the_papers():
    assert (HEMSettings().query_weight, HEMSettings().l2, HEMSettings().negatives) == (
        0.5,
        0.005,
        5,
    )

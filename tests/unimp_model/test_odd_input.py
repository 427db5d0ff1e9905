"""What is missing, too long, unknown or not supported is met calmly or refused clearly."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from benchmark.data.catalogue import Catalogue
from benchmark.data.preparing.prepare import prepare
from benchmark.errors import BenchError
from benchmark.host.home import Home
from benchmark.instances import History, Item, RecommendationInstance, SelectionInstance
from benchmark.tasks import TASKS
from unimp_model.adapter import UniMP
from unimp_model.tasks.selecting import selected, tempered

ALL = sorted(UniMP.tasks)


def _well_formed(dataset, task, asked, answers):
    known = dataset.catalogue().index.__contains__
    pairs = zip(asked, answers, strict=True)
    return [TASKS.get(task).problem(q, a, known) for q, a in pairs] == [None] * len(asked)


def _with_history(question, items, ratings=()):
    ratings = ratings or (None,) * len(items)
    return replace(question, history=History(tuple(items), ratings, tuple(range(len(items)))))


@pytest.mark.parametrize("task", ALL)
def test_only_the_latest_items_count(fitted, instances, sim_xs, task):
    question, latest = instances[task][0], fitted.config.history_items
    items = list(sim_xs.catalogue())[:9]
    ratings = (1.0, 5.0, 2.0, 4.0, 3.0, 3.0, 5.0, 1.0, 4.0)
    long = _with_history(question, items, ratings)
    short = _with_history(question, items[-latest:], ratings[-latest:])
    assert list(fitted.predict([long])) == list(fitted.predict([short]))


@pytest.mark.parametrize("task", ALL)
def test_histories_without_anything_are_answered(fitted, instances, sim_xs, task):
    question = instances[task][0]
    known = question.history.items[-1]
    bare = Item(known.item_id)
    asked = [
        _with_history(question, []),
        _with_history(question, [bare]),  # no text, no photo
        _with_history(question, [replace(known, image=None), known]),
        _with_history(question, [Item("never seen", title="Zzz \u2603 <unk>"), known]),
        _with_history(question, [Item("nothing at all")], (3.0,)),
    ]
    answers = list(fitted.predict(asked))
    assert _well_formed(sim_xs, task, asked, answers)


@pytest.mark.parametrize("task", ["preference", "explanation"])
def test_an_item_without_text_and_photo_can_be_asked_about(fitted, instances, sim_xs, task):
    question = instances[task][0]
    asked = [replace(question, item=Item(question.item.item_id)), replace(question, item=Item("?"))]
    assert _well_formed(sim_xs, task, asked, list(fitted.predict(asked)))


def test_candidates_without_text_and_photo_and_a_single_one(fitted, instances, sim_xs):
    question = instances["selection"][0]
    assert isinstance(question, SelectionInstance)
    bare = tuple(Item(c.item_id) for c in question.candidates)
    asked = [replace(question, candidates=bare), replace(question, candidates=bare[:1])]
    answers = list(fitted.predict(asked))
    assert _well_formed(sim_xs, "selection", asked, answers)
    assert [len(a.scores) for a in answers] == [len(bare), 1]


def test_a_selection_has_as_many_candidates_as_promise_the_best_f1(fitted, instances):
    chosen = fitted.chosen
    for question, answer in zip(
        instances["selection"], fitted.predict(instances["selection"]), strict=True
    ):
        p = tempered(np.array(answer.scores), chosen.selection_temperature)
        expected = [
            c.item_id
            for c, is_best in zip(question.candidates, selected(p, chosen.taken), strict=True)
            if is_best
        ]
        assert list(answer.chosen) == expected


def test_a_missing_photo_file_is_named(saved, instances):
    model = UniMP()
    model.load(saved)
    question = instances["recommendation"][0]
    item = replace(question.history.items[-1], image="/no/such/folder/absent.png")
    with pytest.raises(BenchError, match=r"absent\.png"):
        list(model.predict([_with_history(question, [item])]))


def test_no_questions_have_no_answers(fitted):
    assert list(fitted.predict([])) == []


@pytest.fixture(scope="module")
def bare_data(tmp_path_factory):
    """Users and item numbers alone: no ratings, no reviews, no photos, no words."""
    folder = tmp_path_factory.mktemp("bare")
    lines = [f"u{u} " + " ".join(str((u * 3 + t * 7) % 30) for t in range(6)) for u in range(20)]
    (folder / "events.txt").write_text("\n".join(lines) + "\n")
    return prepare("sequences", home=Home(folder / "home"), raw=folder / "events.txt")


def test_bare_data_is_fitted_and_what_it_lacks_is_refused(fit, bare_data, instances, tmp_path):
    model = fit(bare_data.training_view())
    asked = list(bare_data.instances("recommendation", limit=5))
    answers = list(model.predict(asked))
    assert _well_formed(bare_data, "recommendation", asked, answers)
    for task in set(ALL) - {"recommendation", "selection"}:
        with pytest.raises(BenchError, match=f"fitted without '{task}'; it knows recommendation"):
            list(model.predict(instances[task]))
    model.save(tmp_path)
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {
        *("items.json", "journal.json", "model.safetensors", "tokenizer.json", "unimp.json")
    }
    loaded = UniMP()
    loaded.load(tmp_path)
    assert list(loaded.predict(asked)) == answers
    assert loaded.parts.vocabulary.levels == ()
    with pytest.raises(BenchError, match="fitted without 'preference'"):
        list(loaded.predict(instances["preference"]))


def test_bare_data_trains_on_recommendation_selection_and_context_alone(bare_data, fit):
    every = {"selection": 1.0}  # of a few rows, a share might ask none
    model = fit(bare_data.training_view(), strategy="multi-task", task_shares=every)
    losses = {name for name in model.journal.epochs[0] if name.startswith("loss")}
    assert losses == {"loss recommendation", "loss selection", "loss context"}


def test_a_catalogue_with_one_photo_trains_an_encoder_on_it(sim_xs, fit, tmp_path):
    view = sim_xs.training_view()
    view.features_folder = tmp_path
    frame = view.catalogue.frame.with_columns(
        image=pl.when(pl.int_range(pl.len()) == 3).then("image")
    )
    view.catalogue = Catalogue(frame, images=view.catalogue.images)
    model = fit(view, image_tokens="none", strategy="multi-task")
    assert len(model.parts.photos.index) == 1


def test_image_tokens_none_draws_nothing_and_knows_the_rest(fit, sim_xs, instances):
    view = sim_xs.training_view()
    view.tasks = ("image-generation", "search", "recommendation")
    model = fit(view, image_tokens="none", strategy="multi-task")
    assert model.parts.image_tokenizer is None
    assert model.parts.vocabulary.codes == 0
    with pytest.raises(
        BenchError, match="'image-generation'; it knows recommendation, search"
    ) as e:
        list(model.predict(instances["image-generation"]))
    assert "image_tokens" in (e.value.fix or "")
    assert len(list(model.predict(instances["search"]))) == len(instances["search"])
    view.tasks = ("image-generation",)
    with pytest.raises(BenchError, match="none of UniMP's tasks"):
        fit(view, image_tokens="none")


def test_a_folder_of_another_format_is_refused(saved, tmp_path):
    record = json.loads((saved / "unimp.json").read_text())
    (tmp_path / "unimp.json").write_text(json.dumps({**record, "format": 99}))
    with pytest.raises(BenchError, match="format 99"):
        UniMP().load(tmp_path)


def test_a_question_about_nobody_is_a_question_like_any_other(fitted, sim_xs):
    every = sim_xs.catalogue().ids
    asked = [RecommendationInstance("q", "", History(), k=len(every))]
    (answer,) = fitted.predict(asked)
    assert sorted(answer.items) == sorted(every)

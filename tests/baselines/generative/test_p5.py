"""P5 as a system: numbering, new users, histories, a T5 from a folder, killed fits."""

from __future__ import annotations

import dataclasses
import shutil

import polars as pl
import pytest
import torch

from baselines.generative import stars
from baselines.generative.p5 import P5
from benchmark.data.dataset import Dataset, identity_sha256
from benchmark.errors import BenchError
from benchmark.host.files import read_json, sha256_file, write_json
from benchmark.instances import History, SearchInstance
from benchmark.report.figures.journals import read_journal, validation_curves
from tests.baselines.same import same_tensors

TASKS = ("recommendation", "preference", "explanation", "selection")


@pytest.fixture
def view(sim_xs, tmp_path, view_of):
    return view_of(sim_xs, tmp_path / "features")


def asked(dataset, task: str, most: int = 12, **which):
    return list(dataset.instances(task, limit=most, **which)[:])


def told(model, task: str, instance) -> str:
    source = model.known.asker.source(task, instance)
    return model.known.pieces.decode(source.tokens)


# numbers


@pytest.fixture
def renamed(sim_xs, tmp_path) -> tuple[Dataset, dict[str, str]]:
    """sim-xs with the items' ids permuted, and which id each became."""
    ids = sim_xs.catalogue().ids
    become = dict(zip(ids, ids[37:] + ids[:37], strict=True))
    folder = tmp_path / sim_xs.name
    shutil.copytree(sim_xs.folder, folder, ignore=shutil.ignore_patterns("features"))
    for file in (folder / "items.parquet", folder / "interactions.parquet",
                 *folder.glob("tasks/*/*.parquet")):  # fmt: skip
        frame = pl.read_parquet(file)
        names = [c for c in ("item_id", "item") if c in frame.columns]
        lists = [c for c in ("history", "seen", "candidates", "target_items")
                 if c in frame.columns and frame.schema[c] == pl.List(pl.String)]  # fmt: skip
        frame.with_columns(
            *(pl.col(name).replace(become) for name in names),
            *(pl.col(name).list.eval(pl.element().replace(become)) for name in lists),
        ).write_parquet(file)
    info = read_json(folder / "dataset.json")
    info["files"] = {name: sha256_file(folder / name) for name in info["files"]}
    info["sha256"] = identity_sha256(info)
    write_json(folder / "dataset.json", info)
    return Dataset(folder), become


def test_items_called_otherwise_are_answered_alike(
    sim_xs, fitted, renamed, view_of, fit_on, tmp_path
):
    dataset, become = renamed
    one, two = fitted, fit_on(view_of(dataset, tmp_path / "other"))
    assert same_tensors(one, two)
    for first, second in zip(
        one.predict(asked(sim_xs, "recommendation")),
        two.predict(asked(dataset, "recommendation")),
        strict=True,
    ):
        assert [become[item] for item in first.items] == list(second.items)
        assert first.scores == second.scores


def test_numbers_are_shuffled_unless_they_are_asked_in_order(view, fitted, fit_on):
    numbers = list(fitted.known.items.values())
    assert sorted(numbers) == list(range(1, len(numbers) + 1)) != numbers
    leaky = fit_on(view, numbering="in-order")
    assert list(leaky.known.items.values()) == sorted(numbers)
    assert list(leaky.known.items) == list(fitted.known.items)


# asked


def test_a_known_user_is_a_number_and_a_new_one_a_history(sim_xs, fitted):
    known = asked(sim_xs, "preference", 1)[0]
    assert f"user_{fitted.known.users[known.user_id]}" in told(fitted, "preference", known)
    assert "took" not in told(fitted, "preference", known)
    new = asked(sim_xs, "preference", 1, cohort="new-user")[0]
    sentence = told(fitted, "preference", new)
    assert "someone who took item_" in sentence
    assert "user_" not in sentence
    nobody = dataclasses.replace(new, history=History())
    assert "took" not in told(fitted, "preference", nobody)


@pytest.mark.parametrize("task", TASKS)
def test_histories_can_be_read_in_every_task(sim_xs, fitted, task):
    settings = fitted.config.model_copy(update={"histories": "always"})
    asker = dataclasses.replace(fitted.known.asker, settings=settings)
    source = asker.source(task, asked(sim_xs, task, 1)[0])
    assert "who took item_" in fitted.known.pieces.decode(source.tokens)


def test_a_missing_title_is_read_as_its_category(sim_xs, fitted):
    instance = asked(sim_xs, "explanation", 1)[0]
    assert instance.item.title in told(fitted, "explanation", instance)
    lost = dataclasses.replace(instance.item, title=None)
    sentence = told(fitted, "explanation", dataclasses.replace(instance, item=lost))
    assert instance.item.title not in sentence
    assert lost.category[-1] in sentence


def test_a_user_without_history_or_number_is_answered_in_every_task(sim_xs, fitted):
    for task in TASKS:
        instance = asked(sim_xs, task, 1)[0]
        instance = dataclasses.replace(instance, user_id="stranger", history=History())
        (prediction,) = fitted.predict([instance])
        assert prediction.instance_id == instance.instance_id


def test_more_items_than_beams_are_answered(sim_xs, fitted):
    instance = dataclasses.replace(asked(sim_xs, "recommendation", 1)[0], k=60)
    (ranking,) = fitted.predict([instance])
    assert len(set(ranking.items)) == 60
    too_many = dataclasses.replace(instance, k=len(fitted.known.item_ids))
    with pytest.raises(BenchError, match=f"A ranking of {too_many.k} items was asked where only"):
        list(fitted.predict([too_many]))


def test_the_rating_written_is_the_likeliest_and_the_mean_lies_within(sim_xs, fitted):
    instances = asked(sim_xs, "preference")
    written = [p.value for p in fitted.predict(instances)]
    assert set(written) <= set(stars.VALUES)
    mean = P5(fitted.config.model_copy(update={"rating": "mean"}))
    mean.__dict__.update({k: v for k, v in fitted.__dict__.items() if k != "config"})
    values = [p.value for p in mean.predict(instances)]
    assert all(1 < value < 5 for value in values)
    assert values != written


def test_another_task_is_refused(fitted):
    search = SearchInstance("q", "u", History(), "mugs")
    with pytest.raises(BenchError, match="does not answer SearchInstance"):
        list(fitted.predict([search]))
    with pytest.raises(BenchError, match="not fitted"):
        list(P5().predict([search]))


def test_a_view_without_ratings_and_reviews_is_fitted_for_what_it_has(view, sim_xs, fit_on):
    view.tasks = ("recommendation", "search")
    model = fit_on(view)
    assert model.known.tasks == ("recommendation",)
    assert model.threshold is None
    assert len(list(model.predict(asked(sim_xs, "recommendation")))) == 12
    with pytest.raises(BenchError, match="it was fitted for recommendation"):
        list(model.predict(asked(sim_xs, "preference")))
    view.tasks = ("search",)
    with pytest.raises(BenchError, match="none of P5's tasks"):
        fit_on(view)


# trained


def test_every_task_has_a_learning_curve(fitted, tmp_path):
    (tmp_path / "state").mkdir()
    fitted.save(tmp_path / "state")
    journal = read_journal(tmp_path)
    for task in TASKS:
        ((curve,),) = validation_curves(journal, task).values()
        assert 0 < curve.scores[0] < 1


@pytest.fixture(scope="module")
def undisturbed(sim_xs, view_of, fit_on, tmp_path_factory):
    """A fit of two epochs that nothing interrupts."""
    return fit_on(view_of(sim_xs, tmp_path_factory.mktemp("features")), epochs=2)


@pytest.mark.parametrize("writes", [1, 2])
def test_a_killed_fit_goes_on_and_ends_with_the_same_weights(
    view, undisturbed, fit_on, killed_after, writes
):
    killed_after(writes, lambda: fit_on(view, epochs=2))
    assert list((view.features_folder / "training").glob("*"))
    resumed = fit_on(view, epochs=2)
    assert resumed.journal == undisturbed.journal
    assert resumed.threshold == undisturbed.threshold
    assert same_tensors(resumed, undisturbed)
    assert not list((view.features_folder / "training").glob("*"))


# a T5 from a folder


@pytest.mark.parametrize(
    ("given", "rate"),
    [
        ({}, 4e-3),
        ({"preset": "t5-small"}, 1e-3),
        ({"language_model": "somewhere"}, 1e-3),
        ({"preset": "t5-small", "learning_rate": 0.5}, 0.5),
    ],
)
def test_a_pretrained_t5_is_trained_at_the_authors_rate_unless_told_otherwise(given, rate):
    assert P5.Config(**given).learning_rate == rate


@pytest.fixture
def t5_folder(fitted, tmp_path):
    """A random T5 as save_pretrained of transformers writes it, with a tokenizer."""
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path / "t5"
    torch.manual_seed(5)
    fitted.network.t5.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=fitted.known.pieces.tokenizer, pad_token="<pad>", eos_token="</s>",
        unk_token="<unk>",
    ).save_pretrained(folder)  # fmt: skip
    return folder


def test_a_t5_in_a_folder_is_trained_on_and_not_needed_afterwards(
    view, sim_xs, t5_folder, fit_on, tmp_path
):
    model = fit_on(view, preset="t5-small", language_model=str(t5_folder))
    assert model.network.t5.config.d_model == 16
    shutil.rmtree(t5_folder)
    (tmp_path / "state").mkdir()
    model.save(tmp_path / "state")
    loaded = P5()
    loaded.load(tmp_path / "state")
    for task in TASKS:
        instances = asked(sim_xs, task, 4)
        assert list(loaded.predict(instances)) == list(model.predict(instances))


def test_training_starts_from_the_folders_weights(view, t5_folder, fit_on):
    model = fit_on(view, language_model=str(t5_folder), learning_rate=1e-12, weight_decay=0.0)
    from transformers import T5ForConditionalGeneration

    theirs = dict(T5ForConditionalGeneration.from_pretrained(t5_folder).named_parameters())
    for name, weights in theirs.items():
        torch.testing.assert_close(model.tensors()[f"t5.{name}"], weights, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "config.json").write_text('{"model_type": "bert"}'), "not a T5"),
        (lambda f: (f / "model.safetensors").write_bytes(b"nothing"), "cannot be loaded"),
        (lambda f: (f / "tokenizer.json").unlink(), "cannot be loaded|no fast form|has no piece"),
        (lambda f: shutil.rmtree(f), "cannot be loaded"),
    ],
)
def test_a_folder_that_holds_no_t5_is_refused(view, t5_folder, fit_on, damage, message):
    damage(t5_folder)
    with pytest.raises(BenchError, match=message):
        fit_on(view, language_model=str(t5_folder))


def test_data_without_a_training_example_is_refused(view, fit_on):
    examples = view.examples
    view.examples = lambda task, part="train": examples(task, part) if part == "valid" else []
    with pytest.raises(BenchError, match="two training interactions"):
        fit_on(view)


def test_a_saved_model_that_is_something_else_is_refused(fitted, tmp_path):
    fitted.save(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BenchError, match="holds no P5"):
        P5().load(tmp_path)

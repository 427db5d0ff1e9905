"""Learning strategies (Table 7): which stages run, what they change, what is kept."""

from __future__ import annotations

from itertools import count

import pytest
import torch
import transformers

from benchmark.host.progress import CutShort, watched
from benchmark.host.torch_setup import prepare_torch
from benchmark.instances import PreferenceInstance
from benchmark.model import TrainingView
from unimp_model import tasks as unimp_tasks
from unimp_model.adapter import UniMP
from unimp_model.network.model import last_layer, trainable_parameters
from unimp_model.sequence.tokens import train_tokenizer
from unimp_model.tasks.answerer import Answerer, Chosen
from unimp_model.tasks.base import Score
from unimp_model.tasks.calibration import Calibration
from unimp_model.training.trainer import joint_score, tempered
from unimp_model.training.validation import Validation

prepare_torch()  # before anything inside transformers is touched

#: Few and cheap, in an order that is not UniMP's own.
TASKS = ("explanation", "preference", "search")
IN_ORDER = ["search", "preference", "explanation"]


@pytest.fixture(scope="module")
def view(sim_xs) -> TrainingView:
    found = sim_xs.training_view()
    found.tasks = TASKS
    return found


def _force(monkeypatch, *, better):
    """Every validation from now on scores better (or worse) than the one before."""
    calls = count(1)

    def scores(self, reader, tasks):
        value = next(calls) / 1e6
        return {task: Score("forced", value if better else 1 - value) for task in tasks}

    monkeypatch.setattr(Validation, "scores", scores)


@pytest.fixture(scope="module")
def joint(fit, view):
    return fit(view, strategy="multi-task")


@pytest.fixture(scope="module")
def improved(fit, view):
    """Fitted with ``multi-task-efficient`` where every further epoch counts as better."""
    with pytest.MonkeyPatch.context() as patch:
        _force(patch, better=True)
        return fit(view)


def _state(model):
    return {name: p.detach().clone() for name, p in model.parts.network.named_parameters()}


def _changed(before, after):
    assert before.keys() == after.keys()
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_multi_task_is_one_stage_on_all_tasks(joint):
    assert [epoch["stage"] for epoch in joint.journal.epochs] == ["joint"]
    assert list(joint.journal.kept) == ["joint"]
    assert {f"loss {task}" for task in TASKS} <= joint.journal.epochs[0].keys()
    assert joint.own_weights == {}


def test_continual_takes_one_task_after_another(fit, view):
    model = fit(view, strategy="continual", epochs=6)
    stages = [epoch["stage"] for epoch in model.journal.epochs]
    assert stages == [f"continual {task}" for task in IN_ORDER for _ in range(2)]
    for epoch in model.journal.epochs:
        (task,) = [t for t in IN_ORDER if f"loss {t}" in epoch]
        assert epoch["stage"] == f"continual {task}"
    assert model.own_weights == {}


#: Of two layers, each with cross-attention before it: the last, its cross-attention, the norm.
LAST_OF_TWO = {
    *(
        f"language.causal_lm.model.{name}.weight"
        for name in (
            "norm",
            *(
                f"layers.1.{part}"
                for part in (
                    "input_layernorm",
                    "mlp.down_proj",
                    "mlp.gate_proj",
                    "mlp.up_proj",
                    "post_attention_layernorm",
                    "self_attn.k_proj",
                    "self_attn.o_proj",
                    "self_attn.q_proj",
                    "self_attn.v_proj",
                )
            ),
        )
    ),
    *(
        f"cross_attention.1.{part}"
        for part in ("gate", "norm.bias", "norm.weight", "to_kv.weight", "to_out.weight",
                     "to_q.weight")
    ),
}  # fmt: skip


def test_efficient_fine_tuning_changes_the_last_layer_alone(improved):
    own = improved.own_weights
    assert list(own) == IN_ORDER
    for task in IN_ORDER:
        assert own[task].keys() == LAST_OF_TWO
    assert last_layer(improved.parts.network) == LAST_OF_TWO
    stages = [epoch["stage"] for epoch in improved.journal.epochs]
    assert stages == ["joint", *(f"own {task}" for task in IN_ORDER)]
    shared = _state(improved)
    for weights in own.values():
        assert all(not torch.equal(w, shared[name]) for name, w in weights.items())


def test_full_fine_tuning_may_change_everything(fit, view, monkeypatch):
    _force(monkeypatch, better=True)
    model = fit(view, strategy="multi-task-full")
    assert list(model.own_weights) == IN_ORDER
    trained = set(trainable_parameters(model.parts.network))
    for weights in model.own_weights.values():
        assert weights.keys() <= trained
        assert weights.keys() > LAST_OF_TWO
        assert any(name.startswith("resampler") for name in weights)


def test_the_shared_weights_are_the_joint_ones(joint, improved):
    assert _changed(_state(joint), _state(improved)) == set()


def test_everything_that_trains_is_free_again_after_the_stages(joint, improved):
    assert trainable_parameters(improved.parts.network) == trainable_parameters(joint.parts.network)
    assert improved.parameter_counts() == joint.parameter_counts()


def test_without_improvement_a_task_has_no_weights_of_its_own(fit, view, joint, monkeypatch):
    _force(monkeypatch, better=False)
    model = fit(view)
    assert model.own_weights == {}
    assert model.journal.kept == {"joint": 0, **{f"own {task}": -1 for task in IN_ORDER}}
    assert _changed(_state(joint), _state(model)) == set()


def test_without_validation_examples_the_joint_weights_stay(fit, view, joint, monkeypatch):
    monkeypatch.setattr(Validation, "scores", lambda self, reader, tasks: {})
    model = fit(view)
    assert model.journal.kept == {"joint": 0, **{f"own {task}": -1 for task in IN_ORDER}}
    assert _changed(_state(joint), _state(model)) == set()


def test_the_best_epoch_is_kept_and_patience_ends_a_stage(fit, view, monkeypatch):
    values = iter([0.2, 0.6, 0.5, 0.4, 0.9])
    monkeypatch.setattr(Validation, "scores", lambda *_: {"search": Score("forced", next(values))})
    model = fit(view, strategy="multi-task", epochs=5, patience=2)
    assert len(model.journal.epochs) == 4  # 0.9 is never reached
    assert model.journal.kept == {"joint": 1}


def test_turning_to_a_task_and_back_restores_every_bit(improved):
    parts = improved.parts
    answerer = Answerer(parts, improved.own_weights, improved.config, chosen=Chosen())
    shared = _state(improved)
    for task in IN_ORDER:
        answerer.turn_to(task)
        now = _state(improved)
        assert _changed(shared, now) == LAST_OF_TWO
        for name, weights in improved.own_weights[task].items():
            assert torch.equal(now[name], weights)
    answerer.turn_to("recommendation")  # has none of its own
    assert _changed(shared, _state(improved)) == set()
    answerer.turn_to("search")
    answerer.turn_to(None)
    assert _changed(shared, _state(improved)) == set()


def test_turning_makes_what_is_read_anew(improved):
    parts = improved.parts
    answerer = Answerer(parts, improved.own_weights, improved.config, chosen=Chosen())
    shared = answerer.reader
    assert answerer.reader is shared
    answerer.turn_to("search")
    assert answerer.reader is not shared
    answerer.turn_to(None)


def test_a_tasks_own_weights_answer_it_and_survive_saving(improved, joint, sim_xs, tmp_path):
    improved.save(tmp_path)
    loaded = UniMP()
    loaded.load(tmp_path)
    assert loaded.own_weights.keys() == improved.own_weights.keys()
    asked = list(sim_xs.instances("preference", limit=5))
    answers = list(improved.predict(asked))
    improved.answerer.turn_to(None)  # other tests, in any order, read the shared weights
    assert list(loaded.predict(asked)) == answers
    assert answers != list(joint.predict(asked))
    assert _changed(_state(joint), {**_state(loaded), **_shared_part(loaded)}) == set()


def _shared_part(model):
    """A model's shared weights, whatever task it was asked last."""
    model.answerer.turn_to(None)
    return _state(model)


def test_a_frozen_language_model_is_tuned_in_its_last_layer_for_a_task_alone(
    fit, view, sim_xs, tmp_path, monkeypatch
):
    words = [item.title or "" for item in view.catalogue]
    tokenizer = train_tokenizer(words, phrases=[], size=400)
    sizes = {
        "vocab_size": tokenizer.get_vocab_size(), "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 2048,
        "tie_word_embeddings": True,
    }  # fmt: skip
    torch.manual_seed(0)
    causal_lm = transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes))
    causal_lm.save_pretrained(tmp_path / "language")
    wrapped = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    wrapped.save_pretrained(tmp_path / "language")
    _force(monkeypatch, better=True)
    model = fit(
        view, language_model=str(tmp_path / "language"), words_per_attribute=2, history_items=2,
        targets_per_row=2,
    )  # fmt: skip
    before = {f"language.causal_lm.{n}": p for n, p in causal_lm.named_parameters()}
    now = {n: p for n, p in _state(model).items() if n.startswith("language.")}
    assert _changed(before, now) == set()
    for task in IN_ORDER:
        assert model.own_weights[task].keys() == LAST_OF_TWO
    assert not [n for n in trainable_parameters(model.parts.network) if n.startswith("language.")]
    (tmp_path / "fit").mkdir()
    model.save(tmp_path / "fit")
    loaded = UniMP()
    loaded.load(tmp_path / "fit")
    for task in TASKS:
        asked = list(sim_xs.instances(task, limit=4))
        assert list(loaded.predict(asked)) == list(model.predict(asked))


def test_validation_chooses_how_selections_and_ratings_are_read(fitted):
    chosen = fitted.chosen
    assert chosen.taken >= 1
    assert 0.3 <= chosen.selection_temperature <= 3.0
    assert 0.0 <= chosen.selection_power <= 3.0
    assert chosen.rating != Calibration()
    assert 0.1 <= chosen.rating.temperature <= 2.0


def _rated(model, asked, **rating) -> list[float]:
    chosen = Chosen(rating=Calibration(**rating))
    answerer = Answerer(model.parts, {}, model.config, chosen=chosen)
    return [r.value for r in unimp_tasks.TASKS["preference"].predict(answerer, asked)]


def test_the_calibration_of_ratings_is_used(joint, sim_xs):
    asked: list[PreferenceInstance] = list(sim_xs.instances("preference", limit=4))
    cold, warm = (_rated(joint, asked, temperature=t) for t in (0.1, 2.0))
    assert cold != warm
    flatter = _rated(joint, asked, temperature=2.0, weights=(0.5,), offset=1.25)
    assert flatter == pytest.approx([0.5 * value + 1.25 for value in warm])
    liked = _rated(joint, asked, weights=(0.0, 0.0, 1.0), centres=(0.0, 0.0), offset=3.0)
    assert len(set(liked)) > 1  # how like the shown items the asked one is differs


SHARES = {"search": 1.0, "preference": 0.5, "explanation": 0.2}
COUNTS = {"search": 1000, "preference": 800, "explanation": 500}


def test_temperature_one_leaves_the_mixture():
    assert tempered(SHARES, COUNTS, 1.0) == SHARES


def test_tempered_by_hand():
    # 1000, 400 and 100 examples; in proportion to their square roots, the smallest stays
    found = tempered(SHARES, COUNTS, 2.0)
    asked = {task: found[task] * COUNTS[task] for task in found}
    assert asked == pytest.approx(
        {"search": 100 * 10**0.5, "preference": 100 * 4**0.5, "explanation": 100}
    )


def test_a_large_temperature_evens_tasks_out():
    found = tempered(SHARES, COUNTS, 1e9)
    assert {task: found[task] * COUNTS[task] for task in found} == pytest.approx(
        dict.fromkeys(SHARES, 100.0), rel=1e-6
    )


def test_tempering_leaves_out_what_has_no_examples_or_no_share():
    counts, shares = {**COUNTS, "selection": 0, "x": 9}, {**SHARES, "selection": 1.0, "x": 0.0}
    assert tempered(shares, counts, 2.0) == tempered(SHARES, COUNTS, 2.0)
    assert tempered({"x": 0.0}, {"x": 9}, 2.0) == {}


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_a_task_without_a_share_is_never_asked(fit, view, temperature):
    model = fit(
        view, strategy="multi-task", task_shares={"search": 0.0, "explanation": 1.0},
        temperature=temperature,
    )  # fmt: skip
    asked = {name for name in model.journal.epochs[0] if name.startswith("loss")}
    assert asked == {"loss context", "loss preference", "loss explanation"}


def test_an_epoch_is_scored_by_what_its_tasks_gain_relatively():
    def score(*values):
        return joint_score([Score("metric", value) for value in values])

    assert score(0.12, 0.72) > score(0.1, 0.8)  # a fifth more against a tenth less
    assert score(0.1, 0.8) == pytest.approx(0.08**0.5)
    assert 0 < score(0.0, 1.0) < 0.01


def test_what_stands_in_chooses_an_epoch_only_where_nothing_else_does():
    metric, likelihood = Score("NDCG@5", 0.2), Score("likelihood", 0.01, stands_in=True)
    assert joint_score([metric, likelihood]) == pytest.approx(0.2)
    assert joint_score([likelihood]) == pytest.approx(0.01)


class _Impatient:
    """Ends every training stage at its first step, as an estimate may."""

    def __init__(self) -> None:
        self.began_at: list[str] = []

    def began(self, bar):
        if bar.name.startswith("training"):
            self.began_at.append(bar.name)

    def moved(self, bar):
        if bar.name.startswith("training"):
            raise CutShort

    def ended(self, bar):
        pass


@pytest.mark.slow
def test_stages_that_are_ended_at_once_leave_a_model_that_answers(fit, view, sim_xs):
    watcher = _Impatient()
    with watched(watcher):
        model = fit(view)
    assert len(watcher.began_at) == 1 + len(TASKS)
    instances = sim_xs.instances("search")[:2]
    assert len(list(model.predict(instances))) == 2

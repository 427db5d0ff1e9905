"""Text metrics against the libraries that define them, and hand-worked edge cases."""

from __future__ import annotations

import math
import random
import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.errors import BenchError, UsageError
from benchmark.metrics import bertscore, text

WORDS = tuple(
    re.findall(
        r"\S+",
        "the a this it is was soft leather shoes bags bag runs running ran nice nicely great, "
        "great. comfortable comfort Price price's $9.99 well-made don't 12,000 made making warm",
    )
)


def _pairs(count: int, seed: int = 0) -> tuple[list[str | None], list[str]]:
    """Sentences sharing words with their references; some empty, failed or identical."""
    draw = random.Random(seed)
    hypotheses: list[str | None] = []
    references: list[str] = []
    for _ in range(count):
        reference = draw.choices(WORDS, k=draw.randint(1, 14))
        kind = draw.random()
        if kind < 0.03:
            hypothesis: str | None = None
        elif kind < 0.06:
            hypothesis = ""
        elif kind < 0.12:
            hypothesis = " ".join(reference)
        else:
            kept = [word for word in reference if draw.random() < 0.7]
            hypothesis = " ".join(kept + draw.choices(WORDS, k=draw.randint(0, 5)))
        hypotheses.append(hypothesis)
        references.append(" ".join(reference))
    return hypotheses, references


def _value(metrics: tuple[text.Metric, ...], statistics: text.Statistics, name: str) -> float:
    metric = next(metric for metric in metrics if metric.name == name)
    return float(metric.value(statistics[name].mean(axis=0)))


@pytest.mark.parametrize("order", [1, 4])
def test_bleu_is_sacrebleus_corpus_bleu(order: int) -> None:
    sacrebleu = pytest.importorskip("sacrebleu.metrics")
    name = f"BLEU-{order}"
    theirs = sacrebleu.BLEU(max_ngram_order=order, smooth_method="none", tokenize="13a")
    draw = random.Random(1)
    for seed in range(200):
        hypotheses, references = _pairs(draw.choice([1, 3, 20]), seed)
        metrics, statistics = text.score(hypotheses, references, [name])
        expected = theirs.corpus_score([h or "" for h in hypotheses], [references]).score / 100
        assert _value(metrics, statistics, name) == pytest.approx(expected, abs=1e-9)


def test_bleu_statistics_are_sacrebleus_sentence_by_sentence() -> None:
    sacrebleu = pytest.importorskip("sacrebleu.metrics")
    theirs = sacrebleu.BLEU(smooth_method="none", effective_order=True)
    hypotheses, references = _pairs(2000)
    rows = text.bleu_statistics([h or "" for h in hypotheses], references, 4)
    for hypothesis, reference, row in zip(hypotheses, references, rows, strict=True):
        expected = theirs.sentence_score(hypothesis or "", [reference])
        assert row.tolist() == [*expected.counts, *expected.totals, expected.ref_len]


def test_bleu_equals_sacrebleus_default_when_every_order_matches() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    hypotheses, references = _pairs(500)
    metrics, statistics = text.score(hypotheses, references, ["BLEU-4"])
    expected = sacrebleu.corpus_bleu([h or "" for h in hypotheses], [references]).score / 100
    assert _value(metrics, statistics, "BLEU-4") == pytest.approx(expected, abs=1e-9)


def test_bleu_of_a_stack_of_means_is_the_stack_of_bleus() -> None:
    hypotheses, references = _pairs(60)
    metrics, statistics = text.score(hypotheses, references, ["BLEU-4"])
    stacked = statistics["BLEU-4"].reshape(3, 20, -1).mean(axis=1)
    single = [float(metrics[0].value(mean)) for mean in stacked]
    assert metrics[0].value(stacked).tolist() == pytest.approx(single)


def test_bleu_by_hand() -> None:
    metrics, statistics = text.score(["the soft bag"], ["the soft leather bag"], ["BLEU-1"])
    assert _value(metrics, statistics, "BLEU-1") == pytest.approx(math.exp(1 - 4 / 3))


def test_rouge_is_rouge_scores_f_measure() -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(
        ["rouge1", "rouge2", "rougeL"], use_stemmer=True
    )
    hypotheses, references = _pairs(2000)
    _, statistics = text.score(hypotheses, references, ["ROUGE-1", "ROUGE-2", "ROUGE-L"])
    for row, (hypothesis, reference) in enumerate(zip(hypotheses, references, strict=True)):
        expected = scorer.score(reference, hypothesis or "")
        for name, kind in (("ROUGE-1", "rouge1"), ("ROUGE-2", "rouge2"), ("ROUGE-L", "rougeL")):
            assert statistics[name][row, 0] == pytest.approx(expected[kind].fmeasure, abs=1e-12)


#: One sentence of several words, and one with another word in it, by script.
SCRIPTS = {
    "Cyrillic": ("Эта маска очень мягкая", "Эта маска очень жёсткая"),
    "Greek": ("Αυτή η μάσκα είναι απαλή", "Αυτή η μάσκα είναι σκληρή"),
    "Arabic": ("هذا القناع ناعم جدا", "هذا القناع خشن جدا"),
    "Hebrew": ("המסכה הזאת רכה מאוד", "המסכה הזאת קשה מאוד"),
    "Hindi": ("यह मास्क बहुत मुलायम है", "यह मास्क बहुत सख्त है"),
    "Thai": ("หน้ากากนี้นุ่มมาก", "หน้ากากนี้แข็งมาก"),
    "Chinese": ("这个面膜非常柔软", "这个面膜非常粗糙"),
    "Japanese": ("このマスクはとても柔らかい", "このマスクはとても固い"),
    "mixed": ("маска nice сегодня вечером", "крем nice вчера утром"),
    "accented": ("Bürste für Größe über", "Börste für Größe über"),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_words_of_every_script_count(script: str) -> None:
    sentence, other = SCRIPTS[script]
    names = ("ROUGE-1", "ROUGE-2", "ROUGE-L", "BLEU-1", "BLEU-4")
    metrics, statistics = text.score([sentence], [sentence], names)
    assert [float(m.value(statistics[m.name].mean(0))) for m in metrics] == [1.0] * len(names)
    metrics, statistics = text.score([other], [sentence], names[:3])
    found = [float(m.value(statistics[m.name].mean(0))) for m in metrics]
    assert all(0 < value < 1 for value in found[:1] + found[2:])
    assert found[1] < 1


def test_a_common_latin_word_does_not_make_other_sentences_alike() -> None:
    sentence, other = SCRIPTS["mixed"]
    assert text.rouge([other], [sentence], ["ROUGE-1"])[0, 0] == pytest.approx(1 / 4)


def test_a_text_of_signs_alone_is_compared_by_its_signs() -> None:
    found = text.rouge(["👍👍", "👎👎", "nice"], ["👍👍"] * 3, ["ROUGE-1"])[:, 0]
    assert found.tolist() == [1.0, 0.0, 0.0]


def test_composed_and_decomposed_texts_are_the_same() -> None:
    composed, decomposed = (
        unicodedata.normalize(form, "Größe für Ärzte") for form in ("NFC", "NFD")
    )
    assert composed != decomposed
    assert text.rouge([composed], [decomposed]).tolist() == [[1.0] * 3]
    assert text.meteor([composed], [decomposed], wordnet=False) > 0.9
    assert (text.bleu_statistics([composed], [decomposed], 1)[0] == 3).all()


def test_rouge_l_by_hand() -> None:
    _, statistics = text.score(["soft warm bag"], ["warm soft leather bag"], ["ROUGE-L"])
    assert statistics["ROUGE-L"][0, 0] == pytest.approx(2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4))


class _Lemma:
    def __init__(self, name: str) -> None:
        self._name = name

    def name(self) -> str:
        return self._name


class _Synset:
    def __init__(self, *words: str) -> None:
        self._words = words

    def lemmas(self) -> list[_Lemma]:
        return [_Lemma(word) for word in self._words]


class _TinyWordNet:
    """One synonym pair, for machines without the corpus. nltk looks synonyms up by stem."""

    def synsets(self, word: str) -> list[_Synset]:
        return [_Synset("soft", "mild")] if word in ("soft", "mild") else []


def test_meteor_without_wordnet_is_nltks_with_exact_and_stem_matches() -> None:
    module = pytest.importorskip("nltk.translate.meteor_score")
    tokenize = pytest.importorskip("sacrebleu.tokenizers.tokenizer_13a").Tokenizer13a()
    hypotheses, references = _pairs(1000)
    texts = [hypothesis or "" for hypothesis in hypotheses]
    ours = text.meteor(texts, references, wordnet=False)

    class Nothing:
        def synsets(self, word: str) -> list[object]:
            return []

    for hypothesis, reference, value in zip(texts, references, ours, strict=True):
        expected = module.meteor_score(
            [tokenize(reference).split()], tokenize(hypothesis).split(), wordnet=Nothing()
        )
        assert value == pytest.approx(expected, abs=1e-12)


def test_meteor_is_named_after_the_wordnet_it_had(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = pytest.importorskip("nltk.corpus")
    pair = (["a mild bag"], ["a soft bag"])
    monkeypatch.setattr(text, "has_wordnet", lambda: False)
    (without,), poorer = text.score(*pair, ["METEOR"])
    assert without.name == "METEOR-exact+stem"
    assert "METEOR-exact+stem" in capsys.readouterr().err
    monkeypatch.setattr(text, "has_wordnet", lambda: True)
    monkeypatch.setattr(corpus, "wordnet", _TinyWordNet())
    (within,), richer = text.score(*pair, ["METEOR"])
    assert within.name == "METEOR"
    assert richer["METEOR"][0, 0] > poorer["METEOR-exact+stem"][0, 0]
    assert richer["METEOR"][0, 0] == pytest.approx(1 - 0.5 * (1 / 3) ** 3)


def test_meteor_with_wordnet_is_nltks() -> None:
    module = pytest.importorskip("nltk.translate.meteor_score")
    if not text.has_wordnet():
        pytest.skip("nltk has no WordNet corpus on this machine")
    ours = text.meteor(["a gentle bag"], ["a soft bag"], wordnet=True)
    expected = module.meteor_score([["a", "soft", "bag"]], ["a", "gentle", "bag"])
    assert ours[0] == pytest.approx(expected, abs=1e-12)


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> bertscore.Encoder:
    monkeypatch.delenv(bertscore.VARIABLE, raising=False)
    found = bertscore.find_encoder()
    if found is None:
        pytest.skip(f"no local encoder: {bertscore.HOW_TO_GET_AN_ENCODER}")
    return found


def test_bertscore_is_bert_scores_without_padding(encoder: bertscore.Encoder) -> None:
    pytest.importorskip("bert_score")
    from benchmark.host.torch_setup import prepare_torch

    prepare_torch()
    import bert_score

    hypotheses, references = _pairs(60)
    kept = [row for row, hypothesis in enumerate(hypotheses) if hypothesis]
    texts = [hypotheses[row] or "" for row in kept]
    wanted = [references[row] for row in kept]
    (metric,), statistics = text.score(texts, wanted, ["BERTScore"])
    assert metric.name == f"BERTScore-{encoder.name}" == "BERTScore-all-MiniLM-L6-v2"
    # One pair at a time: in a padded batch bert-score lifts a negative best similarity to the
    # padding's 0, so its scores depend on which sentences share the batch.
    _, _, expected = bert_score.score(
        texts, wanted, model_type=str(encoder.folder), num_layers=6, device="cpu", batch_size=1
    )
    np.testing.assert_allclose(statistics[metric.name][:, 0], expected.numpy(), atol=2e-6)


def test_bertscore_of_failed_and_of_identical_texts(encoder: bertscore.Encoder) -> None:
    references = ["a soft bag", "warm shoes"]
    (metric,), statistics = text.score([None, "warm shoes"], references, ["BERTScore"])
    assert statistics[metric.name][:, 0] == pytest.approx([0.0, 1.0], abs=1e-6)


def test_bertscore_is_left_out_aloud_without_an_encoder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bertscore, "find_encoder", lambda: None)
    metrics, statistics = text.score(["a"], ["a"], ["ROUGE-1", "BERTScore"])
    assert [metric.name for metric in metrics] == ["ROUGE-1"]
    assert list(statistics) == ["ROUGE-1"]
    assert "BERTScore is left out" in capsys.readouterr().err


def test_an_encoder_folder_without_a_model_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv(bertscore.VARIABLE, str(tmp_path))
    with pytest.raises(BenchError, match=r"holds no config\.json"):
        bertscore.find_encoder()


@pytest.fixture
def tiny(tmp_path: Path) -> tuple[bertscore.Encoder, Any]:
    """An encoder of eight dimensions that knows five words, and its network."""
    from benchmark.host.torch_setup import prepare_torch

    prepare_torch()
    import transformers

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "soft", "bag", "warm", "red", "shoe"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizerFast(vocab=str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8,
    )  # fmt: skip
    model = transformers.BertModel(config)
    model.save_pretrained(tmp_path)
    return bertscore.Encoder("tiny", tmp_path), model


def test_the_size_of_a_block_changes_no_score(tiny: tuple[bertscore.Encoder, Any]) -> None:
    words = ["soft", "bag", "warm", "red", "shoe"]
    rng = np.random.default_rng(0)
    hypotheses, references = (
        [" ".join(rng.choice(words, size)) for size in rng.integers(least, 9, 150)]
        for least in (0, 1)
    )
    whole = bertscore.f_measures(hypotheses, references, tiny[0])
    assert 0 < (whole == 0).sum() < 50  # those without a word
    in_blocks = bertscore.f_measures(hypotheses, references, tiny[0], block=7)
    np.testing.assert_allclose(in_blocks, whole, atol=1e-6)


def test_an_encoder_with_weights_that_are_not_finite_is_refused(
    tiny: tuple[bertscore.Encoder, Any],
) -> None:
    encoder, model = tiny
    (score,) = bertscore.f_measures(["soft bag"], ["soft bag"], encoder)
    assert score == pytest.approx(1.0)
    model.embeddings.LayerNorm.bias.data[3] = math.nan
    model.save_pretrained(encoder.folder)
    with pytest.raises(BenchError, match=r"BERTScore encoder .*LayerNorm\.bias holds 1 NaN"):
        bertscore.f_measures(["soft bag"], ["soft bag"], encoder)


def test_failed_predictions_score_zero() -> None:
    names = ["BLEU-1", "BLEU-4", "ROUGE-1", "ROUGE-2", "ROUGE-L", "METEOR"]
    metrics, statistics = text.score([None, "  "], ["a soft bag", "warm shoes"], names)
    assert {_value(metrics, statistics, metric.name) for metric in metrics} == {0.0}


def test_a_failed_prediction_never_raises_a_score() -> None:
    _, references = _pairs(40)
    names = ["BLEU-1", "BLEU-4", "ROUGE-1", "ROUGE-2", "ROUGE-L", "METEOR"]
    metrics, before = text.score(references, references, names)
    worse: list[str | None] = [None, *references[1:]]
    _, after = text.score(worse, references, names)
    for metric in metrics:
        assert _value(metrics, after, metric.name) < _value(metrics, before, metric.name)


def test_bad_input_is_refused() -> None:
    with pytest.raises(BenchError, match="reference text of instance 1 is empty"):
        text.score(["a", "b"], ["a", " "])
    with pytest.raises(BenchError, match="1 texts were given for 2 references"):
        text.score(["a"], ["a", "b"])
    with pytest.raises(UsageError, match="Unknown text metric 'BLEU-2'"):
        text.score(["a"], ["a"], ["BLEU-2"])


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "sacrebleu.tokenizers.tokenizer_13a", None)
    with pytest.raises(BenchError, match=r"unimp-bench\[text\]"):
        text.score(["a"], ["a"], ["BLEU-1"])

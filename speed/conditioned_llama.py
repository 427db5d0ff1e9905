"""The usual way to build and run such a model, for the scripts that measure ours beside it.

A causal language model of transformers keeps its own forward pass, loss and ``generate``; images
enter through hooks before every few layers. One instance is one padded row that brings its own
images, and each occurrence of an image goes through the resampler. The modules that let images in
are either the network's own (:class:`OwnModules`, so that answers can be compared) or those of the
package ``flamingo-pytorch`` (:class:`FlamingoModules`).
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.vision.patches import patch_tokens
from benchmark.vision.photo_table import pool_to_grid
from benchmark.vision.photos import load_photo, normalise
from unimp_model.config import UniMPConfig
from unimp_model.images.encoder import ImageEncoder
from unimp_model.network.fusion import exclusive_mask
from unimp_model.network.model import Tables, UniMPNetwork
from unimp_model.sequence.template import Row

#: What transformers' loss passes over.
_IGNORED = -100


@dataclass(frozen=True, slots=True)
class PaddedRows:
    """B rows as a usual training loop has them: N tokens and S images each, padded."""

    tokens: Tensor  # (B, N)
    attends: Tensor  # (B, N): 1 for tokens, 0 for padding
    labels: Tensor  # (B, N): what the position before is to predict, -100 for nothing
    slots: Tensor  # (B, N): the image of the token's item, -1 for none
    features: Tensor  # (B, S, P, f): of every row's own images; or their pixels (B, S, 3, s, s)

    @property
    def starts(self) -> Tensor:
        """Return where an image's item begins, bool (B, N)."""
        before = torch.cat([torch.full_like(self.slots[:, :1], -1), self.slots[:, :-1]], dim=1)
        return (self.slots >= 0) & (self.slots != before)

    def copied(self, times: int) -> PaddedRows:
        """Repeat every row ``times`` times in succession, images included."""
        fields = (self.tokens, self.attends, self.labels, self.slots, self.features)
        return PaddedRows(*(field.repeat_interleave(times, dim=0) for field in fields))


#: Photos of a row that have an embedding of their place: in training more than at evaluation.
_MOST_PHOTOS = 256


class Photos(Protocol):
    """Photos as :class:`~unimp_model.images.encoder.PhotoFeatures` or as pixels."""

    @property
    def index(self) -> Mapping[str, int]:
        """Return file name -> photo number."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of one photo's features, or of its pixels."""

    def rows(self, numbers: Tensor) -> Tensor:
        """Return the features, or pixels, (U, *shape) of photo numbers (U,)."""


class PhotoPixels:
    """Photos read and standardised for ``encoder``, but not encoded."""

    def __init__(self, encoder: ImageEncoder, files: Sequence[Path]) -> None:
        self.index = {file.name: i for i, file in enumerate(files)}
        self.shape = (3, encoder.size, encoder.size)
        pixels = np.stack([load_photo(file, encoder.size) for file in files])
        self._pixels = normalise(pixels, encoder.mean, encoder.std)

    def rows(self, numbers: Tensor) -> Tensor:
        """Return the pixels (U, 3, s, s) of photo numbers (U,)."""
        return self._pixels[numbers]


def padded(
    rows: Sequence[Row], photos: Photos, device: torch.device, *, left: bool = False
) -> PaddedRows:
    """Pad rows of one instance each; answers are appended, and become labels with other targets.

    Padding stands on the right, or on the ``left`` as generation wants it. ``ValueError`` for a
    row that is no plain sequence.
    """
    longest = max(len(row.tokens) + 1 for row in rows)
    most = max(1, *(len(row.images) for row in rows))
    tokens, attends = np.zeros((2, len(rows), longest), np.int64)
    labels = np.full_like(tokens, _IGNORED)
    slots = np.full_like(tokens, -1)
    features = torch.zeros(len(rows), most, *photos.shape)
    for i, row in enumerate(rows):
        n = len(row.tokens)
        if (row.positions != np.arange(n)).any():
            raise ValueError("A row shared by several instances is no plain sequence.")
        answered = int(row.targets[row.reads == n - 1].max(initial=-1))
        whole = [*row.tokens.tolist(), *([answered] if answered >= 0 else [])]
        start = longest - len(whole) if left else 0
        tokens[i, start : start + len(whole)] = whole
        attends[i, start : start + len(whole)] = 1
        slots[i, start : start + n] = row.slots
        told = row.targets >= 0
        labels[i, start + row.reads[told] + 1] = row.targets[told]
        if row.images:
            numbers = torch.tensor([photos.index[name] for name in row.images])
            features[i, : len(row.images)] = photos.rows(numbers)
    kept = slice(int((attends.sum(0) == 0).sum()), None) if left else slice(attends.any(0).sum())
    arrays = (torch.from_numpy(array[:, kept]) for array in (tokens, attends, labels, slots))
    return PaddedRows(*(t.to(device) for t in arrays), features.to(device))


class OwnModules(nn.Module):
    """The resampler and cross-attention of ``network``.

    With ``encoder`` rows bring pixels, which it encodes and pools to ``grid`` x ``grid`` first.
    """

    def __init__(
        self, network: UniMPNetwork, encoder: ImageEncoder | None = None, *, grid: int = 0
    ) -> None:
        super().__init__()
        assert network.resampler is not None
        self.resampler = network.resampler
        self.blocks = network.cross_attention
        self.encoder = encoder
        self.grid = grid

    def resample(self, features: Tensor) -> Tensor:
        """Resample photo features (B, S, P, f) or pixels (B, S, 3, s, s) to (B, S, C, d)."""
        each = features.flatten(0, 1)
        if self.encoder is not None:
            patches = pool_to_grid(patch_tokens(self.encoder.visual, each), self.grid)
            each = patches.half().float()  # as rounded as features on disk
        return self.resampler(each).unflatten(0, features.shape[:2])

    def cross_attend(self, layer: int, hidden: Tensor, visual: Tensor, rows: PaddedRows) -> Tensor:
        """Let images (B, S, C, d) into the states (B, N, d) before ``layer``."""
        return self.blocks[str(layer)](hidden, visual, exclusive_mask(rows.slots, visual.shape[1]))


class FlamingoModules(nn.Module):
    """The resampler and gated blocks of ``flamingo-pytorch`` in the sizes of ``network``.

    The blocks bring a feed-forward of four times the width, which the paper's Eq. 4 does not
    have; without ``feed_forward`` they do as much as ours and no more.
    """

    def __init__(
        self, network: UniMPNetwork, config: UniMPConfig, features: int, *, feed_forward: bool
    ) -> None:
        super().__init__()
        require_flamingo()
        from flamingo_pytorch import GatedCrossAttentionBlock, PerceiverResampler

        width, heads = network.language.width, network.language.heads
        sizes = {"dim": width, "dim_head": width // heads, "heads": heads}
        self.project = nn.Linear(features, width)
        self.resampler = PerceiverResampler(
            **sizes,
            depth=config.resampler_layers,
            num_latents=config.visual_tokens,
            num_media_embeds=_MOST_PHOTOS,
            ff_mult=2,
        )
        self.blocks = nn.ModuleDict(
            {layer: GatedCrossAttentionBlock(**sizes) for layer in network.cross_attention}
        )
        if not feed_forward:
            for block in self.blocks.values():
                block.ff = nn.Identity()  # behind a gate that stays shut: nothing is computed
                block.ff_gate.requires_grad_(False)

    def resample(self, features: Tensor) -> Tensor:
        """Resample photo features (B, S, P, f) to (B, S, C, d)."""
        return self.resampler(self.project(features))

    def cross_attend(self, layer: int, hidden: Tensor, visual: Tensor, rows: PaddedRows) -> Tensor:
        """Let images (B, S, C, d) into the states (B, N, d) before ``layer``."""
        return self.blocks[str(layer)](hidden, visual, media_locations=rows.starts)


class ConditionedLlama(nn.Module):
    """A Llama of transformers with images let in before its layers.

    ``modules`` are :class:`OwnModules` or :class:`FlamingoModules`.
    """

    def __init__(self, llama: Any, modules: OwnModules | FlamingoModules) -> None:
        super().__init__()
        self.llama = llama
        self.conditioning = modules
        self._seen: tuple[Tensor, PaddedRows] | None = None
        for number, layer in enumerate(llama.model.layers):
            if str(number) in modules.blocks:
                layer.register_forward_pre_hook(self._hook(number))

    def loss(self, rows: PaddedRows) -> Tensor:
        """Compute transformers' own loss: cross-entropy of every position, whole vocabulary."""
        self._seen = self.conditioning.resample(rows.features), rows
        out = self.llama(
            input_ids=rows.tokens, attention_mask=rows.attends, labels=rows.labels, use_cache=False
        )
        return out.loss

    @torch.inference_mode()
    def generate(self, rows: PaddedRows, *, beams: int, allowed: Tensor | None = None) -> Tensor:
        """Search one token per row by transformers' beam search, best first: (B, beams).

        As the field's code does it, each beam brings its own images through the resampler.
        ``allowed`` are the only token ids that may be generated.
        """
        copies = rows.copied(beams)
        self._seen = self.conditioning.resample(copies.features), copies
        out = self.llama.generate(
            input_ids=rows.tokens,
            attention_mask=rows.attends,
            num_beams=beams,
            num_return_sequences=beams,
            max_new_tokens=1,
            do_sample=False,
            pad_token_id=0,
            prefix_allowed_tokens_fn=None if allowed is None else lambda row, prefix: allowed,
        )
        return out[:, -1].view(-1, beams)

    def _hook(self, number: int) -> Any:
        def before(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            assert self._seen is not None
            return self.conditioning.cross_attend(number, inputs[0], *self._seen), *inputs[1:]

        return before


def whole_llama(network: UniMPNetwork, tables: Tables, *, tied: bool, frozen: bool) -> Any:
    """Return the network's language model as transformers has it, with ``tables`` as vocabulary.

    ``tied`` uses input rows as output rows too; ``frozen`` leaves the embedding alone to train.
    """
    language = network.language
    config = copy.deepcopy(language.causal_lm.config)
    config.vocab_size = len(language.input_rows) + len(tables.input)
    config.tie_word_embeddings = tied
    with torch.random.fork_rng():  # its own weights are drawn, only to be replaced
        llama = type(language.causal_lm)(config).float()
    llama.model.layers.load_state_dict(language.layers.state_dict())
    llama.model.norm.load_state_dict(language.decoder.norm.state_dict())
    with torch.no_grad():
        llama.model.embed_tokens.weight.copy_(torch.cat([language.input_rows, tables.input]))
        if not tied:
            llama.lm_head.weight.copy_(torch.cat([language.output_rows, tables.output]))
    if frozen:
        llama.requires_grad_(False)
        llama.model.embed_tokens.requires_grad_(True)
    # A search over one token has no end to look for.
    llama.generation_config.eos_token_id = None
    return llama.to(language.input_rows.device)


def require_flamingo() -> None:
    """Exit with a word on how to install ``flamingo-pytorch`` where it is absent."""
    try:
        import flamingo_pytorch  # noqa: F401
    except ModuleNotFoundError as error:
        sys.exit(
            f"This comparison needs the package flamingo-pytorch: {error}.\n"
            "Fix: pip install --no-deps flamingo-pytorch==0.1.2 einops==0.8.2 einops-exts==0.0.4"
        )

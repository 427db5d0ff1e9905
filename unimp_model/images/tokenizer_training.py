"""An image tokenizer of the dataset's own, for when no pretrained VQGAN is at hand.

A small VQGAN is trained on the dataset's photos, without an adversary (:func:`reconstruction_loss`
alone), then frozen like any other tokenizer. It starts as a linear autoencoder of patches (see
:mod:`unimp_model.images.linear_start`), trains shortly without a codebook, then with one laid over
its latents by k-means.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from benchmark.errors import BenchError, UsageError
from benchmark.host.files import REMAKE, sha256_file, sha256_json
from benchmark.host.progress import bar
from benchmark.training.reproducible import reproducible
from benchmark.training.schedules import one_cycle
from benchmark.training.stored import load_tensors, save_tensors
from benchmark.vision.photos import load_photo
from unimp_model.images.codebook import RunningCodebook
from unimp_model.images.linear_start import GROUPS, start_linear
from unimp_model.images.tokenizer import (
    ImageTokenizer,
    frozen_tokenizer,
    nearest_codes,
    new_vq_model,
    paint,
)

#: Part of the cache key: raise it when training changes.
RECIPE = 1
_COMMITMENT = 0.25
#: Weight of hue beside lightness: pale garments differ in little else.
_HUE = 2.0
_RATE = 1e-3
_BETAS = (0.9, 0.99)
#: Share of the steps before there is a codebook, and after which no code is moved any more.
_PLAIN, _SETTLED = 0.1, 0.8
_REVIVE_EVERY = 20
#: Photos the start is fitted to, and latents k-means sees at most.
_START_PHOTOS = 256
_KMEANS_POINTS = 8192


@dataclass(frozen=True, slots=True)
class TokenizerShape:
    """Sets the sizes of the small VQGAN.

    A photo of ``size`` x ``size`` pixels takes ``grid``^2 out of ``codes`` codes. Each code
    stands for one patch, which the network sees as one position (it is folded, see
    :class:`~unimp_model.images.tokenizer.ImageTokenizer`): no layer works at the photo's
    resolution.
    """

    size: int = 64
    grid: int = 8
    codes: int = 1024
    code_width: int = 16
    width: int = 64

    def build(self) -> Any:
        """Build the untrained ``diffusers.VQModel``.

        :class:`UsageError` for sizes that do not fit.
        """
        if self.size % self.grid:
            raise UsageError(
                f"A grid of {self.grid} codes does not divide photos of {self.size} pixels.",
                fix="Choose a photo size that is a multiple of the grid.",
            )
        least = GROUPS * (2 * -(-self.code_width // GROUPS) + 2)
        if self.width % GROUPS or self.width < least:
            raise UsageError(
                f"A width of {self.width} channels does not hold codes of {self.code_width}.",
                fix=f"Choose a multiple of {GROUPS}, at least {least}.",
            )
        channels = 3 * (self.size // self.grid) ** 2
        return new_vq_model(
            in_channels=channels,
            out_channels=channels,
            block_out_channels=(self.width,),
            latent_channels=self.code_width,
            vq_embed_dim=self.code_width,
            num_vq_embeddings=self.codes,
            norm_num_groups=GROUPS,
            sample_size=self.size,
        )


def own_image_tokenizer(
    photos: Sequence[Path],
    *,
    cache: Path,
    seed: int,
    steps: int,
    batch: int,
    shape: TokenizerShape | None = None,
) -> ImageTokenizer:
    """Train a small VQGAN on ``photos``, or take it from ``cache`` by recipe, seed and photos.

    :class:`BenchError` without photos.
    """
    if not photos:
        raise BenchError(
            "There are no photos to train an image tokenizer on.",
            fix="Choose a dataset with photos, or a pretrained image tokenizer.",
        )
    shape = shape or TokenizerShape()
    contents = [[path.name, sha256_file(path)] for path in photos]
    key = sha256_json([RECIPE, asdict(shape), [steps, batch, seed], contents])
    file = cache / "own-image-tokenizers" / f"{key[:16]}.safetensors"
    torch.manual_seed(seed)
    vq = shape.build()
    if file.is_file():
        vq.load_state_dict(load_tensors(file, fix=REMAKE))
        return frozen_tokenizer(vq, shape.size)
    with reproducible(threads=1, strict=True):  # the start's matrix products are training too
        training = _Training(
            ImageTokenizer(vq, shape.size),
            np.stack([load_photo(path, shape.size) for path in photos]),
            np.random.default_rng([seed, 2]),
            steps=max(steps, 1),
        )
        training.run(batch)
    save_tensors(vq.state_dict(), file)
    return frozen_tokenizer(vq, shape.size)


class _Training:
    """Trains a tokenizer on photos (n, 3, s, s)."""

    def __init__(
        self,
        tokenizer: ImageTokenizer,
        pixels: NDArray[np.uint8],
        generator: np.random.Generator,
        *,
        steps: int,
    ) -> None:
        self.tokenizer, self.vq = tokenizer, tokenizer.vq
        self.pixels, self.generator = pixels, generator
        self.steps = steps
        self.codebook = RunningCodebook(self.vq.quantize.embedding.weight.data, generator)
        self.vq.quantize.requires_grad_(False)  # the running means move it
        self.learning = [p for p in self.vq.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(self.learning, lr=_RATE, betas=_BETAS, weight_decay=1e-4)
        self.schedule = one_cycle(self.optimiser, _RATE, steps)

    def run(self, batch: int) -> None:
        """Take all steps, each on ``batch`` photos."""
        start_linear(self.vq.eval(), self.tokenizer.network_input(self._sample()))
        self.vq.to(memory_format=torch.channels_last).train()  # faster on a CPU
        plain = round(_PLAIN * self.steps)
        with bar("image tokenizer", self.steps) as progress:
            for step, chosen in zip(range(self.steps), self._batches(batch), strict=False):
                if step == plain:
                    self._start_codebook()
                loss = self._step(
                    _mirrored(self.pixels[chosen], self.generator),
                    quantise=step >= plain,
                    revive=step % _REVIVE_EVERY == 0 and step < _SETTLED * self.steps,
                )
                progress.note = f"reconstruction loss {loss:.3f}"
                progress.advance()

    def _step(self, photos: NDArray[np.uint8], *, quantise: bool, revive: bool) -> float:
        """Take one step; return the reconstruction loss."""
        fold = self.tokenizer.fold
        x = self.tokenizer.network_input(photos)
        latents = self.vq.encode(x.contiguous(memory_format=torch.channels_last)).latents
        quantised, loss = latents, torch.zeros(())
        if quantise:
            numbers = nearest_codes(self.vq, latents.detach())
            vectors = self.vq.quantize.embedding(numbers).permute(0, 3, 1, 2)  # (b, d, g, g)
            loss = _COMMITMENT * functional.mse_loss(latents, vectors)
            quantised = latents + (vectors - latents).detach()  # straight-through gradient
        real = functional.pixel_shuffle(x, fold)  # (b, 3, s, s)
        painted = functional.pixel_shuffle(paint(self.vq, quantised), fold)
        reconstruction = reconstruction_loss(painted, real)
        loss = loss + reconstruction
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.learning, 1.0)
        self.optimiser.step()
        self.schedule.step()
        if quantise:
            flat = _flat(latents.detach())
            self.codebook.update(flat, numbers.flatten())
            if revive:
                self.codebook.revive(flat)
        return reconstruction.item()

    def _batches(self, batch: int) -> Iterator[list[int]]:
        """Photo numbers without end, each photo once a round."""
        order: list[int] = []
        while True:
            while len(order) < batch:
                order += self.generator.permutation(len(self.pixels)).tolist()
            yield order[:batch]
            order = order[batch:]

    def _sample(self) -> NDArray[np.uint8]:
        count = min(len(self.pixels), _START_PHOTOS)
        return self.pixels[self.generator.choice(len(self.pixels), count, replace=False)]

    @torch.no_grad()
    def _start_codebook(self) -> None:
        """Lay the codes over encoder outputs by k-means."""
        flat = _flat(self.tokenizer.latents(self._sample()))
        some = self.generator.permutation(len(flat))[:_KMEANS_POINTS]
        self.codebook.start(flat[torch.from_numpy(some)])


def reconstruction_loss(painted: Tensor, real: Tensor) -> Tensor:
    """Return how far photos (b, 3, s, s) are from others, at three scales and in their edges.

    Stands in for the perceptual loss of Esser et al., whose network would have to be downloaded:
    absolute and squared errors of opponent colours, since in RGB lightness drowns hue, and
    absolute errors of the differences between neighbouring pixels.
    """
    error = opponent_colours(painted - real)
    total = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    for scale, weight in ((1, 1.0), (2, 0.5), (4, 0.5)):
        pooled = functional.avg_pool2d(error, scale)
        total = total + weight * (pooled.abs().mean() + pooled.square().mean())
    return total


def opponent_colours(x: Tensor) -> Tensor:
    """Turn RGB (b, 3, h, w) into lightness, red against green, blue against yellow."""
    red, green, blue = x.unbind(1)
    lightness, yellow = (red + green + blue) / 3, (red + green) / 2
    return torch.stack([lightness, _HUE * (red - green), _HUE * (blue - yellow)], 1)


def _flat(latents: Tensor) -> Tensor:
    """(b, d, g, g) -> (b g g, d)"""
    return latents.permute(0, 2, 3, 1).flatten(0, 2)


def _mirrored(pixels: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Each photo (b, 3, s, s) mirrored or not, by chance."""
    chosen = generator.random(len(pixels)) < 0.5
    return np.where(chosen[:, None, None, None], pixels[..., ::-1], pixels)

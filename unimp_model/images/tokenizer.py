"""Photos as sequences of discrete codes, and back (section 2.3; Esser et al., 2021).

A frozen VQGAN stands between pixels and the language model: its encoder turns a photo into a
grid of codes, read row by row like words; its decoder paints a photo from such a sequence.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from benchmark.errors import BenchError, in_one_line
from benchmark.host.files import atomic_path, read_json, sha256_file, write_json
from benchmark.host.finite import check_finite
from benchmark.host.mapped import mapped_array
from benchmark.host.progress import bar
from benchmark.host.torch_setup import prepare_torch
from benchmark.training.stored import load_tensors, save_tensors
from benchmark.vision.photos import load_photo

_BATCH = 16
#: The names diffusers gives these files, so that either side reads what the other wrote.
_CONFIG = "config.json"
_WEIGHTS = "diffusion_pytorch_model.safetensors"


@dataclass(frozen=True, slots=True)
class ImageTokenizer:
    """Wraps a frozen ``diffusers.VQModel`` for photos of ``size`` x ``size``.

    A network of 3 f^2 input channels sees the photo folded: each f x f block of pixels is one
    position (space to depth), which makes a small network f^2 times cheaper.
    """

    vq: Any
    size: int

    @property
    def fold(self) -> int:
        """Return f, the side of the block of pixels that is one position of the input."""
        return math.isqrt(self.vq.config.in_channels // 3)

    @property
    def grid(self) -> int:
        """Return the number of codes on one side of a photo."""
        halvings = len(self.vq.config.block_out_channels) - 1
        return self.size // (self.fold << halvings)

    @property
    def length(self) -> int:
        """Return L, the number of codes of one photo."""
        return self.grid**2

    @property
    def codes(self) -> int:
        """Return K, the size of the codebook."""
        return int(self.vq.config.num_vq_embeddings)

    def sha256(self) -> str:
        """Return the hash over configuration, photo size and weights."""
        digest = hashlib.sha256(json.dumps([self.size, self._config()], sort_keys=True).encode())
        for name, tensor in sorted(self.vq.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @torch.no_grad()
    def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Turn photos (n, 3, size, size) into codes (n, L), row by row, whatever their company."""
        parts = [np.zeros((0, self.length), np.int64)]
        for some, count in _fixed_batches(pixels):
            codes = nearest_codes(self.vq, self.latents(some))  # (b, g, g)
            parts.append(codes.flatten(1)[:count].numpy())
        return np.concatenate(parts)

    @torch.no_grad()
    def decode(self, codes: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Paint codes (n, L) as photos (n, 3, size, size).

        Raises :class:`ValueError` for a sequence of another length or a code outside the book.
        """
        if codes.ndim != 2 or codes.shape[1] != self.length:
            raise ValueError(f"codes of shape {codes.shape}, not (n, {self.length})")
        if codes.size and not (codes.min() >= 0 and codes.max() < self.codes):
            raise ValueError(f"codes outside 0..{self.codes - 1}: {codes.min()}..{codes.max()}")
        parts = [np.zeros((0, 3, self.size, self.size), np.uint8)]
        for some, count in _fixed_batches(codes):
            numbers = torch.from_numpy(some.astype(np.int64))
            square = torch.unflatten(numbers, 1, (self.grid, self.grid))  # (b, g, g)
            quantised = self.vq.quantize.embedding(square).permute(0, 3, 1, 2)  # (b, d, g, g)
            parts.append(self.pixels(paint(self.vq, quantised))[:count])
        return np.concatenate(parts)

    def latents(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Return encoder outputs (b, d, g, g), not yet quantised, of photos (b, 3, size, size)."""
        latents: Tensor = self.vq.encode(self.network_input(pixels)).latents
        return latents

    def network_input(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Fold photos (b, 3, s, s) to float32 (b, 3 f^2, s/f, s/f) within the network's range."""
        x = torch.from_numpy(pixels).float() / 255.0
        return functional.pixel_unshuffle(x if self._unit_range else 2 * x - 1, self.fold)

    def pixels(self, output: Tensor) -> NDArray[np.uint8]:
        """Unfold network output (b, 3 f^2, s/f, s/f) to photos (b, 3, s, s)."""
        x = functional.pixel_shuffle(output, self.fold)
        x = x if self._unit_range else (x + 1) / 2
        return (x.clamp(0, 1) * 255).round().to(torch.uint8).numpy()

    def save(self, folder: Path) -> None:
        """Write configuration and weights as diffusers would, with the photo size."""
        own = {"_class_name": "VQModel", "sample_size": self.size}
        write_json(folder / _CONFIG, self._config() | own)
        save_tensors(self.vq.state_dict(), folder / _WEIGHTS)

    @classmethod
    def load(cls, folder: Path) -> ImageTokenizer:
        """Read what :meth:`save` wrote; :class:`BenchError` where it is missing or damaged."""
        fix = f"A saved image tokenizer is a folder with {_CONFIG} and {_WEIGHTS}."
        config = read_json(folder / _CONFIG, fix=fix)
        try:
            vq = new_vq_model(**{n: v for n, v in config.items() if not n.startswith("_")})
            vq.load_state_dict(load_tensors(folder / _WEIGHTS))
        except BenchError:
            raise
        except Exception as error:
            raise BenchError(
                f"Image tokenizer {str(folder)!r} cannot be loaded: {in_one_line(error)}.", fix=fix
            ) from error
        return frozen_tokenizer(vq, int(vq.config.sample_size))

    @property
    def _unit_range(self) -> bool:
        # diffusers' configuration has no field for the pixel range: the models that look codes
        # up in the book (aMUSEd's) were trained on 0..1, all others on -1..1.
        return bool(self.vq.config.lookup_from_codebook)

    def _config(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in sorted(dict(self.vq.config).items())
            if not name.startswith("_")  # versions and paths
        }


def frozen_tokenizer(vq: Any, size: int) -> ImageTokenizer:
    """Freeze a network whose training is over, and wrap it."""
    return ImageTokenizer(vq.eval().requires_grad_(False), size)


def new_vq_model(**config: Any) -> Any:
    """Build an untrained ``diffusers.VQModel``."""
    return _vq_class()(**config)


def nearest_codes(vq: Any, latents: Tensor) -> Tensor:
    """Return the number of the codebook vector nearest to each of (b, d, g, g): (b, g, g)."""
    numbers: Tensor
    _, _, (_, _, numbers) = vq.quantize(latents)
    return numbers.view(len(latents), *latents.shape[2:])


def paint(vq: Any, quantised: Tensor) -> Tensor:
    """Decode codebook vectors (b, d, g, g) to network output (b, 3 f^2, s/f, s/f)."""
    spatial = quantised if vq.config.norm_type == "spatial" else None
    output: Tensor = vq.decoder(vq.post_quant_conv(quantised), spatial)
    return output


def named_tokenizer(name: str) -> ImageTokenizer:
    """Load a pretrained VQGAN: a local folder, or ``OWNER/REPOSITORY[/FOLDER]`` on the hub.

    Photos are of the size its configuration states. Only safetensors are read.
    Raises :class:`BenchError` rather than start from random weights.
    """
    vq_class = _vq_class()
    repository, folder = name, ""
    if not (Path(name).is_dir() or name.startswith((".", "/", "~"))):
        parts = name.split("/", 2)
        repository, folder = "/".join(parts[:2]), "/".join(parts[2:])
    try:
        vq, loading = vq_class.from_pretrained(
            repository,
            subfolder=folder or None,
            use_safetensors=True,
            low_cpu_mem_usage=False,
            output_loading_info=True,
        )
    except Exception as error:
        raise BenchError(
            f"Image tokenizer {name!r} cannot be loaded: {in_one_line(error)}.",
            fix="Check the name and that its safetensors are reachable, or use own.",
        ) from error
    if loading["missing_keys"] or loading.get("mismatched_keys"):
        raise BenchError(
            f"Image tokenizer {name!r} lacks weights: {loading['missing_keys'][:3]} and others.",
            fix="Choose a complete VQModel in safetensors, or use own.",
        )
    check_finite(
        f"Image tokenizer {name!r}",
        vq.state_dict(),
        fix="Copy or download its weights again, or use own.",
    )
    return frozen_tokenizer(vq.float(), int(vq.config.sample_size))


def photo_codes(
    tokenizer: ImageTokenizer, photos: Sequence[Path], folder: Path
) -> tuple[Mapping[str, int], NDArray[np.int32]]:
    """Return each photo's row by file name (names distinct), and codes (n, L), memory-mapped.

    Computed now or found in ``folder``, by the tokenizer's hash and the photos' names and
    contents.
    """
    contents = hashlib.sha256()
    for path in photos:
        contents.update(f"{path.name} {sha256_file(path)}\n".encode())
    file = folder / tokenizer.sha256()[:16] / f"{contents.hexdigest()[:16]}.codes.npy"
    if not file.is_file():
        parts = [np.zeros((0, tokenizer.length), np.int32)]
        with bar("image codes", len(photos)) as progress:
            for start in range(0, len(photos), _BATCH):
                some = photos[start : start + _BATCH]
                pixels = np.stack([load_photo(path, tokenizer.size) for path in some])
                parts.append(tokenizer.encode(pixels).astype(np.int32))
                progress.advance(len(some))
        with atomic_path(file) as temporary, open(temporary, "wb") as stream:
            np.save(stream, np.concatenate(parts), allow_pickle=False)
    codes = mapped_array(file, rows=len(photos))
    return {path.name: row for row, path in enumerate(photos)}, codes


def _vq_class() -> Any:
    """``diffusers.VQModel``; :class:`BenchError` where the package cannot be imported."""
    prepare_torch()
    try:
        from diffusers import VQModel
    except ImportError as error:
        raise BenchError(
            f"Image generation needs the package diffusers: {in_one_line(error)}.",
            fix="Run pip install diffusers.",
        ) from error
    return VQModel


def _fixed_batches(rows: NDArray[Any]) -> list[tuple[NDArray[Any], int]]:
    """Batches of one shape, the last filled up with its last row, and their true counts."""
    out = []
    for start in range(0, len(rows), _BATCH):
        some = rows[start : start + _BATCH]
        filling = np.repeat(some[-1:], _BATCH - len(some), axis=0)
        out.append((np.concatenate([some, filling]), len(some)))
    return out

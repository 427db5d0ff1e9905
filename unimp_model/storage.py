"""A fitted UniMP as files: safetensors for what was trained, JSON for everything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from benchmark.data.item_values import Codebook
from benchmark.errors import BenchError
from benchmark.host.files import read_json, write_json
from benchmark.host.finite import check_finite
from benchmark.instances import Item
from benchmark.training.stored import (
    REFIT,
    load_tensors,
    load_with_record,
    reading,
    save_tensors,
)
from benchmark.vision.clip import SmallClip, build_small
from benchmark.vision.efficientnet import lite_encoder
from benchmark.vision.encoder_names import LITE0, OWN, parts_of
from benchmark.vision.photo_table import PhotoTable, Scale
from unimp_model.images.encoder import (
    ImageEncoder,
    PhotoEncoder,
    PhotoFeatures,
    as_encoder,
    named_encoder,
)
from unimp_model.images.joined import JoinedEncoder
from unimp_model.images.tokenizer import ImageTokenizer
from unimp_model.network.model import UniMPNetwork, trainable_parameters
from unimp_model.sequence.tokens import Vocabulary

#: Version of the files of a saved model; others are refused.
FORMAT = 9
_RECORD = "unimp.json"
_WEIGHTS = "model.safetensors"
_PHOTOS = "photos.safetensors"
#: Tensors of that file, in the order of PhotoTable's fields.
_PHOTO_TABLES = ("patches", "wholes")
_ENCODER = "image_encoder.safetensors"
_TOKENIZER = "tokenizer.json"
_IMAGE_TOKENIZER = "image_tokenizer"
_ITEMS = "items.json"
_MATCHING = "matching.json"
_CODES = "codes.safetensors"

_RECORDED = frozenset(
    (
        "config", "data", "text_size", "levels", "codes", "photos", "trained", "tasks", "chosen",
        "casing", "language_model_sha256", "image_encoder", "image_encoder_sha256",
        "image_tokenizer_sha256",
    )
)  # fmt: skip

#: Prefix of the weights that replace shared ones for a task.
_OWN = "own/"


def save_record(folder: Path, **fields: Any) -> None:
    """Write the JSON beside the weights."""
    write_json(folder / _RECORD, {"format": FORMAT, **fields})


def read_record(folder: Path) -> dict[str, Any]:
    """Read the JSON beside the weights; :class:`BenchError` for another format, or none."""
    if not folder.is_dir():
        raise BenchError(f"There is no folder {str(folder)!r}.", fix="Check the path.")
    record = read_json(folder / _RECORD, fix="Give the folder of a saved UniMP.")
    if not isinstance(record, dict) or "format" not in record:
        raise BenchError(f"{str(folder / _RECORD)!r} is no record of a UniMP.", fix=REFIT)
    if record["format"] != FORMAT:
        raise BenchError(
            f"{str(folder)!r} was saved in format {record['format']}, this is {FORMAT}.",
            fix="Fit the model again.",
        )
    if lost := sorted(_RECORDED - record.keys()):
        raise BenchError(f"{str(folder / _RECORD)!r} lacks {lost[0]!r}.", fix=REFIT)
    return record


def save_vocabulary(vocabulary: Vocabulary, folder: Path) -> None:
    """Write the tokenizer as the tokenizers library does."""
    (folder / _TOKENIZER).write_text(vocabulary.tokenizer.to_str(), encoding="utf-8")


def load_vocabulary(
    folder: Path, record: Mapping[str, Any], items: Mapping[str, Item]
) -> Vocabulary:
    """Read the vocabulary of a saved model over its items."""
    with reading(folder / _TOKENIZER):
        tokenizer = Tokenizer.from_str((folder / _TOKENIZER).read_text(encoding="utf-8"))
    return Vocabulary(
        tokenizer,
        record["text_size"],
        list(items),
        levels=record["levels"],
        codes=record["codes"],
    )


def save_weights(
    network: UniMPNetwork, own: Mapping[str, Mapping[str, Tensor]], folder: Path
) -> list[str]:
    """Write trainable parameters, the content of the item rows, and what ``own`` replaces for a
    task; return the parameters' names."""
    trained = trainable_parameters(network)
    parameters = dict(network.named_parameters())
    state: dict[str, Tensor] = {name: parameters[name] for name in trained}
    state |= dict(network.items.named_buffers(prefix="items"))
    if network.matching is not None:
        state |= network.matching.state_dict(prefix="matching.")
    state |= {f"{_OWN}{t}/{name}": v for t, part in own.items() for name, v in part.items()}
    save_tensors(state, folder / _WEIGHTS)
    return trained


def load_weights(folder: Path) -> tuple[dict[str, Tensor], dict[str, dict[str, Tensor]]]:
    """Read what :func:`save_weights` wrote: shared weights, and each task's own."""
    shared: dict[str, Tensor] = {}
    own: dict[str, dict[str, Tensor]] = {}
    for name, value in load_tensors(folder / _WEIGHTS).items():
        if name.startswith(_OWN):
            task, _, parameter = name.removeprefix(_OWN).partition("/")
            own.setdefault(task, {})[parameter] = value
        else:
            shared[name] = value
    return shared, own


def restore(
    network: UniMPNetwork,
    state: Mapping[str, Tensor],
    own: Mapping[str, Mapping[str, Tensor]],
    folder: Path,
) -> None:
    """Load saved weights into a network.

    Raises :class:`BenchError` when they, or those that ``own`` replaces for a task, do not fit it.
    """
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    lost = [f"{name} is missing" for name in trainable_parameters(network) if name not in state]
    parts = [state, *own.values()]
    unknown = [f"{name} is unknown" for part in parts for name in part if name not in shapes]
    odd = [
        f"{name} is {tuple(value.shape)}, not {tuple(shapes[name])}"
        for part in parts for name, value in part.items()
        if name in shapes and value.shape != shapes[name]
    ]  # fmt: skip
    if problems := sorted(lost + unknown + odd):
        raise BenchError(
            f"{str(folder / _WEIGHTS)!r} does not fit its configuration: {problems[0]}"
            f"{f' (and {len(problems) - 1} more)' if problems[1:] else ''}.",
            fix=REFIT,
        )
    network.load_state_dict(state, strict=False)


def save_matching(book: Codebook, folder: Path) -> None:
    """Write the numbers of items' values that the match head compares by."""
    write_json(folder / _MATCHING, asdict(book))


def load_matching(folder: Path) -> Codebook:
    """Read what :func:`save_matching` wrote."""
    record = read_json(folder / _MATCHING, fix=REFIT)
    with reading(folder / _MATCHING):
        return Codebook(
            keys=tuple(record["keys"]),
            numbers=tuple(record["numbers"]),
            widths=tuple(record["widths"]),
            edges=tuple(record["edges"]),
        )


def save_codes(codes: Mapping[str, NDArray[np.int32]], folder: Path) -> None:
    """Write the image codes (L,) of photos, by file name, that drawings point at."""
    table = torch.from_numpy(np.stack(list(codes.values())))
    save_tensors({"codes": table}, folder / _CODES, record={"photos": list(codes)})


def load_codes(folder: Path) -> dict[str, NDArray[np.int32]]:
    """Read what :func:`save_codes` wrote: image codes (L,) by the photo's file name."""
    tensors, record = load_with_record(folder / _CODES)
    with reading(folder / _CODES):
        names, table = record["photos"], tensors["codes"].numpy()
        return {name: table[row] for row, name in enumerate(names)}


def save_photos(photos: PhotoFeatures, folder: Path) -> None:
    """Write the features of all photos: predicting then needs no encoder for them."""
    save_tensors(
        {
            name: torch.from_numpy(np.array(table))
            for name, table in zip(_PHOTO_TABLES, photos.table, strict=True)
        },
        folder / _PHOTOS,
    )


def load_photos(folder: Path, record: Mapping[str, Any]) -> PhotoFeatures | None:
    """Read the features of a saved model, ``None`` where it saw no photos.

    Raises :class:`BenchError` for a damaged file, or one of other photos than ``record`` names.
    """
    if record["photos"] is None:
        return None
    arrays = load_tensors(folder / _PHOTOS)
    with reading(folder / _PHOTOS):
        table = PhotoTable(*(arrays[name].numpy() for name in _PHOTO_TABLES))
    if any(len(array) != len(record["photos"]) for array in table):
        raise BenchError(
            f"{str(folder / _PHOTOS)!r} does not hold the {len(record['photos'])} photos of "
            "its record.",
            fix=REFIT,
        )
    return PhotoFeatures({name: i for i, name in enumerate(record["photos"])}, table)


def save_items(items: Iterable[Item], folder: Path) -> None:
    """Write what the template says of each item, in catalogue order; photos by name."""
    write_json(
        folder / _ITEMS,
        [
            [
                i.item_id,
                i.title,
                i.category,
                i.brand,
                i.price,
                i.photo_name,
                dict(i.attributes),
            ]
            for i in items
        ],
    )


def load_items(folder: Path) -> dict[str, Item]:
    """Read what :func:`save_items` wrote, by item id; ``image`` is a file name alone."""
    with reading(folder / _ITEMS):
        return {
            item_id: Item(
                item_id, title=title, category=tuple(category), brand=brand, price=price,
                image=image, attributes=MappingProxyType(attributes),
            )
            for item_id, title, category, brand, price, image, attributes in read_json(
                folder / _ITEMS, fix=REFIT
            )
        }  # fmt: skip


def save_image_tokenizer(tokenizer: ImageTokenizer, folder: Path) -> None:
    """Write the VQGAN of image generation whole: it is small, and prediction needs it."""
    (folder / _IMAGE_TOKENIZER).mkdir()
    tokenizer.save(folder / _IMAGE_TOKENIZER)


def load_image_tokenizer(folder: Path, sha256: str | None) -> ImageTokenizer | None:
    """Read the VQGAN of a saved model; ``None`` where it has none.

    Raises :class:`BenchError` where its hash is not ``sha256``.
    """
    if sha256 is None:
        return None
    tokenizer = ImageTokenizer.load(folder / _IMAGE_TOKENIZER)
    if tokenizer.sha256() != sha256:
        raise BenchError(
            f"{str(folder / _IMAGE_TOKENIZER)!r} is not the VQGAN this model was trained with.",
            fix="Restore the file, or fit again.",
        )
    return tokenizer


def save_encoder(encoder: PhotoEncoder, folder: Path) -> None:
    """Write the weights of an encoder trained here, and the scales of one joined with others.

    A named one is known by its hash.
    """
    parts, scales = _encoder_parts(encoder)
    weights = {
        name: value
        for part in parts
        if part.name == OWN and isinstance(part, ImageEncoder)
        for name, value in part.visual.state_dict().items()
    }
    if weights:
        save_tensors(weights, folder / _ENCODER, record={"scales": scales})


def _encoder_parts(encoder: PhotoEncoder) -> tuple[tuple[PhotoEncoder, ...], tuple[Scale, ...]]:
    if isinstance(encoder, JoinedEncoder):
        return encoder.parts, encoder.scales
    return (encoder,), ()


def load_encoder(folder: Path, name: str, sha256: str | None) -> PhotoEncoder | None:
    """Read the encoder a saved model was trained with; ``None`` where it saw no photos.

    ``name`` is as the setting ``image_encoder`` has it. Raises :class:`BenchError` where the hash
    is not ``sha256``.
    """
    if sha256 is None:
        return None
    parts: list[PhotoEncoder] = []
    scales: tuple[Scale, ...] = ()
    for part in parts_of(name):
        if part == OWN:
            loaded, scales = _own_encoder(folder)
            parts.append(loaded)
        else:
            parts.append(lite_encoder() if part == LITE0 else named_encoder(part))
    encoder = JoinedEncoder(tuple(parts), scales) if parts[1:] else parts[0]
    if encoder.sha256() != sha256:
        raise BenchError(
            f"{str(folder)!r} was trained with other weights of its image encoder.",
            fix="Restore those weights, or fit again.",
        )
    return encoder


def _own_encoder(folder: Path) -> tuple[PhotoEncoder, tuple[Scale, ...]]:
    shape = SmallClip()
    visual = build_small(shape, vocabulary=1).visual
    weights, record = load_with_record(folder / _ENCODER)
    check_finite(repr(str(folder / _ENCODER)), weights, fix=REFIT)
    with reading(folder / _ENCODER):
        visual.load_state_dict(weights)
        scales = tuple(Scale(*scale) for scale in record["scales"])
    return as_encoder(visual, shape.image), scales

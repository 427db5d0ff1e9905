"""A fitted UniMP as files: safetensors for what was trained, JSON for everything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from benchmark.errors import BenchError
from benchmark.files import read_json, write_json
from benchmark.instances import Item
from benchmark.vision.clip import SmallClip, build_small
from unimp_model.encoder_training import as_encoder
from unimp_model.image_tokens import ImageTokenizer
from unimp_model.model import UniMPNetwork, trainable_parameters
from unimp_model.tokens import Vocabulary
from unimp_model.vision import ImageEncoder, PhotoFeatures, PhotoTable, named_encoder

_FORMAT = 2
_RECORD = "unimp.json"
_WEIGHTS = "model.safetensors"
_PHOTOS = "photos.safetensors"
_ENCODER = "image_encoder.safetensors"
_TOKENIZER = "tokenizer.json"
_DRAWER = "image_tokenizer"
_ITEMS = "items.json"

#: Prefix of the weights that replace shared ones for a task.
_OWN = "own/"

#: ``image_encoder`` setting of an encoder that was trained here and is saved with the model.
OWN = "own"


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors by name, sorted, each with storage of its own."""
    plain = {n: t.detach().cpu().contiguous().clone() for n, t in sorted(tensors.items())}
    save_file(plain, path)


def save_record(folder: Path, **fields: Any) -> None:
    """The JSON beside the weights."""
    write_json(folder / _RECORD, {"format": _FORMAT, **fields})


def read_record(folder: Path) -> dict[str, Any]:
    """The JSON beside the weights; :class:`BenchError` for another format."""
    record: dict[str, Any] = read_json(folder / _RECORD)
    if record.get("format") != _FORMAT:
        raise BenchError(
            f"{str(folder)!r} was saved in format {record.get('format')}, this is {_FORMAT}.",
            fix="Fit the model again.",
        )
    return record


def save_vocabulary(vocabulary: Vocabulary, folder: Path) -> None:
    """The tokenizer, as the tokenizers library writes it."""
    (folder / _TOKENIZER).write_text(vocabulary.tokenizer.to_str(), encoding="utf-8")


def load_vocabulary(
    folder: Path, record: Mapping[str, Any], items: Mapping[str, Item]
) -> Vocabulary:
    """The vocabulary of a saved model over its items."""
    tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
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
    """Trainable parameters, the content of the item rows, and what ``own`` replaces for a task;
    returns the parameters' names."""
    trained = trainable_parameters(network)
    parameters = dict(network.named_parameters())
    state = {name: parameters[name] for name in trained}
    state |= dict(network.items.named_buffers(prefix="items"))
    state |= {f"{_OWN}{t}/{name}": v for t, part in own.items() for name, v in part.items()}
    save_tensors(state, folder / _WEIGHTS)
    return trained


def load_weights(folder: Path) -> tuple[dict[str, Tensor], dict[str, dict[str, Tensor]]]:
    """What :func:`save_weights` wrote: shared weights, and each task's own."""
    shared: dict[str, Tensor] = {}
    own: dict[str, dict[str, Tensor]] = {}
    for name, value in load_file(folder / _WEIGHTS).items():
        if name.startswith(_OWN):
            task, _, parameter = name.removeprefix(_OWN).partition("/")
            own.setdefault(task, {})[parameter] = value
        else:
            shared[name] = value
    return shared, own


def restore(network: UniMPNetwork, state: Mapping[str, Tensor], folder: Path) -> None:
    """Put saved weights into a network; :class:`BenchError` when they do not fit it."""
    missing, unexpected = network.load_state_dict(state, strict=False)
    lost = sorted(set(missing) & set(trainable_parameters(network)))
    if lost or unexpected:
        raise BenchError(
            f"{str(folder / _WEIGHTS)!r} does not fit its configuration: {lost or unexpected}.",
            fix="Fit the model again.",
        )


def save_photos(photos: PhotoFeatures, folder: Path) -> None:
    """Features of all photos: predicting then needs no encoder for them."""
    tables = photos.table._asdict()
    save_tensors(
        {name: torch.from_numpy(np.array(table)) for name, table in tables.items()},
        folder / _PHOTOS,
    )


def load_photos(folder: Path, record: Mapping[str, Any]) -> PhotoFeatures | None:
    """Features of a saved model, ``None`` where it saw no photos."""
    if record["photos"] is None:
        return None
    arrays = load_file(folder / _PHOTOS)
    table = PhotoTable(**{name: array.numpy() for name, array in arrays.items()})
    return PhotoFeatures({name: i for i, name in enumerate(record["photos"])}, table)


def save_items(items: Iterable[Item], folder: Path) -> None:
    """What the template writes of each item, in catalogue order; photos by file name."""
    write_json(
        folder / _ITEMS,
        [
            [i.item_id, i.title, i.category, i.brand, i.price, i.image and Path(i.image).name]
            for i in items
        ],
    )


def load_items(folder: Path) -> dict[str, Item]:
    """What :func:`save_items` wrote, by item id; ``image`` is a file name alone."""
    return {
        item_id: Item(
            item_id, title=title, category=tuple(category), brand=brand, price=price, image=image
        )
        for item_id, title, category, brand, price, image in read_json(folder / _ITEMS)
    }


def save_drawer(drawer: ImageTokenizer, folder: Path) -> None:
    """The VQGAN of image generation, whole: it is small, and needed at prediction."""
    (folder / _DRAWER).mkdir()
    drawer.save(folder / _DRAWER)


def load_drawer(folder: Path, sha256: str | None) -> ImageTokenizer | None:
    """The VQGAN a saved model draws with, checked by its hash; ``None`` where it draws nothing."""
    if sha256 is None:
        return None
    drawer = ImageTokenizer.load(folder / _DRAWER)
    if drawer.sha256() != sha256:
        raise BenchError(
            f"{str(folder / _DRAWER)!r} is not the VQGAN this model was trained with.",
            fix="Restore the file, or fit again.",
        )
    return drawer


def save_encoder(encoder: ImageEncoder, setting: str, folder: Path) -> None:
    """Weights of an encoder trained here; a named one is known by its hash."""
    if setting == OWN:
        save_tensors(encoder.visual.state_dict(), folder / _ENCODER)


def load_encoder(folder: Path, setting: str, sha256: str | None) -> ImageEncoder | None:
    """The encoder a saved model was trained with, checked by its hash."""
    if sha256 is None:
        return None
    if setting == OWN:
        shape = SmallClip()
        visual = build_small(shape, vocabulary=1).visual
        visual.load_state_dict(load_file(folder / _ENCODER))
        encoder = as_encoder(visual, shape.image)
    else:
        encoder = named_encoder(setting)
    if encoder.sha256() != sha256:
        raise BenchError(
            f"{str(folder)!r} was trained with other weights of its image encoder.",
            fix="Restore those weights, or fit again.",
        )
    return encoder

"""UniMP as a system of the benchmark: fit, predict, save, load."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from benchmark.errors import BenchError
from benchmark.files import read_json, write_json
from benchmark.instances import Instance, Prediction, RecommendationInstance, SearchInstance
from benchmark.model import TrainingView
from benchmark.ranking import rankings
from benchmark.tasks import TASKS
from benchmark.torch_setup import prepare_torch
from unimp_model.config import UniMPConfig
from unimp_model.decoding import ItemScorer
from unimp_model.encoder_training import EncoderShape, as_encoder, build, item_texts, own_encoder
from unimp_model.examples import blank_instance, question_row
from unimp_model.item_rows import ItemRows
from unimp_model.language import LanguageModel, new_llama
from unimp_model.model import UniMPNetwork, parameter_counts, trainable_parameters
from unimp_model.pretrained import load_smollm2
from unimp_model.sequence import Template, price_words
from unimp_model.tokens import Vocabulary, common_ending, train_tokenizer
from unimp_model.training import Journal, train
from unimp_model.vision import (
    ImageEncoder,
    PhotoFeatures,
    PhotoTable,
    cached_features,
    named_encoder,
)

_FORMAT = 1
_ASKED_AT_ONCE = 2048


class UniMP:
    """The paper's model. One fit serves every task it knows and the dataset supports."""

    Config = UniMPConfig
    tasks = frozenset({"recommendation", "search"})

    def __init__(self, config: UniMPConfig | None = None) -> None:
        self.config = config or UniMPConfig()
        self.journal = Journal()
        self._vocabulary: Vocabulary | None = None
        self._template: Template | None = None
        self._network: UniMPNetwork | None = None
        self._encoder: ImageEncoder | None = None
        self._photos: PhotoFeatures | None = None
        self._scorer: ItemScorer | None = None
        self._language_sha256: str | None = None

    @property
    def network(self) -> UniMPNetwork:
        """The fitted network; :class:`BenchError` before ``fit`` or ``load``."""
        if self._network is None:
            raise BenchError("UniMP is not fitted.", fix="Call fit or load first.")
        return self._network

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Train the image encoder (where it is our own), then the model on all tasks at once."""
        prepare_torch()
        config = self.config
        tasks = [task for task in sorted(self.tasks) if task in data.tasks]
        if not tasks:
            raise BenchError(
                f"Dataset {data.name!r} supports none of UniMP's tasks.",
                fix="unimp-bench data stats shows what it supports.",
            )
        torch.manual_seed(seed)
        language, self._vocabulary = self._language_for(data, tasks)
        self._template = self._new_template(self._vocabulary)
        self._photos = self._see(data, self._vocabulary, seed)
        torch.manual_seed(seed)
        if config.preset == "tiny":
            language = self._new_tiny(self._vocabulary)
        assert language is not None
        bags = [
            [
                token
                for key, value in self._template.attributes(item)
                if key != "id"
                for token in value
            ]
            for item in data.catalogue
        ]
        names = [None if item.image is None else Path(item.image).name for item in data.catalogue]
        items = ItemRows(
            bags,
            _photo_vectors(names, self._photos),
            width=language.width,
            content=config.item_rows == "content",
            row_std=float(language.input_rows.detach().std()),
        )
        self._network = UniMPNetwork(config, language, items, _patches(self._photos))
        self._network.to(_device())
        counts = parameter_counts(self._network)
        print(
            f"UniMP {config.preset}: {counts['trainable']:,} of {counts['total']:,} weights train.",
            file=sys.stderr,
        )
        self.journal = train(
            self._network, data, self._template, self._photos, tasks, config, seed=seed
        )
        self._scorer = None

    def predict(self, instances: Sequence[Instance]) -> Iterable[Prediction]:
        """Rank the whole catalogue by one forward pass per instance."""
        for start in range(0, len(instances), _ASKED_AT_ONCE):
            yield from self._rank(instances[start : start + _ASKED_AT_ONCE])

    def save(self, folder: Path) -> None:
        """What was trained (safetensors) and names and hashes of what was frozen (JSON)."""
        network, vocabulary = self.network, self._vocabulary
        assert vocabulary is not None
        trained = set(trainable_parameters(network))
        if self.config.preset == "tiny":
            trained |= {name for name, _ in network.named_parameters()}
        state = {n: p.detach() for n, p in network.named_parameters() if n in trained}
        state |= dict(network.items.named_buffers(prefix="items"))
        _save_tensors(state, folder / "model.safetensors")
        if self._photos is not None:
            tables = self._photos.table._asdict()
            arrays = {name: torch.from_numpy(np.array(table)) for name, table in tables.items()}
            _save_tensors(arrays, folder / "photos.safetensors")
        if self._encoder is not None and self.config.image_encoder == "own":
            _save_tensors(self._encoder.visual.state_dict(), folder / "image_encoder.safetensors")
        (folder / "tokenizer.json").write_text(vocabulary.tokenizer.to_str(), encoding="utf-8")
        write_json(
            folder / "unimp.json",
            {
                "format": _FORMAT,
                "config": self.config.model_dump(mode="json"),
                "text_size": vocabulary.text_size,
                "items": vocabulary.item_ids,
                "photos": None if self._photos is None else list(self._photos.index),
                "language_model_sha256": self._language_sha256,
                "image_encoder_sha256": None if self._encoder is None else self._encoder.sha256(),
                "trainable": sorted(trained),
                "journal": {**asdict(self.journal), "epochs": _timeless(self.journal)},
            },
        )

    def load(self, folder: Path) -> None:
        """Restore a saved model; the configuration it was saved under takes precedence."""
        prepare_torch()
        record = read_json(folder / "unimp.json")
        if record["format"] != _FORMAT:
            raise BenchError(
                f"{str(folder)!r} was saved in format {record['format']}, this is {_FORMAT}.",
                fix="Fit the model again.",
            )
        self.config = UniMPConfig(**record["config"])
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._vocabulary = Vocabulary(tokenizer, record["text_size"], record["items"])
        self._template = self._new_template(self._vocabulary)
        if self.config.preset == "tiny":
            language = self._new_tiny(self._vocabulary)
        else:
            language, _, self._language_sha256 = load_smollm2()
            if self._language_sha256 != record["language_model_sha256"]:
                raise BenchError(
                    f"{str(folder)!r} was trained on another file of its language model.",
                    fix="Install the version it was trained with, or fit again.",
                )
        state = load_file(folder / "model.safetensors")
        self._photos = None
        if record["photos"] is not None:
            arrays = load_file(folder / "photos.safetensors")
            table = PhotoTable(**{name: array.numpy() for name, array in arrays.items()})
            self._photos = PhotoFeatures({n: i for i, n in enumerate(record["photos"])}, table)
        self._encoder = self._load_encoder(folder, record)
        items = ItemRows(
            [[] for _ in record["items"]],
            state.get("items.photos"),
            width=language.width,
            content=self.config.item_rows == "content",
        )
        items.bag_tokens = state["items.bag_tokens"]
        items.bag_starts = state["items.bag_starts"]
        self._network = UniMPNetwork(self.config, language, items, _patches(self._photos))
        missing, unexpected = self._network.load_state_dict(state, strict=False)
        lost = set(missing) & set(record["trainable"])
        if lost or unexpected:
            raise BenchError(
                f"{str(folder / 'model.safetensors')!r} does not fit its configuration: "
                f"{sorted(lost) or unexpected}.",
                fix="Fit the model again.",
            )
        self._network.to(_device()).eval()
        self._scorer = None

    def parameter_counts(self) -> dict[str, int]:
        """``{"trainable", "total"}`` of the network (the frozen image encoder not included)."""
        return parameter_counts(self.network)

    def _rank(self, instances: Sequence[Instance]) -> Iterator[Prediction]:
        if self._template is None or self._vocabulary is None:
            raise BenchError("UniMP is not fitted.", fix="Call fit or load first.")
        asked = [i for i in instances if isinstance(i, RecommendationInstance | SearchInstance)]
        if len(asked) != len(instances):
            raise BenchError("UniMP answers recommendation and search only.")
        scorer = self._scorer_for(asked)
        rows = [
            question_row(self._template, _task_of(i), i, window=self.config.history_items)
            for i in asked
        ]
        yield from rankings(asked, scorer.scores(rows), self._vocabulary.item_ids)

    def _scorer_for(
        self, instances: Sequence[RecommendationInstance | SearchInstance]
    ) -> ItemScorer:
        """The cached scorer, after features of photos it has not met were made."""
        if self._photos is not None:
            new = sorted(
                {
                    item.image
                    for instance in instances
                    for item in instance.history.items
                    if item.image is not None and Path(item.image).name not in self._photos.index
                }
            )
            if new:
                self._photos = self._with_photos(self._photos, [Path(image) for image in new])
                self._scorer = None
        if self._scorer is None:
            self._scorer = ItemScorer(
                self.network,
                {} if self._photos is None else self._photos.index,
                None if self._photos is None else self._photos.rows,
                slots=self.config.history_items,
            )
        return self._scorer

    def _with_photos(self, photos: PhotoFeatures, new: Sequence[Path]) -> PhotoFeatures:
        assert self._encoder is not None
        table = self._encoder.features(new, self.config.image_grid)
        return photos.extended([path.name for path in new], table)

    def _new_template(self, vocabulary: Vocabulary) -> Template:
        return Template(
            vocabulary,
            words=self.config.words_per_attribute,
            vision=self.config.vision != "none",
            attend_last_image=self.config.attend_last_image,
        )

    def _language_for(
        self, data: TrainingView, tasks: Sequence[str]
    ) -> tuple[LanguageModel | None, Vocabulary]:
        """Tokenizer and, unless it is made from scratch later, the language model."""
        if self.config.preset == "smollm2":
            language, tokenizer, self._language_sha256 = load_smollm2()
            return language, Vocabulary(tokenizer, len(language.input_rows), data.catalogue.ids)
        queries = sorted({query for query in data.catalogue.queries if query is not None})
        phrases = []
        texts = [text for some in item_texts(data) for text in some] + queries
        for task in tasks:
            blanks = [blank_instance(task, q) for q in (queries if task == "search" else [None])]
            wordings = [
                " ".join(part for part in TASKS.get(task).prompt(blank) if isinstance(part, str))
                for blank in blanks
            ]
            phrases.append(common_ending(wordings))
        for item in data.catalogue:
            texts.append("category title price id brand")
            texts += [] if item.price is None else [price_words(item.price)]
        tokenizer = train_tokenizer(texts, phrases=phrases, size=self.config.text_tokens)
        return None, Vocabulary(tokenizer, tokenizer.get_vocab_size(), data.catalogue.ids)

    def _new_tiny(self, vocabulary: Vocabulary) -> LanguageModel:
        config = self.config
        return new_llama(
            vocabulary=vocabulary.text_size,
            width=config.width,
            depth=config.depth,
            heads=config.heads,
            feed_forward=config.width * 2,
            longest=4096,
        )

    def _see(self, data: TrainingView, vocabulary: Vocabulary, seed: int) -> PhotoFeatures | None:
        """Features of all catalogue photos; ``None`` without vision or without any photo."""
        photos = [Path(item.image) for item in data.catalogue if item.image is not None]
        self._encoder = None
        if self.config.vision == "none" or not photos:
            return None
        if self.config.image_encoder == "own":
            self._encoder = own_encoder(
                data,
                vocabulary,
                steps=self.config.encoder_steps,
                batch=min(self.config.encoder_batch, len(photos)),
                seed=seed,
            )
        else:
            self._encoder = named_encoder(self.config.image_encoder)
        return cached_features(
            self._encoder, photos, grid=self.config.image_grid, folder=data.features_folder
        )

    def _load_encoder(self, folder: Path, record: dict[str, Any]) -> ImageEncoder | None:
        if record["image_encoder_sha256"] is None:
            return None
        if self.config.image_encoder == "own":
            shape = EncoderShape()
            visual = build(shape, vocabulary=1).visual
            visual.load_state_dict(load_file(folder / "image_encoder.safetensors"))
            encoder = as_encoder(visual, shape.image)
        else:
            encoder = named_encoder(self.config.image_encoder)
        if encoder.sha256() != record["image_encoder_sha256"]:
            raise BenchError(
                f"{str(folder)!r} was trained with other weights of its image encoder.",
                fix="Restore those weights, or fit again.",
            )
        return encoder


def _task_of(instance: RecommendationInstance | SearchInstance) -> str:
    return "search" if isinstance(instance, SearchInstance) else "recommendation"


def _patches(photos: PhotoFeatures | None) -> tuple[int, int] | None:
    return None if photos is None else photos.shape


def _photo_vectors(names: Sequence[str | None], photos: PhotoFeatures | None) -> Tensor | None:
    """One vector per item (n, e): what the encoder makes of its whole photo, standardised over
    the photos and scaled to a mean square length of one; zero without a photo.
    """
    if photos is None:
        return None
    wholes = torch.from_numpy(photos.table.wholes.astype(np.float32))  # (photos, e)
    wholes = (wholes - wholes.mean(0)) / wholes.std(0, correction=0).clamp_min(1e-6)
    wholes = wholes / wholes.shape[1] ** 0.5
    vectors = torch.zeros(len(names), wholes.shape[1])
    for i, name in enumerate(names):
        if name is not None:
            vectors[i] = wholes[photos.index[name]]
    return vectors


def _save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    save_file({n: t.detach().cpu().contiguous().clone() for n, t in sorted(tensors.items())}, path)


def _timeless(journal: Journal) -> list[dict[str, float]]:
    """Epoch records without speeds, so that the same seed saves the same bytes."""
    return [{k: v for k, v in e.items() if k != "tokens_per_second"} for e in journal.epochs]


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")

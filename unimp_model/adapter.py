"""Fit, predict, save and load UniMP: the system the benchmark runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from benchmark.errors import BenchError, in_one_line
from benchmark.host.console import note
from benchmark.host.threads import processor_threads
from benchmark.host.torch_setup import prepare_torch
from benchmark.instances import Instance
from benchmark.model import TrainingView
from benchmark.models.code import code_digest
from benchmark.predictions import Prediction
from benchmark.training.journal import Journal
from unimp_model import card, storage
from unimp_model.assembly import assemble, new_coder, new_network, new_template, new_tiny
from unimp_model.config import UniMPConfig
from unimp_model.images.of_catalogue import catalogue_codes
from unimp_model.network.item_rows import ItemRows
from unimp_model.network.matching import MatchHead
from unimp_model.network.model import parameter_counts
from unimp_model.network.pretrained import load_pretrained
from unimp_model.parts import Parts
from unimp_model.tasks import ALL_TASKS, TASKS, task_of
from unimp_model.tasks.answerer import Answerer, Chosen
from unimp_model.training.memory import check_training, typical_row_length
from unimp_model.training.optimisation import check_precision
from unimp_model.training.processes import OneProcess, connect
from unimp_model.training.trainer import Trained, Trainer

#: Instances answered between two yields of predictions: bounds the table of scores.
_ASKED_AT_ONCE = 2048


class UniMP:
    """Fits and runs UniMP, one vision-language model of user histories (Wei et al., ICLR 2024).

    One fit serves every task that the model knows and the dataset supports.
    """

    Config = UniMPConfig
    tasks = frozenset(ALL_TASKS)

    def __init__(self, config: UniMPConfig | None = None) -> None:
        self.config = config or UniMPConfig()
        self._parts: Parts | None = None
        self._trained = Trained(Journal())
        self._answerer: Answerer | None = None
        self._tasks: tuple[str, ...] = ()
        self._chosen = Chosen()
        self._data: dict[str, str] = {}

    @property
    def parts(self) -> Parts:
        """Return the fitted parts; :class:`BenchError` before ``fit`` or ``load``."""
        if self._parts is None:
            raise BenchError("UniMP is not fitted.", fix="Call fit or load first.")
        return self._parts

    @property
    def journal(self) -> Journal:
        """Return what happened in training."""
        return self._trained.journal

    @property
    def own_weights(self) -> Mapping[str, Mapping[str, Tensor]]:
        """Return, by task, the weights by parameter name that replace the shared ones for it."""
        return self._trained.own

    @property
    def chosen(self) -> Chosen:
        """Return what the tasks chose on validation."""
        return self._chosen

    @property
    def answerer(self) -> Answerer:
        """Return the fitted network as tasks use it, made on first use."""
        if self._answerer is None:
            self._answerer = Answerer(
                self.parts, self.own_weights, self.config, chosen=self._chosen
            )
        return self._answerer

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Train the image encoder (where it is our own), then the model on all tasks.

        Started in several processes, all must come here or, but for the main one, to
        :meth:`assist`. Raises :class:`BenchError` where the dataset supports none of the tasks,
        memory is short, or the device or the way of sharing does not go with the settings.
        """
        with self._training(data, seed=seed):
            self._choose(data)

    def assist(self, data: TrainingView, *, seed: int) -> None:
        """Take part in the main process' :meth:`fit`."""
        with self._training(data, seed=seed):
            pass

    @contextmanager
    def _training(self, data: TrainingView, *, seed: int) -> Iterator[None]:
        """Train; what is done inside then has the processor threads of the settings.

        No digit hangs on how many there are, so a process that was given one of a machine's cores
        takes no more.
        """
        prepare_torch()
        tasks = [
            name for name, task in TASKS.items()
            if name in data.tasks and task.possible(self.config)
        ]  # fmt: skip
        if not tasks:
            raise BenchError(
                f"Dataset {data.name!r} supports none of UniMP's tasks.",
                fix="unimp-bench data stats shows what it supports.",
            )
        processes = connect()
        check_precision(self.config.precision, processes.device)
        if processes.shards and self.config.optimiser == "muon":
            raise BenchError(
                "Muon steps whole matrices, and FSDP cuts them up.",
                fix="Use --set optimiser=adamw, or configs/ddp.yaml.",
            )
        with processor_threads(self.config.threads, at_most=True):
            self._train(data, tasks, processes, seed=seed)
            yield

    def _train(
        self, data: TrainingView, tasks: Sequence[str], processes: OneProcess, *, seed: int
    ) -> None:
        torch.manual_seed(seed)
        config = self.config
        # What the main process makes and caches, the others find. One thread: the image encoder
        # trains beside the tokenizer, which has a core of its own.
        with processes.main_first(), processor_threads(1):
            parts = assemble(data, tasks, config, seed=seed)
            codes = (
                None
                if parts.image_tokenizer is None
                else catalogue_codes(data, parts.image_tokenizer)
            )
        if "codes" in config.matching:
            parts.template.codes = codes
        network = parts.network.to("cpu" if processes.shards else processes.device)
        patches = None if parts.photos is None else parts.photos.shape
        longest = typical_row_length(parts.template, list(data.catalogue), tasks, config)
        check_training(network, config, longest_row=longest, patches=patches)
        if processes.is_main:
            counts = parameter_counts(network)
            note(
                f"UniMP {config.preset}: {counts['trainable']:,} of {counts['total']:,} "
                "weights are trained."
            )
        self._trained = Trainer(
            network, data, parts.template, parts.photos, tasks, config,
            seed=seed, code=code_digest(type(self)), codes=codes, processes=processes,
        ).train()  # fmt: skip
        network.to(processes.device)
        self._tasks = tuple(tasks)
        self._data = {"name": data.name, "sha256": data.sha256}
        self._parts = parts
        self._chosen = Chosen()
        self._answerer = None

    def _choose(self, data: TrainingView) -> None:
        """Let each task choose, under its own weights, what it does on validation."""
        answerer = self.answerer
        for task in self._tasks:
            answerer.turn_to(task)
            answerer.chosen = TASKS[task].choose(data, answerer)
        answerer.turn_to(None)
        self._chosen = answerer.chosen

    def predict(self, instances: Sequence[Instance]) -> Iterable[Prediction]:
        """Predict one task's instances: one forward pass each, or a generation."""
        for start in range(0, len(instances), _ASKED_AT_ONCE):
            some = instances[start : start + _ASKED_AT_ONCE]
            with processor_threads(self.config.threads, at_most=True):
                predictions = self._predict(some)
            yield from predictions

    def save(self, folder: Path) -> None:
        """Write what was trained (safetensors), and names and hashes of what was frozen (JSON)."""
        parts, config = self.parts, self.config
        if self._answerer is not None:
            self._answerer.turn_to(None)
        trained = storage.save_weights(parts.network, self._trained.own, folder)
        storage.save_vocabulary(parts.vocabulary, folder)
        storage.save_items(parts.items.values(), folder)
        if parts.photos is not None and parts.encoder is not None:
            storage.save_photos(parts.photos, folder)
            storage.save_encoder(parts.encoder, folder)
        if parts.template.coder is not None:
            storage.save_matching(parts.template.coder.book, folder)
        if parts.template.codes is not None:
            storage.save_codes(parts.template.codes, folder)
        if parts.image_tokenizer is not None:
            storage.save_image_tokenizer(parts.image_tokenizer, folder)
        storage.save_record(
            folder,
            config=config.model_dump(mode="json"),
            data=self._data,
            text_size=parts.vocabulary.text_size,
            levels=parts.vocabulary.levels,
            codes=parts.vocabulary.codes,
            photos=None if parts.photos is None else list(parts.photos.index),
            language_model_sha256=parts.language_sha256,
            image_encoder=None if parts.encoder is None else parts.encoder.name,
            image_encoder_sha256=None if parts.encoder is None else parts.encoder.sha256(),
            image_tokenizer_sha256=(
                None if parts.image_tokenizer is None else parts.image_tokenizer.sha256()
            ),
            trained=trained,
            tasks=self._tasks,
            chosen={k: v for k, v in asdict(self._chosen).items() if k != "casing"},
            casing=self._chosen.casing,
        )
        self.journal.save(folder)

    def load(self, folder: Path) -> None:
        """Restore a saved model; the configuration it was saved under takes precedence.

        Except for two settings that concern this machine, where they are set: which
        ``language_model`` folder holds the frozen weights, and ``trust_remote_code``, without
        which a saved model that needs it is refused. Raises :class:`BenchError` for that, for
        files that are missing or damaged, and for other weights of what was frozen.
        """
        prepare_torch()
        record = storage.read_record(folder)
        self.config = config = self._saved_config(record, folder)
        check_precision(config.precision, OneProcess().device)
        known = storage.load_items(folder)
        vocabulary = storage.load_vocabulary(folder, record, known)
        photos = storage.load_photos(folder, record)
        encoder = storage.load_encoder(
            folder, record["image_encoder"], record["image_encoder_sha256"]
        )
        language_sha256 = None
        if config.freezes_language_model:
            language, _, language_sha256 = load_pretrained(config)
        else:
            language = new_tiny(vocabulary, config)
        if language_sha256 != record["language_model_sha256"]:
            raise BenchError(
                f"{str(folder)!r} was trained on other weights of its language model.",
                fix="Install the version it was trained with, or fit again.",
            )
        state, own = storage.load_weights(folder)
        items = ItemRows.blank(state, width=language.width, content=config.item_rows == "content")
        network = new_network(config, language, items, photos, vocabulary)
        template = new_template(vocabulary, config)
        if config.matching:
            book = storage.load_matching(folder)
            template.coder = new_coder(book, vocabulary, photos, config)
            network.matching = MatchHead.blank(state, "matching.")
        storage.restore(network, state, own, folder)
        if "codes" in config.matching and record["codes"]:
            template.codes = storage.load_codes(folder)
        network.to(OneProcess().device).eval()
        template.remember(list(known.values()))
        image_tokenizer = storage.load_image_tokenizer(folder, record["image_tokenizer_sha256"])
        self._parts = Parts(
            vocabulary, template, network, photos, encoder, known, image_tokenizer, language_sha256
        )
        self._tasks = tuple(record["tasks"])
        self._data = record["data"]
        self._trained = Trained(Journal.load(folder), own)
        self._chosen = Chosen.of_record(record["chosen"], casing=record["casing"])
        self._answerer = None

    def _saved_config(self, record: Mapping[str, Any], folder: Path) -> UniMPConfig:
        """Return the configuration of ``record`` with what this machine decides."""
        settings = dict(record["config"])
        if self.config.language_model is not None:
            settings["language_model"] = self.config.language_model
        try:
            saved = UniMPConfig(**settings)
        except (ValidationError, TypeError) as error:
            raise BenchError(
                f"The configuration of {str(folder)!r} is not one of this version: "
                f"{_first_problem(error)}.",
                fix="Fit the model again.",
            ) from error
        if saved.trust_remote_code and not self.config.trust_remote_code:
            raise BenchError(
                f"{str(folder)!r} needs Python code that comes with its language model.",
                fix="Read that code, then allow it with trust_remote_code=true.",
            )
        return saved

    def save_pretrained(self, folder: str | Path) -> None:
        """Write what :meth:`save` does, and a model card, into a new or empty folder.

        Raises :class:`BenchError` for a folder that is not empty, and for a model not fitted.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BenchError(f"Folder {str(folder)!r} is not empty.", fix="Choose a new one.")
        self.save(folder)
        text = card.write(
            self.config,
            data=self._data,
            tasks=self._tasks,
            counts=self.parameter_counts(),
            journal=self.journal,
            language_sha256=self.parts.language_sha256,
        )
        (folder / card.NAME).write_text(text, encoding="utf-8")

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        *,
        language_model: str | None = None,
        trust_remote_code: bool = False,
    ) -> UniMP:
        """Load a fitted model from the folder that :meth:`save` or :meth:`save_pretrained` wrote.

        ``language_model`` says where the frozen language model lies on this machine, if not
        under the name it was trained with; its weights must be the same. Raises as :meth:`load`
        does.
        """
        settings: dict[str, Any] = {"trust_remote_code": trust_remote_code}
        if language_model is not None:
            settings["language_model"] = language_model
        model = cls(UniMPConfig(**settings))
        model.load(Path(folder))
        return model

    def fit_summary(self) -> dict[str, float | str]:
        """Return tanh(g) of every gate (Eq. 4), and which tasks have weights of their own.

        A gate at 0 is shut: the layer behind it reads no photo.
        """
        network = self.parts.network
        found: dict[str, float | str] = {}
        for name, parameter in network.named_parameters():
            if name.endswith("gate"):
                place = name.removesuffix(".gate")
                found[f"tanh(g) of {place}"] = math.tanh(float(parameter.detach()))
        found["tasks with a last layer of their own"] = (
            ", ".join(sorted(self.own_weights)) or "none"
        )
        return found

    def parameter_counts(self) -> dict[str, int]:
        """Count the network's weights, ``{"trainable", "total"}`` (without the image encoder)."""
        return parameter_counts(self.parts.network)

    def _predict(self, instances: Sequence[Instance]) -> list[Prediction]:
        answerer, task = self.answerer, task_of(instances[0])
        if task.name not in self._tasks:
            raise BenchError(
                f"This UniMP was fitted without {task.name!r}; it knows {', '.join(self._tasks)}.",
                fix="Fit it on a dataset that supports the task, with image_tokens other than none "
                "for images.",
            )
        answerer.encode_new_photos(item for instance in instances for item in task.shown(instance))
        answerer.turn_to(task.name)
        return task.predict(answerer, instances)


def _first_problem(error: ValidationError | TypeError) -> str:
    """Say the first thing that is wrong with settings, in one line."""
    if isinstance(error, TypeError):
        return in_one_line(error)
    first = error.errors()[0]
    where = str(first["loc"][0]) if first["loc"] else "settings"
    return f"{where}: {first['msg']}"

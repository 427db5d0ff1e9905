"""The figure ``generation``: what a model drew for two users with the same query.

The paper's Figure 3 shows that "even when provided with the identical query" the images follow
each user's history; beside each stands here the photo of the item the user really took.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from benchmark.data.catalogue import Catalogue
from benchmark.data.opening import open_dataset
from benchmark.errors import BenchError, UsageError
from benchmark.host.home import Home
from benchmark.instances import ImageGenerationInstance, Item
from benchmark.models.registered import entries
from benchmark.report.figures.generation.page import HISTORY, Pixels, Row, Side, draw_page
from benchmark.report.figures.generation.pairs import RULE, choose_pairs
from benchmark.report.figures.generation.stored_images import TASK, find_image_run, read_images
from benchmark.report.footnotes import failure_note
from benchmark.runs.manifest import excerpt
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import StoredRun
from benchmark.vision import png
from benchmark.vision.photos import load_photo

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Side, in pixels, at which the true items of a query are compared.
_LOOK = 64


@dataclass(frozen=True, slots=True)
class Shown:
    """Shows one user of a pair: the instance, the target item, and the model's prediction."""

    instance: ImageGenerationInstance
    target: Item
    generated: Pixels | None
    """(3, size, size), or ``None`` for a failed answer."""
    retrieved: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return instance, user, history, target and retrieved items by id, and the status."""
        return {
            "instance_id": self.instance.instance_id,
            "user_id": self.instance.user_id,
            "history": [item.item_id for item in self.instance.history.items[-HISTORY:]],
            "target": self.target.item_id,
            "retrieved": list(self.retrieved),
            "status": "failed" if self.generated is None else "ok",
        }

    def side(self) -> Side:
        """Return the user as the page shows it; every photo at the size of the generated image."""
        size = self.instance.size
        history = self.instance.history.items[-HISTORY:]
        return Side(
            user=self.instance.user_id,
            history=tuple(_photo(item, size) for item in history),
            generated=self.generated,
            truth=_photo(self.target, size),
        )


@dataclass(frozen=True, slots=True)
class GenerationFigure:
    """Shows pairs of users with the same query, from one stored run."""

    run: StoredRun
    pairs: tuple[tuple[Shown, Shown], ...]

    def summary(self) -> str:
        """Return model, dataset and seed of the run, and whether the data are simulated."""
        manifest = self.run.manifest
        simulated = " (simulated)" if manifest["simulated"] else ""
        return f"{self.run.label} on {manifest['data']}{simulated}, seed {manifest['seed']}"

    def to_json(self) -> dict[str, Any]:
        """Return the run's identity and, pair by pair, the query and its two users."""
        keys = ("model", "variant", "task", "data", "cohort", "seed", "limit", "settings")
        return {
            "figure": "generation",
            "run": str(self.run.folder),
            **excerpt(self.run.manifest, keys),
            "simulated": self.run.manifest["simulated"],
            "pairs": [
                {"query": pair[0].instance.query, "users": [shown.to_json() for shown in pair]}
                for pair in self.pairs
            ],
        }

    def draw(self, page: Figure) -> None:
        """Draw one row per query: each user's history, generated image and target photo."""
        rows = [Row(a.instance.query, (a.side(), b.side())) for a, b in self.pairs]
        draw_page(
            page,
            rows,
            title=f"Generated images: {self.summary()}",
            subtitle=self._subtitle(),
            notes=self._notes(),
        )

    def _subtitle(self) -> str:
        manifest = self.run.manifest
        parts = [f"cohort {manifest['cohort']}"]
        if manifest["limit"] is not None:
            parts.append(f"a trial over the first {manifest['limit']} instances")
        if manifest["settings"]:
            settings = (f"{key}={value}" for key, value in manifest["settings"].items())
            parts.append(f"set by hand: {', '.join(settings)}")
        return "; ".join(parts)

    def _notes(self) -> list[str]:
        notes = [RULE]
        if self.run.failure_rate:
            notes.append(failure_note(self.run.label, self.run.failure_rate))
        if self.run.manifest["simulated"]:
            data = self.run.manifest["data"]
            notes.append(f"{data} is simulated: its users are made up and its photos are drawn.")
        return notes


def build_generation(
    home: Home, *, data: str | None, model: str | None, seed: int | None = None
) -> GenerationFigure:
    """Build the figure over the newest stored run of ``model`` on ``data``.

    ``None`` takes the first registered generalist that draws images, and the default dataset.
    Runs of the cohort ``seen`` count, unperturbed, of ``seed`` or any, over the dataset as it is
    now, trials (``--limit``, ``--set``) too, and the page says so. A file's class is known by its
    name.
    """
    spec = RunSpec(_generalist() if model is None else model, TASK)
    if data is not None:
        spec = replace(spec, data=data)
    run = find_image_run(home, spec, seed=seed)
    dataset = open_dataset(spec.data, home)
    limit = run.manifest["limit"]
    frozen = dataset.instances(TASK, cohort=spec.cohort, limit=limit)
    targets = [items[0] for items in cast(list[tuple[str, ...]], frozen.targets)]
    instances = cast(Sequence[ImageGenerationInstance], frozen)
    catalogue = dataset.catalogue()
    chosen = choose_pairs(
        [instance.query for instance in instances], frozen.users, targets, _look(catalogue)
    )
    if not chosen:
        raise BenchError(
            f"No query of the {len(frozen)} instances was asked by two users who took "
            "different items.",
            fix="Choose a larger dataset." if limit is None else "Run again without --limit.",
        )
    answers = read_images(run, frozen, [row for pair in chosen for row in pair])

    def shown(row: int) -> Shown:
        target = catalogue.by_id(targets[row])
        image, retrieved = answers[instances[row].instance_id]
        return Shown(instances[row], target, _decoded(image, instances[row].size), retrieved)

    return GenerationFigure(run, tuple((shown(a), shown(b)) for a, b in chosen))


def _generalist() -> str:
    """Return the first registered model for all tasks that answers this one."""
    for entry in entries().values():
        if entry.role == "generalist" and TASK in entry.tasks:
            return entry.name
    raise UsageError(
        f"No installed model for all tasks answers {TASK}.", fix="Name a model with --model."
    )


def _decoded(image: bytes | None, size: int) -> Pixels | None:
    """The pixels of an answer; a stored file is not trusted more than a model's answer."""
    if image is None:
        return None
    try:
        return png.decode(image, size)
    except ValueError:
        return None


def _photo(item: Item, size: int) -> Pixels | None:
    return None if item.image is None else load_photo(Path(item.image), size)


def _look(catalogue: Catalogue) -> Callable[[str], Pixels]:
    def look(item_id: str) -> Pixels:
        item = catalogue.by_id(item_id)
        photo = _photo(item, _LOOK)
        if photo is None:
            raise BenchError(
                f"Target {item_id!r} has no photo.",
                fix="Rebuild the dataset's task instances (unimp-bench data prepare).",
            )
        return photo

    return look

"""Say where the stages of fits stopped: in this home, and in the fits behind the project's pages.

A training with early stopping takes fewer steps than its settings allow. How many is known once
the model was fitted; of the models of this project ``stops.json`` beside this module holds it,
written from the homes of the fits by ``speed/stops.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmark.host.files import sha256_json
from benchmark.runs.account import read_account

OURS = Path(__file__).with_name("stops.json")


@dataclass(frozen=True, slots=True)
class Stop:
    """Tells what share of its steps, above 0, a stage of a fit took."""

    model: str
    """Its name and variant."""
    data: str
    config: str
    """The SHA-256 of the settings."""
    stage: str
    """Without the name of the data."""
    share: float
    ours: bool = False


def stops_of(fit: Path) -> Iterator[Stop]:
    """Yield the stages of the stored fit in the folder ``fit``, by its account."""
    account = read_account(fit)
    data, config = str(account.get("data")), sha256_json(account.get("config"))
    for told in account.get("stages", ()):
        if told["done"] and told["total"]:
            stage, share = without_data(told["label"], data), told["done"] / told["total"]
            yield Stop(str(account.get("model")), data, config, stage, share)


def known_stops() -> list[Stop]:
    """Return the stages of the project's own fits."""
    told = json.loads(OURS.read_text(encoding="utf-8"))
    return [Stop(**stop, ours=True) for stop in told]


def to_json(stops: Iterable[Stop]) -> str:
    """Return what :func:`known_stops` reads, in an order that follows from the content."""
    names = ("model", "data", "stage", "share", "config")
    rows = [asdict(replace(stop, share=round(stop.share, 4))) for stop in stops]
    lines = sorted({json.dumps({name: row[name] for name in names}) for row in rows})
    return "[\n" + ",\n".join(lines) + "\n]\n"


def without_data(stage: str, data: object) -> str:
    """Return the name of a stage without that of the data it ran on."""
    return stage.removesuffix(f" on {data}")

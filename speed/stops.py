"""Write where trainings stopped, from the fits of some homes: what ``run --estimate`` knows.

    python speed/stops.py HOME [HOME ...]
    python speed/stops.py --add HOME

Only trainings, and other stages that were stopped, of models of this project, on data that anyone
can prepare by the same name. ``--add`` keeps what is known already.

    python speed/stops.py --compare

How far a stop is from what other fits would have told of it: of its data, or of its settings.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, geometric_mean

from benchmark.host.files import atomic_path
from benchmark.runs.estimating.stops import OURS, Stop, known_stops, stops_of, to_json

#: A stage that took nearly all of its steps (rounding of batches) was not stopped.
_WHOLE = 0.98
_DATA = ("sim-xs", "sim-s", "hm", "ml-100k")
_AIM = 1.5
Alike = Callable[[Stop, Stop], bool]
_WAYS: dict[str, Alike] = {
    "settings and data (seeds)": lambda a, b: _sorts(a, b) == (True, True, True),
    "data, other settings": lambda a, b: _sorts(a, b) == (True, False, True),
    "data, other variants": lambda a, b: a.model != b.model and a.data == b.data,
    "settings, other data": lambda a, b: _sorts(a, b) == (True, True, False),
}


def _sorts(a: Stop, b: Stop) -> tuple[bool, bool, bool]:
    return a.model == b.model, a.config == b.config, a.data == b.data


def _told(stop: Stop, stops: Sequence[Stop], alike: Alike) -> float | None:
    """The share that other fits of the model tell of ``stop``."""
    name = stop.model.partition(":")[0]
    shares = [
        other.share
        for other in stops
        if other is not stop
        and (other.model.partition(":")[0], other.stage) == (name, stop.stage)
        and alike(stop, other)
    ]
    return geometric_mean(shares) if shares else None


def _row(name: str, stops: Sequence[Stop], told: Sequence[float | None]) -> str:
    off = [
        abs(math.log(share / stop.share))
        for stop, share in zip(stops, told, strict=True)
        if share is not None
    ]
    within = sum(each <= math.log(_AIM) for each in off)
    mean, most = math.exp(fmean(off)), math.exp(max(off))
    return f"{name:<27}{len(off):>6}{within / len(off):>9.0%}{mean:>7.2f}{most:>7.2f}"


def compare(stops: Sequence[Stop]) -> None:
    """Print how well each way tells the stops, and the same where data and settings both tell."""
    told = {name: [_told(stop, stops, alike) for stop in stops] for name, alike in _WAYS.items()}
    print(f"{'told by fits of the same':<27}{'stops':>6}{f'in {_AIM}':>9}{'mean':>7}{'worst':>7}")
    for name, shares in told.items():
        print(_row(name, stops, shares))
    settings = told["settings, other data"]
    for name in ("data, other settings", "data, other variants"):
        both = [n for n, s in enumerate(settings) if s is not None and told[name][n] is not None]
        print("where both tell")
        for one in (name, "settings, other data"):
            print(_row(f"  {one}", [stops[n] for n in both], [told[one][n] for n in both]))


def main() -> None:
    """Write the file and say how many it holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("home", type=Path, nargs="*", help="a folder of fits and runs")
    parser.add_argument("--add", action="store_true", help="keep what the file holds")
    parser.add_argument("--compare", action="store_true", help="say what tells of a stop")
    asked = parser.parse_args()
    if asked.compare == bool(asked.home):
        parser.error("give homes, or --compare")
    if asked.compare:
        compare(known_stops())
        return
    fits = [fit for home in asked.home for fit in sorted((home / "fitted").iterdir())]
    stops = [stop for fit in fits for stop in stops_of(fit) if stop.data in _DATA]
    stopped = {(stop.model, stop.stage) for stop in stops if stop.share < _WHOLE}
    kept = [s for s in stops if (s.model, s.stage) in stopped or "training" in s.stage]
    if asked.add:
        kept += known_stops()
    with atomic_path(OURS) as path:
        path.write_text(to_json(kept), encoding="utf-8")
    print(f"{len(kept)} stages of {len({stop.model for stop in kept})} models")


if __name__ == "__main__":
    main()

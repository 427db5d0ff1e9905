"""Write where trainings stopped, from the fits of some homes: what ``run --estimate`` knows.

    python speed/stops.py HOME [HOME ...]
    python speed/stops.py --add HOME

Only trainings, and other stages that were stopped, of models of this project, on data that anyone
can prepare by the same name. ``--add`` keeps what is known already.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmark.host.files import atomic_path
from benchmark.runs.estimating.stops import OURS, known_stops, stops_of, to_json

#: A stage that took nearly all of its steps (rounding of batches) was not stopped.
_WHOLE = 0.98
_DATA = ("sim-xs", "sim-s", "hm", "ml-100k")


def main() -> None:
    """Write the file and say how many it holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("home", type=Path, nargs="+", help="a folder of fits and runs")
    parser.add_argument("--add", action="store_true", help="keep what the file holds")
    asked = parser.parse_args()
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

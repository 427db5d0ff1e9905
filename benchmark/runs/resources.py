"""What a model's runs ask of the worker that executes them: ``--resources MODEL:NAME=AMOUNT``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmark.errors import UsageError, unknown_name
from benchmark.runs.spec import RunSpec

#: The resource of workers that have a GPU.
GPU = "GPU"

#: Amounts by the name of a resource, as Dask's workers declare them.
Resources = Mapping[str, float]


def parse_resources(pairs: Sequence[str]) -> dict[str, dict[str, float]]:
    """Read ``["unimp:GPU=1"]`` as ``{"unimp": {"GPU": 1.0}}``; raises :class:`UsageError`."""
    wanted: dict[str, dict[str, float]] = {}
    for pair in pairs:
        model, _, asked = pair.rpartition(":")
        name, _, amount = asked.partition("=")
        try:
            number = float(amount)
        except ValueError:
            number = 0.0
        if not (model and name and 0 < number < float("inf")):
            raise UsageError(
                f"--resources {pair!r} is not MODEL:NAME=AMOUNT.",
                fix="For instance --resources unimp:GPU=1",
            )
        wanted.setdefault(model, {})[name] = number
    return wanted


def resources_of(specs: Sequence[RunSpec], wanted: Mapping[str, Resources]) -> list[Resources]:
    """Return what ``wanted`` says of the model of each of ``specs``: of its variant, else its name.

    Raises :class:`UsageError` where ``wanted`` names a model that none of them is of.
    """
    models = [spec.model for spec in specs]
    names = {model.partition(":")[0] for model in models} | set(models)
    for model in wanted:
        if model not in names:
            raise unknown_name("model of --resources", model, names)
    return [wanted.get(model, wanted.get(model.partition(":")[0], {})) for model in models]

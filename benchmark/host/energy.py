"""Measure the energy of a piece of work, where the package codecarbon is installed.

It runs in its offline mode: nothing is sent or asked for. Only this process and its children are
counted. Where the processor tells its power (RAPL) that is read, elsewhere codecarbon estimates
it from the processor's load. Without the package nothing is imported and nothing is measured.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from benchmark.errors import UsageError, in_one_line, unknown_name
from benchmark.host.console import note

#: Names the country whose electricity was used; without it no emissions are worked out.
VARIABLE = "UNIMP_BENCH_COUNTRY"
#: Seconds between two looks at the power.
_INTERVAL = 5


@dataclass(slots=True)
class Energy:
    """Records what a piece of work used, in kWh and kg of CO2, known once it is over.

    ``None`` where nothing measured it.
    """

    kwh: float | None = None
    co2_kg: float | None = None
    """Emissions by the electricity of the country; ``None`` where none is named."""


class Meter(Protocol):
    """Measures one piece of work at a time."""

    name: str
    """Who measures, and its version."""

    def start(self) -> None:
        """Begin a piece of work."""

    def stop(self) -> tuple[float, float]:
        """Return the kilowatt-hours since :meth:`start`, and the emissions in kg of CO2."""


@contextmanager
def metered() -> Iterator[Energy]:
    """Measure what is done meanwhile: ``with metered() as energy: ...; energy.kwh``.

    A meter that fails costs the figure, never the work.
    """
    energy = Energy()
    meter = find_meter()
    if meter is None or not _tried(meter.start):
        yield energy
        return
    named = country() is not None
    try:
        yield energy
    finally:
        found = _tried(meter.stop)
        if found:
            energy.kwh = found[0]
            energy.co2_kg = found[1] if named else None


def _tried(call: Any) -> Any:
    """What ``call`` returns, true where that is nothing; false where it fails."""
    try:
        return call() or True
    except Exception as error:
        note(f"The energy is not measured: {in_one_line(error)}.")
        return False


def country() -> str | None:
    """Return the ISO 3166 code in ``$UNIMP_BENCH_COUNTRY``, such as ``DEU``; ``None`` without.

    Raises :class:`~benchmark.errors.UsageError` for what is no such code.
    """
    code = os.environ.get(VARIABLE)
    return _checked(code) if code else None


def set_country(code: str | None) -> None:
    """Let ``code`` be the country from now on; ``None`` leaves it.

    Raises :class:`~benchmark.errors.UsageError` for a code that is none, or that the installed
    codecarbon does not know.
    """
    if code is not None:
        os.environ[VARIABLE] = _checked(code)
    chosen = country()
    if chosen is not None and (known := _known_countries()) and chosen not in known:
        raise unknown_name("country", chosen, known)


def _checked(code: str) -> str:
    if not re.fullmatch("[A-Z]{3}", code):
        raise UsageError(
            f"{code!r} is no country's code.", fix="Give its three letters of ISO 3166, as in DEU."
        )
    return code


def find_meter() -> Meter | None:
    """Return the meter of this process; ``None`` where codecarbon is not installed."""
    return _meter_in(os.environ.get(VARIABLE))


@functools.cache
def _meter_in(_: str | None) -> Meter | None:
    """The meter while the country is what it is: one that began in another knows no other."""
    if importlib.util.find_spec("codecarbon") is None:
        return None
    try:
        return _CodeCarbon()
    except Exception as error:
        note(f"The energy is not measured: codecarbon fails with {in_one_line(error)}.")
        return None


def _known_countries() -> frozenset[str]:
    if importlib.util.find_spec("codecarbon") is None:
        return frozenset()
    try:
        from codecarbon.input import DataSource

        return frozenset(DataSource().get_global_energy_mix_data())
    except Exception:  # a package that is broken: its meter says so, and the work goes on
        return frozenset()


class _CodeCarbon:
    """An ``OfflineEmissionsTracker``, which looks for the machine's power counters once."""

    def __init__(self) -> None:
        import logging

        import codecarbon

        logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
        self.name = f"codecarbon {codecarbon.__version__}"
        self._numbers = itertools.count()
        # The country decides emissions alone, and the tracker wants one: without ours they are
        # thrown away.
        self._tracker = codecarbon.OfflineEmissionsTracker(
            country_iso_code=country() or "USA",
            save_to_file=False,
            save_to_api=False,
            save_to_logger=False,
            log_level="critical",
            tracking_mode="process",
            measure_power_secs=_INTERVAL,
            allow_multiple_runs=True,
        )

    def start(self) -> None:
        """Begin a piece of work."""
        self._tracker.start_task(f"work {next(self._numbers)}")

    def stop(self) -> tuple[float, float]:
        """Return kilowatt-hours and kg of CO2 since then."""
        used = self._tracker.stop_task()
        return float(used.energy_consumed), float(used.emissions)

"""Energy is measured where something can measure it, and never at the cost of the work."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType, SimpleNamespace

import pytest

from benchmark.errors import UsageError
from benchmark.host import energy


class Stand:
    """A meter that uses one watt-hour each time; ``broken`` names the call that fails."""

    name = "stand-in 1.0"

    def __init__(self, broken: str = "") -> None:
        self.broken = broken

    def start(self) -> None:
        if self.broken == "start":
            raise OSError("no counter")

    def stop(self) -> tuple[float, float]:
        if self.broken == "stop":
            raise OSError("no counter")
        return 0.001, 0.0004


@pytest.fixture(autouse=True)
def _no_country(monkeypatch):
    monkeypatch.setenv(energy.VARIABLE, "")
    kept = energy._meter_in
    kept.cache_clear()
    yield
    kept.cache_clear()


@pytest.fixture
def package(monkeypatch):
    """A stand-in for codecarbon: 1 kWh is 1 kg in the USA and 2 kg elsewhere."""

    class Tracker:
        def __init__(self, *, country_iso_code: str, **_: object) -> None:
            self.factor = 1.0 if country_iso_code == "USA" else 2.0

        def start_task(self, name: str) -> None:
            pass

        def stop_task(self) -> SimpleNamespace:
            return SimpleNamespace(energy_consumed=1.0, emissions=self.factor)

    module = ModuleType("codecarbon")
    module.__version__ = "0.0"
    module.OfflineEmissionsTracker = Tracker
    monkeypatch.setitem(sys.modules, "codecarbon", module)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: name == "codecarbon" or find(name, *a)
    )
    return module


def test_without_the_package_nothing_is_imported_or_measured(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with energy.metered() as used:
        pass
    assert used == energy.Energy(None, None)
    assert "codecarbon" not in sys.modules


@pytest.mark.parametrize(("country", "co2"), [("", None), ("DEU", 0.0004)])
def test_emissions_are_of_a_country_that_was_named(monkeypatch, country, co2):
    monkeypatch.setenv(energy.VARIABLE, country)
    monkeypatch.setattr(energy, "find_meter", Stand)
    with energy.metered() as used:
        assert used.kwh is None
    assert used == energy.Energy(0.001, co2)


def test_emissions_follow_a_country_that_is_named_later(package, monkeypatch):
    with energy.metered() as used:
        pass
    assert used == energy.Energy(1.0, None)
    for country, co2 in (("DEU", 2.0), ("USA", 1.0)):
        monkeypatch.setenv(energy.VARIABLE, country)
        with energy.metered() as used:
            pass
        assert used == energy.Energy(1.0, co2)


def test_a_package_whose_countries_cannot_be_read_costs_no_work(package):
    assert not hasattr(package, "input")  # as of an installation that is broken
    energy.set_country("DEU")


@pytest.mark.parametrize("broken", ["start", "stop"])
def test_a_meter_that_fails_costs_the_figure_alone(monkeypatch, capfd, broken):
    monkeypatch.setattr(energy, "find_meter", lambda: Stand(broken))
    with energy.metered() as used:
        done = True
    assert done
    assert used.kwh is None
    assert "The energy is not measured: OSError: no counter." in capfd.readouterr().err


def test_work_that_fails_fails_as_it_would(monkeypatch):
    monkeypatch.setattr(energy, "find_meter", Stand)
    with pytest.raises(ZeroDivisionError), energy.metered() as used:
        raise ZeroDivisionError
    assert used.kwh == 0.001


@pytest.mark.parametrize("code", ["de", "DE", "germany", "D3U"])
def test_what_is_no_countrys_code_is_refused(code):
    with pytest.raises(UsageError, match="is no country's code"):
        energy.set_country(code)


@pytest.mark.slow
def test_codecarbon_measures_offline():
    pytest.importorskip("codecarbon", reason="codecarbon is not installed: the extra [energy]")
    energy.set_country("DEU")
    with energy.metered() as used:
        sum(range(10**7))
    assert used.kwh
    assert used.co2_kg
    with pytest.raises(UsageError, match="Unknown country 'DEE'"):
        energy.set_country("DEE")

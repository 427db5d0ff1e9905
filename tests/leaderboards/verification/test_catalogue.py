"""What listed models answer is computed once a home, whoever asks."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from benchmark.data.opening import open_dataset
from benchmark.errors import BenchError
from benchmark.host.files import cannot_write
from benchmark.runs.predictions import predict
from leaderboards.verification import suspicion
from leaderboards.verification.local_data import Asked
from leaderboards.verification.suspicion import SUFFIX, Catalogue


@pytest.fixture
def asked(run_home) -> Asked:
    dataset = open_dataset("sim-xs", run_home)
    return Asked(dataset, dataset.instances("preference"))


@pytest.fixture
def answered(monkeypatch) -> list[str]:
    """The labels of the models that were asked, in order."""
    labels: list[str] = []

    def counted(*arguments, label, **options):
        labels.append(label)
        return predict(*arguments, label=label, **options)

    monkeypatch.setattr(suspicion, "predict", counted)
    return labels


def test_another_catalogue_of_the_home_asks_nobody_again(run_home, asked, answered) -> None:
    first = Catalogue(run_home)
    assert first.label_of("no hash", "preference", asked) is None
    ceiling = first.ceiling("preference", asked)
    assert {"mean-rating", "oracle"} <= set(answered)
    answered.clear()
    again = Catalogue(run_home)
    assert again.label_of("no hash", "preference", asked) is None
    assert again.ceiling("preference", asked) == ceiling
    assert answered == []


def test_what_is_kept_of_perturbed_items_is_not_that_of_the_others(run_home) -> None:
    """The hash of instances is that of the unperturbed ones; what models answer is another."""
    dataset = open_dataset("sim-xs", run_home)
    both = [
        Asked(dataset, dataset.instances("explanation", perturb=name), name)
        for name in (None, "nt")
    ]
    assert len({asked.instances.sha256 for asked in both}) == 1
    first = Catalogue(run_home)
    found = [first.fingerprint_of("template", "explanation", asked, 0) for asked in both]
    assert len(set(found)) == 2
    again = Catalogue(run_home)
    assert again.fingerprint_of("template", "explanation", both[1], 0) == found[1]


def test_what_is_kept_hangs_on_the_code_and_is_no_longer_read_when_broken(
    run_home, asked, monkeypatch
) -> None:
    Catalogue(run_home).ceiling("preference", asked)
    (file,) = run_home.verified.glob(f"*{SUFFIX}")
    content = file.read_bytes()
    file.write_bytes(b"[")
    assert Catalogue(run_home).ceiling("preference", asked)
    assert file.read_bytes() == content
    monkeypatch.setattr(suspicion, "surroundings", lambda: {"code": "other"})
    Catalogue(run_home).ceiling("preference", asked)
    assert len(list(run_home.verified.glob(f"*{SUFFIX}"))) == 2


def test_what_a_full_disk_hides_is_not_kept_as_unknown(run_home, asked, monkeypatch) -> None:
    def full(*arguments, **options):
        error = OSError(errno.ENOSPC, "No space left on device")
        raise cannot_write(Path("answers"), error) from error

    with monkeypatch.context() as patch:
        patch.setattr(suspicion, "predict", full)
        with pytest.raises(BenchError, match="No space left"):
            Catalogue(run_home).label_of("no hash", "preference", asked)
    found = Catalogue(run_home).fingerprint_of("mean-rating", "preference", asked, 0)
    assert found is not None

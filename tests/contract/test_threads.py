"""Threads change no byte of a fit, or the model is named here and its setting pins it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmark.host.threads import processor_threads
from benchmark.models.building import configure, setting_names
from benchmark.models.registered import entries
from benchmark.runs.fitting import seed_everything
from tests.contract.conftest import SEED, fast_settings

#: Models whose last digits hang on how many threads their fit has: torch sums some gradients of
#: theirs in parts, a part a thread. ``--set threads=1`` pins them. docs/protocol.md names the same.
HANG_ON_THREADS = frozenset(
    {"bert4rec", "mmssl", "mrg", "rtm", "s3rec", "sancl", "sasrec", "unisrec"}
)
#: Instances asked per task.
ASKED = 6

MODELS = [
    pytest.param(
        name,
        marks=[] if (reason := entry.why_not()) is None else [pytest.mark.skip(reason=reason)],
        id=name,
    )
    for name, entry in entries().items()
]


def _fitted(label, dataset, folder: Path, settings):
    """The bytes of a fit's files, and what it then says to some instances of each task."""
    model = configure(label, {**fast_settings(label), **settings}).build()
    seed_everything(SEED)
    model.fit(dataset.training_view(), seed=SEED)
    model.save(folder)
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    told = {str(file.relative_to(folder)): file.read_bytes() for file in files}
    seed_everything(0)
    answers = {
        task: list(model.predict(dataset.instances(task, limit=ASKED)[:]))
        for task in sorted(model.tasks & set(dataset.tasks))
    }
    return told, answers


@pytest.mark.slow
@pytest.mark.parametrize("label", MODELS)
def test_two_threads_fit_and_answer_as_one_or_the_models_setting_pins_them(label, sim_xs, tmp_path):
    settings = {"threads": 1} if label in HANG_ON_THREADS else {}
    found = []
    for threads in (1, 2):
        with processor_threads(threads):
            folder = tmp_path / str(threads)
            folder.mkdir()
            found.append(_fitted(label, sim_xs, folder, settings))
    assert found[0] == found[1]


def test_models_that_hang_on_threads_can_be_pinned_and_the_protocol_names_them():
    assert [name for name in HANG_ON_THREADS if "threads" not in setting_names(name)] == []
    page = Path(__file__).parents[2].joinpath("docs", "protocol.md").read_text(encoding="utf-8")
    named = re.search(r"depend on the number of threads: ([^.]*)\.", page.replace("\n", " "))
    assert named is not None
    assert set(re.findall(r"`([^`]*)`", named[1])) == HANG_ON_THREADS

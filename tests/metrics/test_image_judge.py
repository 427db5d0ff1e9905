"""The judges of images: weights that nobody trains, the same scores on any machine."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmark.data.simulator.vocabulary import COLOURS, PATTERNS, SHAPES
from benchmark.errors import BenchError
from benchmark.host.files import sha256_file
from benchmark.metrics import image_judge, train_sim_judge
from benchmark.metrics.image_judge import find_judge, sim_judge
from benchmark.training import checkpoint
from benchmark.training.checkpoint import Checkpoint
from benchmark.training.stored import load_with_record
from benchmark.vision import lite_weights
from leaderboards.verification.rescoring import JUDGE_TOLERANCE

#: Judges drawings and an image run's four scores, prints both.
_JUDGING = """
import json, sys
from benchmark.metrics.train_sim_judge import draw
from benchmark.metrics.image_judge import sim_judge
import torch
torch.set_num_threads(int(sys.argv[1]))
print(json.dumps(sim_judge().images(list(draw(24, seed=5, size=64).pixels)).tolist()))
"""
#: The code paths that every processor has.
_PLAINEST = {
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_CBWR": "COMPATIBLE",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
}


@pytest.fixture(autouse=True)
def _no_judge_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(image_judge.VARIABLE, raising=False)


def test_drawings_are_as_near_as_they_share_looks() -> None:
    """On drawings nobody trained on: the cosine is about the share of equal looks."""
    drawn = train_sim_judge.draw(120, seed=11, size=64)
    vectors = sim_judge().images(list(drawn.pixels))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-6)
    cosine, wanted = vectors @ vectors.T, train_sim_judge.shared(drawn.looks, drawn.looks)
    others = ~np.eye(len(cosine), dtype=bool)
    for share in (0, 1 / 3, 2 / 3, 1):
        of_share = np.isclose(wanted, share) & others
        assert of_share.any()
        assert cosine[of_share].mean() == pytest.approx(share, abs=0.06)
    assert np.sqrt(np.square(cosine - wanted)[others].mean()) < 0.1


def test_a_judge_is_called_after_its_weights_and_what_is_done_to_an_image(monkeypatch) -> None:
    judge = sim_judge()
    assert judge.name.startswith("sim-judge-1-")
    assert find_judge(simulated=True).name == judge.name
    monkeypatch.setattr("benchmark.vision.look_net.MEAN", (0.4,) * 3)
    assert sim_judge().name != judge.name


def test_vectors_do_not_depend_on_company() -> None:
    judge, drawn = sim_judge(), list(train_sim_judge.draw(70, seed=3, size=64).pixels)
    together = judge.images(drawn)
    assert np.array_equal(judge.images(drawn[66:67])[0], together[66])


def test_changed_weights_are_refused(monkeypatch, tmp_path: Path) -> None:
    other = tmp_path / "sim-judge-1.safetensors"
    other.write_bytes(image_judge.SIM_WEIGHTS.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(image_judge, "SIM_WEIGHTS", other)
    with pytest.raises(BenchError, match="is not the file that this version ships"):
        sim_judge()
    other.unlink()
    with pytest.raises(BenchError, match="is not the file that this version ships"):
        sim_judge()


def test_the_shipped_weights_say_how_they_were_made_and_are_small() -> None:
    _, record = load_with_record(image_judge.SIM_WEIGHTS)
    made = (record["drawings"], record["steps"], record["batch"], record["seed"])
    asked = train_sim_judge
    assert made == (asked.DRAWINGS, asked.STEPS, asked.BATCH, asked.SEED)
    assert record["held out"]["nearest"] > 0.95
    assert image_judge.SIM_WEIGHTS.stat().st_size < 600_000


def test_training_gives_the_same_file_for_the_same_seed(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    """Of a few steps; the shipped file takes minutes."""
    hashes = []
    for name in ("a", "b"):
        out = tmp_path / f"{name}.safetensors"
        words = [str(out), "--drawings", "40", "--steps", "3", "--batch", "8"]
        monkeypatch.setattr(sys, "argv", ["train", *words])
        train_sim_judge.main()
        hashes.append(sha256_file(out))
    assert hashes[0] == hashes[1]


def test_a_killed_training_goes_on_and_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    drawings, few = train_sim_judge.draw(24, seed=1), {"steps": 7, "batch": 8, "seed": 1}
    undisturbed = train_sim_judge.train(drawings, **few).state_dict()
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)
    file, write, killed = tmp_path / "training", Checkpoint.write, itertools.cycle((False, True))

    def dying(*words: Any) -> None:
        write(*words)
        if next(killed):
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "write", dying)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            train_sim_judge.train(drawings, **few, file=file)
        assert file.is_file()
    monkeypatch.setattr(Checkpoint, "write", write)
    resumed = train_sim_judge.train(drawings, **few, file=file).state_dict()
    assert not file.exists()
    assert "goes on after step 6" in capsys.readouterr().err
    assert all(torch.equal(resumed[name], tensor) for name, tensor in undisturbed.items())


def test_real_photos_without_the_package_name_what_is_missing(monkeypatch) -> None:
    monkeypatch.setattr(lite_weights, "why_not", lambda: "it is not installed (make models)")
    with pytest.raises(BenchError, match=r"judged by efficientnet-lite0: it is not installed"):
        find_judge(simulated=False)


def test_real_photos_are_judged_by_the_packaged_encoder() -> None:
    if missing := lite_weights.why_not():
        pytest.skip(missing)
    judge = find_judge(simulated=False)
    assert judge.name.startswith("efficientnet-lite0-")
    (vector,) = judge.images([np.full((3, 64, 64), 200, np.uint8)])
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.invariance
def test_vectors_agree_under_other_threads_and_instruction_sets() -> None:
    """Far within what is allowed between two processors.

    ``make test-arithmetic`` compares two more instruction sets with the plainest.
    """
    drawn = list(train_sim_judge.draw(24, seed=5, size=64).pixels)
    here, threads = sim_judge().images(drawn), torch.get_num_threads()
    try:
        torch.set_num_threads(3 - min(threads, 2))
        by_others = sim_judge().images(drawn)
    finally:
        torch.set_num_threads(threads)
    done = subprocess.run(
        [sys.executable, "-c", _JUDGING, "2"],
        env={**os.environ, **_PLAINEST},
        capture_output=True,
        text=True,
        check=True,
    )
    there = np.array(json.loads(done.stdout))
    assert np.abs(by_others - here).max() < JUDGE_TOLERANCE / 10
    assert np.abs(there - here).max() < JUDGE_TOLERANCE / 10
    assert len({*COLOURS, *SHAPES, *PATTERNS}) == 21

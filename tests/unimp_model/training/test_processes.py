"""Several processes train what one would have trained, and only one of them writes."""

from __future__ import annotations

import copy
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from benchmark.errors import BenchError
from benchmark.host import processes as started
from benchmark.host.home import Home
from unimp_model.config import UniMPConfig
from unimp_model.sequence.batches import collate
from unimp_model.sequence.template import Branch, Row
from unimp_model.tasks import ALL_TASKS
from unimp_model.training.processes import OneProcess, connect, share_of
from unimp_model.training.step import training_loss

SCRIPT = Path(__file__).with_name("fit_in_processes.py")
ROOT = Path(__file__).parents[3]
FSDP = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
    "FSDP_CPU_RAM_EFFICIENT_LOADING": "false",
}


@pytest.fixture(scope="module")
def shop(world: Callable[..., Any]) -> Any:
    return world()


@pytest.fixture(scope="module")
def rows(shop: Any) -> list[Row]:
    """Four rows of two tasks, with context; the second has no photo."""
    template, items = shop.template, shop.items
    histories = [(0, 1), (3,), (2, 4, 5), (4, 0)]
    made = []
    for number, history in enumerate(histories):
        trunk = template.history([items[i] for i in history])
        asked = template.instruction(["Can you recommend the next item to the user?"])
        task = ALL_TASKS.index("recommendation" if number % 2 else "search")
        answers = [(shop.vocabulary.item(items[i].item_id), -1) for i in (1, number)]
        branches = [
            Branch(len(history), asked, task, answer[:1], barred=(5,)) for answer in answers
        ]
        made.append(template.row(trunk, branches, context=True))
    return made


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shares_hold_every_question_once(rows, count):
    parts = [share_of(rows, number, count) for number in range(count)]
    asked = sorted(t for part in parts for row in part for t in row.targets.tolist())
    assert asked == sorted(t for row in rows for t in row.targets.tolist())
    assert all(any(row.images for row in part) for part in parts)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_shares_sum_to_the_loss_and_the_gradient_of_the_batch(shop, rows, count):
    def losses(some: list[Row], among: torch.Tensor | None) -> torch.Tensor:
        batch = collate(some, shop.photos.index, all_photos=False, slots=1)
        loss, _ = training_loss(shop.network, batch, shop.photos, UniMPConfig(), among=among)
        loss.backward()
        return loss.detach()

    def gradients() -> dict[str, torch.Tensor]:
        found = {n: p.grad.clone() for n, p in shop.network.named_parameters()}
        shop.network.zero_grad(set_to_none=True)
        return found

    whole, expected = losses(rows, None), gradients()
    among = torch.cat([torch.from_numpy(row.kinds) for row in rows])
    total, covered = 0.0, []
    for number in range(count):
        total += losses(share_of(rows, number, count), among)
        covered.append({n for n, p in shop.network.named_parameters() if p.grad is not None})
    assert all(names == expected.keys() for names in covered)
    assert total.item() == pytest.approx(whole.item(), rel=1e-6)
    for name, gradient in gradients().items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5)


def test_a_copied_network_lets_in_images_by_its_own_weights(shop, rows):
    batch = collate(rows, shop.photos.index, all_photos=False, slots=1)
    changed = copy.deepcopy(shop.network)
    for gated in changed.cross_attention.values():
        torch.nn.init.zeros_(gated.gate)

    def loss(network: torch.nn.Module) -> float:
        return training_loss(network, batch, shop.photos, UniMPConfig())[0].item()

    before = loss(shop.network)
    assert loss(changed) != before
    assert loss(shop.network) == before
    assert loss(copy.deepcopy(shop.network)) == before


def test_alone_nothing_is_shared(rows, monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "8")  # as some clusters do for every shell
    alone = connect()
    assert type(alone) is OneProcess
    assert alone.share(rows) == rows
    assert started.is_main()
    started.tell(None)  # nobody to tell: returns at once


def launched(count: int, home: Home, notes: Path, *, writes: int = 0, **more: str) -> list[int]:
    """Exit statuses of ``count`` processes of the script; the rest is ended with the first dead."""
    notes.mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    common |= {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(SCRIPT), str(home.root), str(notes), str(writes)]
    members = []
    for rank in range(count):
        own = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        members.append(subprocess.Popen(command, env={**os.environ, **common, **more, **own}))
    main, *others = members
    try:
        if main.wait(timeout=300) == 0:
            return [0, *(other.wait(timeout=60) for other in others)]
        return [main.returncode]
    finally:
        for member in members:
            member.kill()
            member.wait()


@pytest.fixture(scope="module")
def single(sim_xs, tmp_path_factory) -> Path:
    """Notes of the same fit in one process."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("fit_in_processes", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    notes = tmp_path_factory.mktemp("single")
    module.fit(sim_xs.folder.parents[1], notes)
    return notes


def notes_of(folder: Path, number: int) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    record = json.loads((folder / f"losses-{number}.json").read_text())
    return record, load_file(folder / f"weights-{number}.safetensors")


def assert_same_training(single: Path, several: Path, count: int, *, from_step: int = 0) -> None:
    """Each step's loss is the sum over processes, and the final weights agree."""
    one, weights = notes_of(single, 0)
    all_notes = [notes_of(several, number) for number in range(count)]
    sums = [sum(step) for step in zip(*[n["losses"] for n, _ in all_notes], strict=True)]
    assert sums == pytest.approx(one["losses"][from_step:], abs=1e-5)
    for record, found in all_notes:
        assert record["journal"]["kept"] == one["journal"]["kept"]
        assert found.keys() == weights.keys()
        for name, value in weights.items():
            torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-4)
            assert torch.equal(found[name], all_notes[0][1][name])  # no process strays
    assert all_notes[0][0]["writes"] > 0
    assert all(record["writes"] == 0 for record, _ in all_notes[1:])


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3])
def test_processes_train_as_one(single, sim_xs, tmp_path, count):
    home = Home(sim_xs.folder.parents[1])
    assert launched(count, home, tmp_path) == [0] * count
    assert_same_training(single, tmp_path, count)
    assert not notes_of(tmp_path, 0)[0]["cut"]


@pytest.mark.slow
def test_cut_up_weights_train_as_whole_ones_and_go_on_after_a_kill(single, sim_xs, tmp_path):
    """FSDP's own code, on processors: Accelerate is told that these are devices."""
    home = Home(sim_xs.folder.parents[1])
    assert launched(2, home, tmp_path, writes=2, **FSDP) == [9]
    assert launched(2, home, tmp_path, **FSDP) == [0, 0]
    done = len(notes_of(tmp_path, 0)[0]["losses"])
    steps = len(notes_of(single, 0)[0]["losses"])
    assert 0 < done < steps
    assert_same_training(single, tmp_path, 2, from_step=steps - done)
    assert notes_of(tmp_path, 0)[0]["cut"]


def test_fsdp_of_the_first_version_is_refused(monkeypatch):
    from types import SimpleNamespace

    import accelerate
    from accelerate.utils import DistributedType

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setattr(started, "state", lambda: SimpleNamespace(num_processes=2, process_index=0))
    fake = SimpleNamespace(is_fsdp2=False, distributed_type=DistributedType.FSDP)
    monkeypatch.setattr(accelerate, "Accelerator", lambda **_: fake)
    with pytest.raises(BenchError, match=r"configs/fsdp\.yaml"):
        connect()


@pytest.mark.slow
def test_accelerate_launch_runs_once(home_with, sim_xs, tmp_path):
    """Two processes, one answer: one run folder, one JSON document, one fit by two."""
    home_with(tmp_path, sim_xs)
    settings = {
        "width": 16, "depth": 1, "heads": 2, "epochs": 1, "most_rows": 8, "batch_rows": 4,
        "encoder_steps": 2, "image_tokens": "none", "strategy": "multi-task",
        "validation_users": 8, "validation_others": 4,
    }  # fmt: skip
    launcher = [sys.executable, "-m", "accelerate.commands.launch"]
    launcher += ["--config_file", str(ROOT / "configs" / "ddp.yaml"), "--num_processes", "2"]
    # The port of a fixed default may be taken.
    launcher += ["--main_process_port", "0", "-m", "benchmark.cli"]
    asked = ["run", "--model", "unimp", "--task", "search", "--data", "sim-xs", "--json"]
    asked += ["--home", str(tmp_path)]
    for key, value in settings.items():
        asked += ["--set", f"{key}={value}"]
    done = subprocess.run(
        [*launcher, *asked],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    (run,) = [folder for folder in (tmp_path / "runs").iterdir() if folder.is_dir()]
    assert result["run"] == str(run)
    assert result["failure_rate"] == 0
    assert json.loads((run / "manifest.json").read_text())["fit_processes"] == 2
    assert done.stderr.count("weights are trained") == 1

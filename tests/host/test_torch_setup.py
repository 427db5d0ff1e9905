"""The torchvision cure, in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest


# What every test in which a photo is encoded or a language model is built does beside others.
@pytest.mark.slow
def test_open_clip_and_transformers_import_after_prepare_torch():
    program = (
        "from benchmark.host.torch_setup import prepare_torch\n"
        "prepare_torch(); prepare_torch()\n"
        "import open_clip, transformers\n"
        "from transformers import LlamaForCausalLM\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_catalogue_of_models_imports_nothing_heavy():
    program = (
        "import sys, unimp_model.entries\n"
        "print(sorted({'torch', 'numpy', 'transformers', 'polars', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr

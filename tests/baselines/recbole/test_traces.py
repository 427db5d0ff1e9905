"""Whatever RecBole would leave behind in a process is not left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("recbole")

_PROBE = """
import json, logging, os, random, sys
from pathlib import Path
sys.argv = ["prog", "--learning_rate=7", "--model=Pop", "--epochs=0"]
os.environ["CUDA_VISIBLE_DEVICES"] = "5"
import numpy as np
import sklearn  # comes with recbole and sets variables of its own
import torch
import torch._dynamo  # the first optimiser imports it, and it sets a variable of its own
import polars as pl
from baselines.recbole.lightgcn import LightGCN
from baselines.recbole.s3rec import S3Rec
from benchmark.data.catalogue import Catalogue
from benchmark.data.schema import INTERACTION_COLUMNS, ITEM_COLUMNS

class View:
    name, sha256, tasks, history_window = "by-hand", "by-hand", (), 4
    features_folder = Path("features")
    catalogue = Catalogue(
        pl.DataFrame([{**dict.fromkeys(ITEM_COLUMNS), "item_id": i} for i in "abcdef"],
                     schema=ITEM_COLUMNS), images=None)
    def interactions(self, part):
        assert part == "train"
        rows = [{**dict.fromkeys(INTERACTION_COLUMNS), "user_id": u, "item_id": i}
                for u, items in (("u", "abc"), ("v", "bcd"), ("w", "f")) for i in items]
        return pl.DataFrame(rows, schema=INTERACTION_COLUMNS)

def state():
    root = logging.getLogger()
    return {
        "sys.argv": list(sys.argv),
        "environment": dict(os.environ),
        "working directory": os.getcwd(),
        "root logger": [root.level, [repr(handler) for handler in root.handlers]],
        "anomaly detection": [torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()],
        "deterministic mode": torch.get_deterministic_debug_mode(),
        "threads": torch.get_num_threads(),
        "cudnn": [torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic],
        "numpy": sorted(set(dir(np)) & {"float", "float_", "bool8", "complex_", "unicode_"}),
        "random": repr(random.getstate()),
        "numpy's random": repr(np.random.get_state()),
        "torch's random": torch.random.get_rng_state().tolist(),
    }

before = state()
once = {"epochs": 1}
for model in (LightGCN(LightGCN.Config(**once)), S3Rec(S3Rec.Config(**once, pretrain_epochs=1))):
    model.fit(View(), seed=0)
after = state()
print(json.dumps({"changed": [key for key in before if before[key] != after[key]],
                  "compared": list(before),
                  "files": [str(path) for path in Path.cwd().rglob("*")],
                  "ray": "ray" in sys.modules,
                  "epochs": len(model.journal.of_stage("training"))}))
"""


@pytest.fixture(scope="module")
def traces(tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r})\n{_PROBE}"],
        cwd=empty,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.mark.parametrize(
    "what",
    [
        "sys.argv",
        "environment",
        "working directory",
        "root logger",
        "anomaly detection",
        "deterministic mode",
        "threads",
        "cudnn",
        "numpy",
        "random",
        "numpy's random",
        "torch's random",
    ],
)
def test_fitting_leaves_this_as_it_was(traces, what):
    found, _ = traces
    assert what in found["compared"]
    assert what not in found["changed"]


def test_fitting_writes_no_file_into_the_working_directory(traces):
    assert traces[0]["files"] == []


def test_the_command_line_of_the_process_sets_nothing(traces):
    assert traces[0]["epochs"] == 1  # --epochs=0 was there


def test_ray_is_not_imported(traces):
    assert traces[0]["ray"] is False


def test_standard_output_and_error_stay_clean(traces):
    assert traces[1] == ""

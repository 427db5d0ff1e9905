"""Entries made up without a dataset: per-user hits of systems whose strength is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.metrics import metric_named
from benchmark.stats import Score
from leaderboards.boards import Board
from leaderboards.site.entries import EnteredRun, Entry, RunEvidence, SliceScore
from leaderboards.site.examples import ShownInstance
from leaderboards.site.pages import Site
from leaderboards.site.standing import Standing, rank_entries
from leaderboards.submission.schema import (
    ClaimedScore,
    Declaration,
    Parameters,
    Submission,
    SubmittedRun,
)

METRICS = ("HR@5", "NDCG@5", "MRR@5", "HR@10", "NDCG@10", "MRR@10")
BOARD = Board(
    name="sim-s-search",
    version=1,
    title="Search on simulated shoppers",
    description="Asked is the product behind a query. Data are simulated.",
    task="search",
    task_version=1,
    data="sim-s",
    primary="NDCG@5",
)


USERS = tuple(f"u{i}" for i in range(200))


def _run(hits: NDArray[np.float64], number: int, **changes: Any) -> SubmittedRun:
    share = float(hits.mean())
    scores = {
        name: ClaimedScore.model_construct(
            value=share / i, low=(share - 0.02) / i, high=(share + 0.02) / i, n=200, users=200
        )
        for i, name in enumerate(METRICS, start=1)
    }
    values: dict[str, Any] = {
        "predictions": "runs/search.parquet",
        "predictions_sha256": "0" * 64,
        "task": "search",
        "task_version": 1,
        "data": "sim-s",
        "dataset_sha256": "1" * 64,
        "instances_sha256": "2" * 64,
        "cohort": "seen",
        "perturb": None,
        "seed": 0,
        "settings": {"width": 8},
        "code_sha256": "3" * 64,
        "scores": scores,
        "failure_rate": 0.0,
        "parameters": Parameters.model_construct(trainable=number, total=1_000 * number),
        "attachments": [],
        "fit_seconds": 1.5 * number,
        "predict_seconds": 0.25,
        "peak_memory_mib": 100.0,
        "processor": "a processor",
        "devices": ["cpu"],
        "packages": {"numpy": "2.0"},
        "unimp_bench": "0.1.0",
        "python": "3.11.9",
        "created": "2026-01-31T12:00:00+00:00",
    }
    return SubmittedRun.model_construct(**{**values, **changes})


def make_entry(
    strength: float,
    number: int,
    *,
    scored: bool = True,
    badge: str = "re-scored",
    words: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Entry:
    """An accepted submission ``system-NUMBER`` that hits users with probability ``strength``.

    ``words`` are fields of the submission, ``changes`` of its only run; nothing is validated.
    """
    hits = (np.random.default_rng(number).random((len(USERS), 1)) < strength).astype(np.float64)
    run = _run(hits, number, **changes)
    name = BOARD.primary
    evidence = RunEvidence(
        scores={name: Score(**vars(claim)) for name, claim in run.scores.items()},
        metrics={name: metric_named(name)},
        statistics={name: hits / (1 + METRICS.index(name))},
        users=USERS,
        sliced=name,
        slices=(SliceScore("history length", "1 to 3", 0.25, None, None, 9, 9),),
        examples=tuple(_example(number, i) for i in range(3)),
    )
    values: dict[str, Any] = {
        "format": 1,
        "model": f"system-{number}",
        "variant": None,
        "description": "A system.",
        "declaration": Declaration.model_construct(
            training_data="The training part.",
            code="https://example.org/model",
            contamination="None.",
            contact=None,
        ),
        "runs": [run],
        "digest": f"{number:064x}"[::-1],
    }
    return Entry(
        name=f"system-{number}.zip",
        submission=Submission.model_construct(**{**values, **(words or {})}),
        badge=badge if scored else "reported",
        runs=(EnteredRun(run, evidence if scored else None),),
        warnings=(),
    )


def _example(number: int, i: int) -> ShownInstance:
    return ShownInstance(
        instance_id=f"q{i}",
        history=("item-1", "item-2"),
        earlier=2 * i,
        query=f"mugs {i}",
        item=None,
        candidates=(),
        answer=None if i == 2 else (f"item-{number}", "item-7"),
        target=("item-7",),
        score=i / 2,
    )


@pytest.fixture
def drawn() -> Callable[..., dict[str, str]]:
    """``drawn(standings, entries)``: the site's pages, path -> HTML."""

    def draw(standings: list[Standing], entries: list[Entry], **more: Any) -> dict[str, str]:
        files = Site(standings, entries, **more).files()
        return {path: str(text) for path, text in files.items() if path.endswith(".html")}

    return draw


@pytest.fixture
def made() -> Callable[..., Entry]:
    """:func:`make_entry`."""
    return make_entry


@pytest.fixture
def board() -> Board:
    return BOARD


@pytest.fixture
def entries() -> list[Entry]:
    """Two equals on top, one below, one at the bottom; and the best, which is only reported."""
    scored = [make_entry(s, i) for i, s in enumerate((0.81, 0.80, 0.40, 0.05), start=1)]
    return [*scored, make_entry(0.99, 9, scored=False)]


@pytest.fixture(scope="session")
def crowded() -> Standing:
    """A board of 2,000 rows with long names; the ranks of a hundred, twenty times over."""
    hundred = [make_entry(i / 100, i) for i in range(100)]
    rows = rank_entries(BOARD, hundred).rows
    many = []
    for number in range(2_000):
        words = {"model": f"a-model-with-quite-a-long-name-{number}", "variant": "of-many-words"}
        row = rows[number // 20]
        many.append(replace(row, entry=make_entry(0.5, number, words=words)))
    return replace(rank_entries(BOARD, []), metrics=METRICS[:1] + METRICS[2:], rows=tuple(many))

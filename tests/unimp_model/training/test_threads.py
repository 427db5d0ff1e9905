"""A fit on two threads ends with the weights of a fit on one.

Slow, and beside the fast test of the sums alone (``tests/host/test_threads.py``): that products are
alike is the matrix library's promise, which was tried on one kind of processor.
"""

from __future__ import annotations

import pytest
import torch

from benchmark.host.threads import processor_threads
from unimp_model.adapter import UniMP
from unimp_model.entries import MODELS


def _differing(one: UniMP, two: UniMP) -> list[str]:
    for model in (one, two):  # what answered before left a task's own weights in the network
        model.answerer.turn_to(None)
    weights = one.parts.network.state_dict(), two.parts.network.state_dict()
    assert weights[0].keys() == weights[1].keys()
    return [name for name in weights[0] if not torch.equal(weights[0][name], weights[1][name])]


@pytest.mark.slow
def test_threads_change_no_bit_of_a_fit_of_all_six_tasks(fit, fitted, sim_xs):
    with processor_threads(1 if torch.get_num_threads() > 1 else 2):
        other = fit(sim_xs.training_view())
    assert _differing(fitted, other) == []


@pytest.mark.slow
def test_threads_change_no_bit_of_a_fit_of_the_extension(fit, sim_xs):
    # Three threads do move last digits here, and why is not known: settings take two.
    matching = MODELS[0].variants["matching"]
    fits = []
    for threads in (1, 2):
        with processor_threads(threads):
            fits.append(fit(sim_xs.training_view(), **matching, threads=threads))
    assert _differing(*fits) == []

"""What this package announces under the entry-point group ``unimp_bench.models``.

Each family lists its own systems (``entries.py`` in its folder); here they are put in order.
Light on purpose: listing models must not import one.
"""

from __future__ import annotations

from baselines.choice import entries as choice
from baselines.collaborative import entries as collaborative
from baselines.generative import entries as generative
from baselines.multimodal import entries as multimodal
from baselines.neighbours import entries as neighbours
from baselines.recbole import entries as recbole
from baselines.reviews import entries as reviews
from baselines.search import entries as search
from baselines.simulated import entries as simulated
from baselines.trivial import entries as trivial
from benchmark.models.registered import ModelEntry

MODELS: tuple[ModelEntry, ...] = (
    *simulated.MODELS,
    *trivial.MODELS,
    *neighbours.MODELS,
    *choice.MODELS,
    *search.MODELS,
    *recbole.MODELS,
    *collaborative.MODELS,
    *multimodal.MODELS,
    *generative.MODELS,
    *reviews.MODELS,
)

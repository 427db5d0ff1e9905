"""The parts of the match head, our extension (:mod:`unimp_model.network.matching`)."""

from __future__ import annotations

from typing import Literal, get_args

MatchPart = Literal[
    "photo", "identity", "category", "brand", "attributes", "price", "title", "transitions",
    "query", "ratings", "words", "codes",
]  # fmt: skip
MATCH_PARTS: tuple[MatchPart, ...] = get_args(MatchPart)

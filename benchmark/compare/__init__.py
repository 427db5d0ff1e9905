"""Two runs on the same instances: what differs, by how much, for whom, and how surely."""

from __future__ import annotations

from benchmark.compare.pair import Comparison, MetricRow, SliceRow, compare_runs

__all__ = ["Comparison", "MetricRow", "SliceRow", "compare_runs"]

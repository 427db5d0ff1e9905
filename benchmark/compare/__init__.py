"""Two runs on the same instances: what differs, by how much, for whom, and how surely."""

from __future__ import annotations

from benchmark.compare.comparison import Comparison, MetricRow, SliceRow, compare_runs
from benchmark.compare.text import draw_comparison

__all__ = ["Comparison", "MetricRow", "SliceRow", "compare_runs", "draw_comparison"]

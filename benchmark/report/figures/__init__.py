"""Figures by name: pictures drawn from stored runs, for ``unimp-bench report --figure``."""

from __future__ import annotations

from benchmark.registry import Registry
from benchmark.report.figures.drawing import FigureKind

#: Every figure ``--figure`` takes.
FIGURES: Registry[FigureKind] = Registry("figure")
FIGURES.add("generation", "benchmark.report.figures.generation:build_generation")

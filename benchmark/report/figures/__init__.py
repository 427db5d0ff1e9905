"""Figures by name: pictures drawn from stored runs, for ``unimp-bench report --figure``."""

from __future__ import annotations

from benchmark.registry import Registry
from benchmark.report.figures.drawing import FigureKind, TableFigureKind

#: Figures of one run.
FIGURES: Registry[FigureKind] = Registry("figure")
FIGURES.add("generation", "benchmark.report.figures.generation.figure:build_generation")

#: Figures of the runs of a table.
TABLE_FIGURES: Registry[TableFigureKind] = Registry("figure")
for _name in ("dots", "cost", "robustness", "learning", "ranks"):
    TABLE_FIGURES.add(_name, f"benchmark.report.figures.{_name}:build_{_name}")

#: Every figure ``--figure`` takes.
FIGURE_NAMES = (*FIGURES, *TABLE_FIGURES)

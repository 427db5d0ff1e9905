"""The style of every plot: colours, marks, letters. Knows no runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The label of a page on which neither title nor notes are written.
BARE = "bare"

#: Settings of matplotlib under which every figure is written.
RC: dict[str, Any] = {
    "pdf.fonttype": 42,  # outlines that every journal takes
    "svg.hashsalt": "unimp-bench",  # the same figure has the same bytes
    "svg.fonttype": "none",  # words stay words: they can be searched and read aloud
    "text.parse_math": False,  # names come from users: "$" is a letter like others
    "axes.linewidth": 0.6,
    "axes.edgecolor": "0.5",
    "axes.axisbelow": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
}

#: Sizes in points.
TITLE, HEADING, LETTERS, NOTE = 12.0, 9.0, 8.0, 7.0

INK, GREY, PALE = "0.1", "0.4", "0.9"

#: Told apart by the colour-blind (Okabe and Ito, "Color Universal Design", 2008), without the
#: yellow that paper swallows; neighbours differ in lightness, so that they do in grey too.
COLOURS = ("#0072B2", "#E69F00", "#000000", "#CC79A7", "#009E73", "#56B4E9", "#D55E00")
#: One shape a colour: nothing is said by colour alone.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

MEASURED: dict[str, Any] = {"marker": "o", "markersize": 5, "color": COLOURS[0]}
#: Models without learning, drawn lighter than systems, and in print without colour otherwise.
TRIVIAL: dict[str, Any] = {"marker": "v", "markersize": 4.5, "color": "0.55"}
#: What knows the truth is a ceiling, no competitor.
ORACLE: dict[str, Any] = {"marker": "D", "markersize": 4.5, "color": COLOURS[4]}
#: Numbers that were not measured here are hollow.
PAPER: dict[str, Any] = {
    "marker": "s",
    "markersize": 5,
    "color": COLOURS[6],
    "markerfacecolor": "none",
    "markeredgewidth": 1.1,
}


def of_role(role: str) -> dict[str, Any]:
    """Return the mark of a measured system of this role."""
    return {"ceiling": ORACLE, "trivial": TRIVIAL}.get(role, MEASURED)


def numbered(number: int) -> dict[str, Any]:
    """Return the mark of the system in this place of a list; no two of forty-nine are alike."""
    at, again = number % len(COLOURS), number // len(COLOURS)
    return {
        "marker": MARKERS[(at + again) % len(MARKERS)],
        "markersize": 4.5,
        "color": COLOURS[at],
    }


def plain(axes: Axes, *, grid: Literal["x", "y"] | None) -> None:
    """Remove the axes' box and leave at most one set of pale lines (``x``, ``y``, or ``None``)."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=NOTE, labelcolor=INK, color="0.5")
    if grid is not None:
        axes.grid(axis=grid, color=PALE, linewidth=0.6)


def few_ticks(axes: Axes, which: Literal["x", "y"], most: int = 4) -> None:
    """Set at most ``most`` steps on axis ``which``, written as plain numbers."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(nbins=most))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))

"""Draw the rooms of the code and the imports between them: ``python docs/draw_architecture.py``.

The picture is made from the source alone, so it can be compared with what is committed.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from benchmark.models.imports import Finder, Module, Root, references

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("benchmark", "baselines", "unimp_model", "leaderboards")


def imports(package: str, root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Return (importer, imported) as dotted modules, of every import statement of a package.

    Imports inside functions count, those for type checkers and the strings of registries do not.
    A package's own file is ``package.__init__``.
    """
    finder = Finder([Root(root, frozenset(PACKAGES))])
    for file in sorted((root / package).rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for reference in references(file.read_bytes()):
            if not reference.string:
                for module in finder.reached(Module(name, file), reference)[0]:
                    yield ".".join(parts), _full(module)


def _full(module: Module) -> str:
    return f"{module.name}.__init__" if module.file.name == "__init__.py" else module.name


def arrows(found: Iterable[tuple[str, str]]) -> Mapping[str, Mapping[tuple[str, str], list[str]]]:
    """Return folder -> (room, room that it imports) -> the imports behind that, ``"a.b -> a.c"``.

    A room is a folder or a file directly in the folder; ``""`` is the folder of the packages.
    """
    levels: dict[str, dict[tuple[str, str], list[str]]] = defaultdict(lambda: defaultdict(list))
    for importer, imported in found:
        ours, theirs = importer.split("."), imported.split(".")
        shared = 0
        while shared < min(len(ours), len(theirs)) and ours[shared] == theirs[shared]:
            shared += 1
        if shared < min(len(ours), len(theirs)):
            rooms = (ours[shared], theirs[shared])
            levels[".".join(ours[:shared])][rooms].append(f"{importer} -> {imported}")
    return levels


# The picture. Each package is a frame; in it, a room stands above every room that it imports.
# An arrow that follows from others (a imports b, b imports c, a imports c) is left out.

PICTURE = ROOT / "docs" / "architecture.svg"
_BOX, _LAYER, _GAP, _LETTER = 26.0, 58.0, 16.0, 7.4
_TITLE, _MARGIN = 34.0, 18.0
_UNDER = ("unimp_model", "baselines", "leaderboards")

_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" \
width="{width}" height="{height}" role="img" aria-label="Rooms of the code and their imports">
<style>
text {{ font: 13px system-ui, "DejaVu Sans", sans-serif; fill: #1c1f24; text-anchor: middle; }}
.title {{ font-weight: bold; font-size: 15px; text-anchor: start; }}
.note {{ fill: #4a525d; text-anchor: start; }}
.frame {{ fill: #f6f7f9; stroke: #b6bec9; }}
.folder {{ fill: #dbe7f7; stroke: #41658f; }}
.file {{ fill: #fff; stroke: #8a94a1; }}
.arrow {{ fill: none; stroke: #6b7684; marker-end: url(#tip); }}
.package {{ fill: none; stroke: #41658f; stroke-width: 3; marker-end: url(#tip); }}
</style>
<rect width="100%" height="100%" fill="#fff"/>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" \
markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 8 4 0 8z" fill="#41658f"/></marker></defs>
"""

#: A room, or the place where an arrow passes a layer: (importer, imported, layer).
Place = str | tuple[str, str, int]


@dataclass
class Frame:
    """The laid-out rooms of a package: where each stands, and the ways of its arrows."""

    package: str
    folders: frozenset[str]
    layers: list[list[Place]]
    x: dict[Place, float]
    ways: list[list[Place]]
    width: float
    height: float


def draw(root: Path = ROOT) -> str:
    """Return the picture as SVG."""
    above = [_frame(package, root) for package in _UNDER]
    harness = _frame("benchmark", root)
    row = sum(frame.width for frame in above) + _MARGIN * (len(above) - 1)
    width = max(row, harness.width) + 2 * _MARGIN
    tall = max(frame.height for frame in above)
    height = tall + harness.height + 5 * _MARGIN + 40
    parts = [_HEAD.format(width=round(width), height=round(height))]
    left, top = _MARGIN, _MARGIN
    gap = (width - 2 * _MARGIN - sum(frame.width for frame in above)) / (len(above) - 1)
    low = _MARGIN + tall + 2.2 * _MARGIN
    for frame in above:
        parts += _drawn(frame, left, top, frame.width, tall)
        x = left + frame.width / 2
        parts.append(f'<path class="package" d="M{x:.0f} {top + tall:.0f}V{low - 2:.0f}"/>\n')
        left += frame.width + gap
    parts += _drawn(harness, _MARGIN, low, width - 2 * _MARGIN, harness.height)
    foot = low + harness.height + 24
    for line in (
        "Blue: a folder; white: a file. An arrow points from what imports to what is imported, "
        "always down;",
        "one that follows from others is left out. Drawn from the imports by "
        "docs/draw_architecture.py.",
    ):
        parts.append(f'<text class="note" x="{_MARGIN}" y="{foot:.0f}">{line}</text>\n')
        foot += 18
    return "".join([*parts, "</svg>\n"])


def _frame(package: str, root: Path) -> Frame:
    below, folders = _rooms(package, root)
    layer_of = _layers(below)
    layers: list[list[Place]] = [[] for _ in range(max(layer_of.values()) + 1)]
    for room in sorted(below):
        layers[layer_of[room]].append(room)
    ways: list[list[Place]] = []
    for room in sorted(below):
        for other in sorted(below[room]):
            passed = range(layer_of[room] - 1, layer_of[other], -1)
            ways.append([room, *((room, other, at) for at in passed), other])
            for at in passed:
                layers[at].append((room, other, at))
    _untangle(layers, ways)
    x = _positions(layers, ways)
    edge = min(x[place] - _half(place) for layer in layers for place in layer) - _GAP
    x = {place: at - edge for place, at in x.items()}
    width = max(x[place] + _half(place) for layer in layers for place in layer) + _GAP
    title = len(package) * 10 + 2 * _GAP
    height = _TITLE + (len(layers) - 1) * _LAYER + _BOX + _GAP
    return Frame(package, folders, layers, x, ways, max(width, title), height)


def _rooms(package: str, root: Path) -> tuple[dict[str, set[str]], frozenset[str]]:
    """Room -> the rooms it imports, without what follows from others; and which are folders."""
    folder = root / package
    folders = frozenset(path.parent.name for path in folder.glob("*/__init__.py"))
    rooms = folders | {path.stem for path in folder.glob("*.py")} - {"__init__"}
    below: dict[str, set[str]] = {room: set() for room in rooms}
    for importer, imported in arrows(imports(package, root)).get(package, {}):
        if importer in below and imported in below:
            below[importer].add(imported)
    reach: dict[str, set[str]] = {}
    for room in TopologicalSorter(below).static_order():  # CycleError: there is no such picture
        reach[room] = below[room].union(*(reach[other] for other in below[room]))
    return {
        room: {o for o in others if not any(o in reach[via] for via in others)}
        for room, others in below.items()
    }, folders


def _layers(below: Mapping[str, set[str]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for room in TopologicalSorter(below).static_order():
        found[room] = 1 + max((found[other] for other in below[room]), default=-1)
    return found


def _neighbours(ways: list[list[Place]]) -> dict[Place, list[Place]]:
    near: dict[Place, list[Place]] = defaultdict(list)
    for upper, lower in (pair for way in ways for pair in itertools.pairwise(way)):
        near[upper].append(lower)
        near[lower].append(upper)
    return near


def _untangle(layers: list[list[Place]], ways: list[list[Place]]) -> None:
    """Order each layer by the places of its neighbours; the least tangled order stays."""
    near = _neighbours(ways)
    best, fewest = [list(layer) for layer in layers], _crossings(layers, ways)
    for turn in range(40):
        step = -1 if turn % 2 else 1  # down from the top, or up from the bottom
        for at in range(len(layers))[::-step]:
            beside = layers[at + step] if 0 <= at + step < len(layers) else []
            place_of = {place: i for i, place in enumerate(beside)}
            own = enumerate(layers[at])
            rank = {p: _mean([place_of[n] for n in near[p] if n in place_of], i) for i, p in own}
            layers[at].sort(key=rank.__getitem__)
        crossings = _crossings(layers, ways)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    layers[:] = best


def _mean(values: list[int], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _crossings(layers: list[list[Place]], ways: list[list[Place]]) -> int:
    where = {place: (at, i) for at, layer in enumerate(layers) for i, place in enumerate(layer)}
    steps: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for upper, lower in (pair for way in ways for pair in itertools.pairwise(way)):
        steps[where[upper][0]].append((where[upper][1], where[lower][1]))
    pairs = (pair for found in steps.values() for pair in itertools.combinations(found, 2))
    return sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for a, b in pairs)


def _half(place: Place) -> float:
    """Half of the width of a room's box, or of the room that a passing arrow needs."""
    return len(place + "/") * _LETTER / 2 + 9 if isinstance(place, str) else 3.0


def _positions(layers: list[list[Place]], ways: list[list[Place]]) -> dict[Place, float]:
    """Put each place as near to the mean of its neighbours as its layer's order lets it."""
    near = _neighbours(ways)
    x = {place: 90.0 * i for layer in layers for i, place in enumerate(layer)}
    for turn in range(60):
        for layer in layers if turn % 2 else reversed(layers):
            wanted = [sum(x[n] for n in near[p]) / len(near[p]) if near[p] else x[p] for p in layer]
            x.update(zip(layer, _apart(wanted, layer), strict=True))
    return x


def _apart(wanted: list[float], layer: list[Place]) -> list[float]:
    """The positions nearest to ``wanted`` (least squares) in which nothing overlaps."""
    offsets = [0.0]
    for one, other in itertools.pairwise(layer):
        offsets.append(offsets[-1] + _half(one) + _half(other) + _GAP)
    blocks: list[tuple[float, int]] = []  # mean, size: pooled where they would change order
    for want, offset in zip(wanted, offsets, strict=True):
        mean, size = want - offset, 1
        while blocks and blocks[-1][0] > mean:
            other, many = blocks.pop()
            mean, size = (mean * size + other * many) / (size + many), size + many
        blocks.append((mean, size))
    means = [mean for mean, size in blocks for _ in range(size)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _drawn(frame: Frame, left: float, top: float, width: float, height: float) -> Iterator[str]:
    yield (
        f'<rect class="frame" x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" rx="6"/>\n<text class="title" x="{left + 12:.0f}" '
        f'y="{top + 22:.0f}">{frame.package}/</text>\n'
    )
    left += (width - frame.width) / 2
    bottom = top + height - _GAP - _BOX
    y = {p: bottom - at * _LAYER for at, layer in enumerate(frame.layers) for p in layer}
    x = {place: left + at for place, at in frame.x.items()}
    for way in frame.ways:
        yield f'<path class="arrow" d="{_way(way, x, y)}"/>\n'
    for room in (place for layer in frame.layers for place in layer if isinstance(place, str)):
        kind, name = ("folder", f"{room}/") if room in frame.folders else ("file", room)
        half = _half(room)
        yield (
            f'<rect class="{kind}" x="{x[room] - half:.1f}" y="{y[room]:.1f}" '
            f'width="{2 * half:.1f}" height="{_BOX:.0f}" rx="4"/>'
            f'<text x="{x[room]:.1f}" y="{y[room] + 17:.1f}">{name}</text>\n'
        )


def _way(way: list[Place], x: Mapping[Place, float], y: Mapping[Place, float]) -> str:
    """From a room's lower edge to another's upper edge, upright past the layers between."""
    words = [f"M{x[way[0]]:.1f} {y[way[0]] + _BOX:.1f}"]
    for upper, lower in itertools.pairwise(way):
        start, end = y[upper] + _BOX, y[lower]
        middle = (start + end) / 2
        bend = f"C{x[upper]:.1f} {middle:.1f} {x[lower]:.1f} {middle:.1f}"
        words.append(f"{bend} {x[lower]:.1f} {end:.1f}")
        if not isinstance(lower, str):
            words.append(f"V{end + _BOX:.1f}")
    return "".join(words)


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
    print(PICTURE.relative_to(ROOT))

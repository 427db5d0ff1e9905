"""Names beside marks: clear of each other, moved by as little as that takes."""

from __future__ import annotations

from benchmark.report.figures.page.labels import place_labels, spread


def test_labels_are_spread_by_as_little_as_needed() -> None:
    assert spread([0.0, 2.0, 1.0], 0.5, 0.0, 2.0) == [0.0, 2.0, 1.0]
    assert spread([1.0, 1.0], 0.5, 0.0, 2.0) == [1.0, 1.5]
    assert spread([2.0, 2.0, 1.9], 0.5, 0.0, 2.0) == [1.5, 2.0, 1.0]


def test_labels_do_not_cover_each_other() -> None:
    points = [(1.0, 1.0), (1.0, 1.02), (1.05, 1.0), (3.9, 1.0)]
    sizes = [(0.8, 0.12)] * 4
    corners = place_labels(points, sizes, (4.0, 2.0))
    for at, (a, b) in enumerate(corners):
        assert 0 <= a <= 4.0 - 0.8
        assert 0 <= b <= 2.0 - 0.12
        for c, d in corners[:at]:
            assert abs(a - c) >= 0.8 - 1e-9 or abs(b - d) >= 0.12 - 1e-9

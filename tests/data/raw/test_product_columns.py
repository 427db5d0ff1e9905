"""Metadata read in columns are what they are record by record, whatever is odd about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmark.data.raw import json_columns
from benchmark.data.raw.json_columns import read_columns
from benchmark.data.raw.json_lines import collect, objects_of
from benchmark.data.raw.literals import json_of_block, literals_of
from benchmark.data.raw.product_columns import COLUMNS, Products
from benchmark.data.raw.text_files import BadLines, lines
from benchmark.data.sources import amazon_2014, amazon_2018, amazon_2023
from benchmark.errors import BenchError

PLACEHOLDER = "https://x/no-img-lg.gif"
SCRAP = '<span class="a-size'
TITLES = [
    "Oak lamp",
    " two  spaces",
    "A &amp; B",
    SCRAP,
    'x" />',
    "5 > 3",
    ".a {b}",
    "",
    None,
    ["A"],
    5,
]
TITLES += ["line\nend", "e\u0301", "by\n\n Microsoft", "<3", "\u0130\u017f"]
PRICES: list[Any] = [None, 1, 9.99, 0, -3, 1e300, "$5.00", "1,299.00", "", "1e3", "#9", True, [1]]
TEXTS = [[], ["plain"], ["a", None, "b <br> c"], [""], [None], "one text", None, ["x", 3], {"a": 1}]
PATHS = [[], ["A", "B"], ["A", "</span>x", "C"], ["A & B", "x\ny"], None, "text", [None], [3]]
DATED_PHOTOS = [None, "", PLACEHOLDER, "http://x/a.jpg", "http://x/no\u0130mg", 3]
PHOTOS = [*DATED_PHOTOS, [], [PLACEHOLDER], [PLACEHOLDER, "http://x/a.jpg"], [None], [""]]
IMAGES = [
    *PHOTOS,
    [{"large": PLACEHOLDER, "variant": "MAIN"}],
    [{"thumb": PLACEHOLDER, "hi_res": None}, {"large": "ok", "variant": "MAIN", "more": 1}],
    [None, {"large": 5}],
]
READ: dict[str, tuple[Any, Any, Any, dict[str, list[Any]]]] = {
    "2014": (
        amazon_2014.PRODUCTS,
        amazon_2014.Amazon2014Params(),
        (literals_of, json_of_block),
        {
            "title": TITLES,
            "brand": TITLES,
            "price": PRICES,
            "description": TEXTS,
            "categories": [*PATHS, *([path] for path in PATHS), [["B", "A"], ["A", "x"]]],
            "imUrl": PHOTOS,
        },
    ),
    "2018": (
        amazon_2018.PRODUCTS,
        amazon_2018.SOURCE.params(),
        (objects_of, lambda block: block),
        {
            "title": TITLES,
            "brand": TITLES,
            "price": PRICES,
            "description": TEXTS,
            "feature": TEXTS,
            "category": PATHS,
            "main_cat": TITLES,
            "image": PHOTOS,
            "imageURL": PHOTOS,
        },
    ),
    "2023": (
        amazon_2023.PRODUCTS,
        amazon_2023.Amazon2023Params(),
        (objects_of, lambda block: block),
        {
            "title": TITLES,
            "store": TITLES,
            "price": PRICES,
            "description": TEXTS,
            "features": TEXTS,
            "categories": PATHS,
            "main_category": TITLES,
            "images": IMAGES,
        },
    ),
}
#: Changes of a whole line.
CHANGES: list[tuple[str, str]] = [
    ("9.5", "09.5"),
    ("9.5", "9."),
    ("9.5", "-NaN"),
    ("9.5", '"\\ue0009.5"'),
    ("9.5", '"\ue0009.5"'),
    ("9.5", "9.5, 'price': 3"),
    ("{", "  {"),
    ("}", "} "),
    ("}", ""),
    ("[", "("),
    ("'title': ", "'title': 'joined ' "),
    ("'price'", "'pri\\x63e'"),
    ("it", "\\'it"),
    ("it", "\\N{BULLET}"),
    ("it", "\\ud83d"),
    ("it", "\t"),
    ("it", "\0"),
]


def plain(vintage: str, number: int) -> dict[str, Any]:
    fields = READ[vintage][0]
    record: dict[str, Any] = {fields.item: f"i{number}", fields.title: "it", fields.price: 9.5}
    return {**record, "related": {"price": 3, 'a"price': 4}}


def written(vintage: str) -> list[str]:
    """A line for every odd value, and for every change of a line."""
    put = repr if vintage == "2014" else (lambda record: json.dumps(record, ensure_ascii=False))
    found = []
    for key, values in READ[vintage][3].items():
        found += [put({**plain(vintage, len(found) + n), key: v}) for n, v in enumerate(values)]
    for old, new in CHANGES:
        line = put(plain(vintage, len(found)))
        if vintage != "2014":
            old, new = old.replace("'", '"'), new.replace("'", '"')
        found.append(line.replace(old, new, 1))
    found += [found[0], put(plain(vintage, 9_999)), json.dumps(plain(vintage, 8_888)), "", "[1]"]
    return found


def outcome(vintage: str, path: Path, on_error: Any, *, one_by_one: bool) -> object:
    fields, params, (objects, rewritten), _ = READ[vintage]
    wanted = {f"i{n}" for n in range(5_000)}
    reader = Products(fields, params, objects, rewritten, wanted=wanted)
    columns = reader.columns_of("A")
    bad = BadLines(path, on_error)
    try:
        if one_by_one:
            frame = collect(columns.rows(objects(lines(path, bad), bad), bad), COLUMNS)
        else:
            frame = read_columns(path, bad, columns, label="items", block_size=2_000)
    except BenchError as error:
        return str(error)
    return frame.to_dicts(), frame.schema, bad.notes(), +reader.counts, reader.unpictured


@pytest.mark.parametrize("vintage", READ)
def test_odd_metadata_in_columns_are_what_they_are_one_by_one(
    vintage, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(json_columns, "FEW", 1)
    path = tmp_path / "meta.json"
    every = written(vintage)
    path.write_text("\n".join(every), encoding="utf-8")
    together = outcome(vintage, path, "skip", one_by_one=False)
    assert together == outcome(vintage, path, "skip", one_by_one=True)
    assert isinstance(together, tuple)
    assert together[3]["prices that are no amount, treated as missing"] >= 5
    assert len(together[4]) >= 1
    for line in every:
        path.write_text(line, encoding="utf-8")
        told = [outcome(vintage, path, "raise", one_by_one=each) for each in (False, True)]
        assert told[0] == told[1]


@pytest.mark.parametrize("vintage", READ)
def test_lines_of_the_usual_kind_are_not_read_one_by_one(vintage, tmp_path, monkeypatch) -> None:
    fields, params, (objects, rewritten), _ = READ[vintage]
    put = repr if vintage == "2014" else json.dumps
    odd = {fields.title: 'It\'s <b>odd</b> &amp; "so"\n', fields.price: 3, fields.brand: "é"}
    path = tmp_path / "meta.json"
    records = [plain(vintage, n) | (odd if n % 2 else {fields.price: 1.5}) for n in range(300)]
    path.write_text("\n".join(map(put, records)), encoding="utf-8")
    seen: list[int] = []

    def counted(numbered: Any, bad: BadLines) -> Any:
        for number, record in objects(numbered, bad):
            seen.append(number)
            yield number, record

    reader = Products(fields, params, counted, rewritten, wanted={f"i{n}" for n in range(300)})
    frame = read_columns(path, BadLines(path, "raise"), reader.columns_of("A"), label="items")
    assert (len(frame), seen) == (300, [])
    assert frame.row(1)[1] == 'It\'s odd & "so"'
    assert frame["price"].sum() == 150 * 4.5

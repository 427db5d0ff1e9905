"""A source of another installed package: announced by entry point, prepared like any other."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from benchmark.data.preparing.prepare import prepare
from benchmark.data.sources import GROUP, Source
from benchmark.errors import BenchError
from benchmark.host.home import Home
from benchmark.registry import Registry

GUIDE = Path(__file__).parents[3] / "docs" / "add-a-dataset.md"
MODULE = """
import polars as pl
from pydantic import BaseModel
from benchmark.data.schema import RawDataset
from benchmark.data.sources import Source

def read(raw, params, *, on_error):
    rows = [(f"u{u}", f"i{(u + t) % 9}", t) for u in range(9) for t in range(4)]
    return RawDataset(
        items=pl.DataFrame({"item_id": [f"i{i}" for i in range(9)]}),
        interactions=pl.DataFrame(
            rows, schema=["user_id", "item_id", "timestamp"], orient="row"
        ),
        allow_repeats=False,
        rating_scale=None,
        terms="Made up.",
    )

class Params(BaseModel):
    pass

SOURCE = Source(
    name="my-shop", summary="mine", params=Params, read=read, needs_raw=False,
    default_name=lambda params: "my-shop",
)
NOTHING = 3
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """``install(line)``: a registry that reads the entry points of a distribution with it."""

    def install(line: str) -> Registry[Source]:
        (tmp_path / "my_shop_source.py").write_text(MODULE)
        metadata = tmp_path / "shop-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{line}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        registry: Registry[Source] = Registry("source", group=GROUP, of=Source)
        registry.add("sim", "benchmark.data.sources.sim:SOURCE")
        return registry

    yield install
    sys.modules.pop("my_shop_source", None)


def test_it_is_listed_without_an_import_and_prepared(install, tmp_path, monkeypatch) -> None:
    registry = install("my-shop = my_shop_source:SOURCE")
    assert list(registry) == ["sim", "my-shop"]
    assert "my_shop_source" not in sys.modules
    monkeypatch.setattr("benchmark.data.preparing.prepare.SOURCES", registry)
    dataset = prepare("my-shop", home=Home(tmp_path / "home"))
    assert dataset.info["statistics"]["users"] == 9


def test_the_guide_shows_the_group() -> None:
    shown = re.search(r'\[project\.entry-points\."([^"]+)"\]', GUIDE.read_text())
    assert shown is not None
    assert shown[1] == GROUP


def test_what_leads_to_no_source_is_refused(install) -> None:
    registry = install("my-shop = my_shop_source:NOTHING")
    with pytest.raises(BenchError, match="'my_shop_source:NOTHING' is no source"):
        registry.get("my-shop")


def test_a_name_that_is_taken_is_refused_at_every_look_up(install) -> None:
    registry = install("a-shop = my_shop_source:SOURCE\nsim = my_shop_source:SOURCE")
    for look_up in (list, len, lambda names: "sim" in names, lambda names: names.get("a-shop")):
        with pytest.raises(BenchError, match="Two sources are called 'sim'") as error:
            look_up(registry)
        assert "my_shop_source:SOURCE" in str(error.value.fix)

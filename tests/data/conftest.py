"""A tiny shop with everything a dataset can have, as a source whose rows a test may change."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image
from pydantic import BaseModel, ConfigDict

from benchmark.data.dataset import Dataset
from benchmark.data.preparing.prepare import prepare
from benchmark.data.raw.source import Source
from benchmark.data.schema import RawDataset
from benchmark.data.sources import SOURCES
from benchmark.host.home import Home

USERS, ITEMS, LENGTH = 20, 24, 8
_KINDS = ["Mugs", "Plates", "Lamps"]


class ShopParams(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    greeting: str = "hello"


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (shade % 256, 50, 200)).save(buffer, "PNG")
    return buffer.getvalue()


def shop_items() -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "item_id": f"i{i:02d}",
                "domain": "home",
                "title": f"Aurora {_KINDS[i % 3][:-1]} {i}",
                "category": ["Home & Living", "Kitchen", _KINDS[i % 3]],
                "brand": "Norby" if i % 2 else None,
                "price": 1.5 * i,
                "description": "Made by hand.",
                "attributes": [{"key": "material", "value": "oak" if i % 4 else "steel"}],
            }
            for i in range(ITEMS)
        ]
    )


def shop_interactions() -> pl.DataFrame:
    """Users interleaved, as a log is; no user has an item twice."""
    return pl.DataFrame(
        [
            {
                "user_id": f"u{u:02d}",
                "item_id": f"i{(u * 5 + t * 7) % ITEMS:02d}",
                "timestamp": 1000 * t,
                "rating": float(1 + (u + t) % 5),
                "review": f"Arrived on day {t}. This oak mug or lamp by Norby suits me {u}!",
                "summary": "fine",
                "domain": "home",
            }
            for t in range(LENGTH)
            for u in range(USERS)
        ]
    )


@dataclass
class Shop:
    """What the source ``shop`` will read; tests replace parts of it."""

    items: pl.DataFrame = field(default_factory=shop_items)
    interactions: pl.DataFrame = field(default_factory=shop_interactions)
    photos: Any = field(default_factory=lambda: [(f"i{i:02d}", png(10 * i)) for i in range(20)])
    allow_repeats: bool = False
    rating_scale: tuple[float, float] | None = (1.0, 5.0)

    def raw(self) -> RawDataset:
        return RawDataset(
            items=self.items,
            interactions=self.interactions,
            allow_repeats=self.allow_repeats,
            rating_scale=self.rating_scale,
            terms="Made up.",
            photos=self.photos,
            attachments={"truth.bin": b"the truth"},
        )


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    source = Source(
        name="shop",
        summary="a tiny shop",
        params=ShopParams,
        read=lambda raw, params, *, on_error: shop.raw(),
        default_name=lambda params: "shop",
        needs_raw=False,
        defaults={"new_users": 0.25, "history_window": 3},
    )
    with SOURCES.added("shop", source):
        yield shop


@pytest.fixture
def build(shop: Shop, tmp_path: Path) -> Callable[..., Dataset]:
    """``build(home="a", name="shop", **options of prepare)``."""

    def build(home: str = "home", **options: Any) -> Dataset:
        return prepare("shop", home=Home(tmp_path / home), **options)

    return build


def hm_folder(folder: Path) -> Path:
    """A raw folder in the Kaggle layout: 8 articles, 4 customers."""
    kinds = [("Ladieswear", "Trousers", "Shorts"), ("Menswear", "Shoes", "Boots")]
    header = (
        "article_id,prod_name,product_type_name,product_group_name,graphical_appearance_name,"
        "colour_group_name,department_name,index_group_name,section_name,garment_group_name,"
        "detail_desc"
    )
    rows = []
    for i in range(8):
        group, garment, kind = kinds[i % 2]
        rows.append(
            f'01{i:08d},Name {i},{kind},Garment,Solid,Black,Dept,{group},Sec,{garment},"a, b"'
        )
        photo = folder / "images" / "010" / f"01{i:08d}.jpg"
        photo.parent.mkdir(parents=True, exist_ok=True)
        if i:
            Image.new("RGB", (8, 8), (20 * i, 9, 9)).save(photo)
    (folder / "articles.csv").write_text("\n".join([header, *rows]) + "\n")
    lines = ["t_dat,customer_id,article_id,price,sales_channel_id"]
    lines += [
        f"2020-09-{1 + t:02d},c{c},01{(c + t // 2) % 8:08d},0.01,1"
        for t in range(6)
        for c in range(4)
    ]
    (folder / "transactions_train.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def hm_raw(tmp_path: Path) -> Path:
    return hm_folder(tmp_path / "hm-raw")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the repository; tests that need it skip when it is absent."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no ../shared/data beside the repository")
    return folder

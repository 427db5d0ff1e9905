"""Image metrics: hand-worked angles between colours, and the exact kernel discrepancy."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from benchmark.data.catalogue import Catalogue
from benchmark.data.schema import ITEM_COLUMNS
from benchmark.errors import BenchError, UsageError
from benchmark.metrics import image, image_judge, metric_named
from benchmark.vision import lite_weights

SIZE = 8
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "cyan": (0, 255, 255)}


class MuteJudge:
    """Sees the mean colour as a direction."""

    name = "colour"

    def images(self, images: Sequence[np.ndarray]) -> np.ndarray:
        means = np.stack([pixels.reshape(3, -1).mean(axis=1) for pixels in images])
        return means / np.linalg.norm(means, axis=1, keepdims=True)


class ColourJudge(MuteJudge):
    """Knows colour words, too."""

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.array([COLOURS[text] for text in texts], dtype=np.float64)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _png(colour: str, size: int = SIZE) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """One item per colour, called after it, with a photo of nothing but the colour."""
    rows = []
    for name, rgb in COLOURS.items():
        Image.new("RGB", (SIZE, SIZE), rgb).save(tmp_path / f"{name}.png")
        own = {"item_id": name, "image": f"{name}.png", "query": "warm" if rgb[0] else "cold"}
        rows.append({**dict.fromkeys(ITEM_COLUMNS), **own, "title": f"Item {name}"})
    return Catalogue(pl.DataFrame(rows, schema=ITEM_COLUMNS), images=tmp_path)


@pytest.fixture
def judges() -> list[MuteJudge]:
    """The last of them judges."""
    return [ColourJudge()]


@pytest.fixture
def score(catalogue: Catalogue, judges, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """``score(images, queries, targets)`` -> {base name: (metric, statistics)}."""
    monkeypatch.setattr(image_judge, "find_judge", lambda **_: judges[-1])

    def score(images, queries, targets):
        metrics, statistics = image.score(
            images,
            sizes=[SIZE] * len(images),
            queries=queries,
            targets=targets,
            catalogue=catalogue,
            features=tmp_path / "features",
            simulated=True,
        )
        assert [m.name for m in metrics] == list(statistics)
        return {m.name.rpartition("-")[0]: (m, statistics[m.name]) for m in metrics}

    return score


def _value(result, name: str) -> float:
    metric, rows = result[name]
    assert rows.shape[1] == metric.columns
    return float(metric.value(rows.mean(axis=0)))


def test_similarities_are_cosines_of_colours_by_hand(score) -> None:
    result = score([_png("cyan"), _png("red")], ["green", "green"], ["blue", "red"])
    assert result["target similarity"][1][:, 0] == pytest.approx([np.sqrt(0.5), 1.0])
    assert result["query similarity"][1][:, 0] == pytest.approx([np.sqrt(0.5), 0.0])


def test_the_targets_own_photo_is_the_ceiling(score) -> None:
    targets = ["red", "green", "blue"]
    result = score([_png(f"rgb{COLOURS[t]}") for t in targets], ["red"] * 3, targets)
    assert _value(result, "target similarity") == pytest.approx(1.0)
    assert _value(result, "KMMD") == pytest.approx(0.0, abs=1e-12)
    assert _value(result, "personalization margin") == pytest.approx(1.0)


def test_the_margin_is_over_the_other_targets_of_the_same_query(score) -> None:
    # "red" was asked by users who took red, red and cyan; "blue" by one user alone.
    queries, targets = ["red", "red", "red", "blue"], ["red", "red", "cyan", "blue"]
    result = score([_png("red"), _png("cyan"), _png("blue"), _png("blue")], queries, targets)
    _, rows = result["personalization margin"]
    assert rows[:, 1].tolist() == [1, 1, 1, 0]
    assert rows[:, 0] == pytest.approx([1 - 0, 0 - 1, np.sqrt(0.5) - 0, 0], abs=1e-9)
    assert _value(result, "personalization margin") == pytest.approx(np.sqrt(0.5) / 3)


def test_several_other_targets_count_once_each(score) -> None:
    queries, targets = ["red"] * 5, ["red", "green", "green", "green", "blue"]
    rows = score([_png("green")] * 5, queries, targets)["personalization margin"][1]
    assert rows[0, 0] == pytest.approx(0 - (1 + 0) / 2)


def test_one_picture_for_all_users_of_a_query_has_no_margin(score) -> None:
    result = score([_png("cyan")] * 2, ["red"] * 2, ["green", "blue"])
    assert _value(result, "personalization margin") == pytest.approx(0.0)


def test_without_a_second_target_the_margin_is_left_out_aloud(score, capsys) -> None:
    result = score([_png("red")], ["red"], ["red"])
    assert list(result) == ["target similarity", "query similarity", "KMMD"]
    assert "personalization margin-colour is left out" in capsys.readouterr().err


@pytest.mark.parametrize("bad", [None, b"", b"no image", _png("red")[:-20], _png("red", 16)])
def test_what_is_no_image_scores_the_worst(score, bad) -> None:
    result = score([bad, bad], ["red", "red"], ["red", "cyan"])
    assert _value(result, "target similarity") == -1
    assert _value(result, "query similarity") == -1
    assert _value(result, "personalization margin") == -2


def test_no_image_exceeds_the_discrepancy_of_a_failed_answer(score) -> None:
    queries, targets = ["red", "red"], ["red", "red"]
    failed = _value(score([None, None], queries, targets), "KMMD")
    assert failed == pytest.approx(2.0)  # all targets are one point, and the answer far from it
    assert _value(score([_png("blue")] * 2, queries, targets), "KMMD") < failed


def test_a_failed_answer_does_not_change_the_others(score) -> None:
    queries, targets = ["red"] * 3, ["red", "green", "blue"]
    with_it = score([_png("red"), None, _png("cyan")], queries, targets)
    without = score([_png("red"), _png("blue"), _png("cyan")], queries, targets)
    for name in with_it:
        assert np.array_equal(with_it[name][1][[0, 2]], without[name][1][[0, 2]])


def _exact(one: np.ndarray, other: np.ndarray, width: float) -> float:
    """Squared kernel MMD from all pairs, an element with itself included."""

    def mean_kernel(a: np.ndarray, b: np.ndarray) -> float:
        squared = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
        return float(np.exp(-squared / (2 * width**2)).mean())

    return mean_kernel(one, one) + mean_kernel(other, other) - 2 * mean_kernel(one, other)


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0, 3.0])
def test_random_features_agree_with_the_exact_kernel(shift: float) -> None:
    """Within 15% of the exact discrepancy, or 0.002 where there is none."""
    rng = np.random.default_rng(7)
    photos = rng.standard_normal((300, 64))
    images = rng.standard_normal((300, 64)) + shift * (np.arange(64) < 8)
    photos, images = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (photos, images))
    judged = image.Judged(
        images=images,
        failed=np.zeros(300, bool),
        queries=photos,
        photos=photos,
        target=np.arange(300),
    )
    rows = image.discrepancies(judged, image.kernel_frequencies(1.2, 64))
    value = float(image.KMMD("x").value(rows.mean(axis=0)))
    assert value == pytest.approx(_exact(images, photos, 1.2), rel=0.15, abs=0.002)


def test_the_far_point_is_the_exact_kernels_limit() -> None:
    rng = np.random.default_rng(3)
    photos = rng.standard_normal((200, 16))
    photos /= np.linalg.norm(photos, axis=1, keepdims=True)
    failed = np.zeros(200, bool)
    failed[:50] = True
    images = np.where(failed[:, None], 0.0, photos[::-1])
    judged = image.Judged(images, failed, photos, photos, np.arange(200))
    rows = image.discrepancies(judged, image.kernel_frequencies(1.0, 16))
    far = np.where(failed[:, None], 1e3, images)
    value = float(image.KMMD("x").value(rows.mean(axis=0)))
    assert value == pytest.approx(_exact(far, photos, 1.0), rel=0.1)


def test_lists_of_different_lengths_are_refused(score) -> None:
    with pytest.raises(BenchError, match="1 images were given for 2 targets"):
        image.score(
            [None],
            sizes=[8],
            queries=["a"],
            targets=["x", "y"],
            catalogue=None,
            features=None,
            simulated=True,
        )


def test_a_name_without_an_encoder_is_refused() -> None:
    assert metric_named("KMMD-ViT-B-32/openai").name == "KMMD-ViT-B-32/openai"
    with pytest.raises(UsageError, match="Unknown metric 'target similarity'"):
        metric_named("target similarity")


def test_a_query_looks_like_the_mean_photo_of_the_items_it_asks_for(score, judges) -> None:
    """Where the judge reads no texts: green, blue and cyan are cold, red alone is warm."""
    judges.append(MuteJudge())
    result = score([_png("red"), _png("green")], ["warm", "cold"], ["red", "green"])
    green, blue, cyan = np.array([0, 1, 0]), np.array([0, 0, 1]), np.array([0, 1, 1]) / np.sqrt(2)
    cold = green + blue + cyan
    expected = [1.0, float(green @ cold / np.linalg.norm(cold))]
    assert result["query similarity"][1][:, 0] == pytest.approx(expected)


def test_a_query_without_photos_looks_like_nothing(score, judges) -> None:
    judges.append(MuteJudge())
    result = score([_png("red")], ["nobody asks this"], ["red"])
    assert result["query similarity"][1][:, 0].tolist() == [0.0]


def test_photos_are_judged_once_and_again_where_one_has_changed(
    score, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [_png("red")], ["red"], ["cyan"]
    first = score(*asked)
    seen: list[int] = []
    images = MuteJudge.images
    monkeypatch.setattr(
        MuteJudge, "images", lambda self, some: seen.append(len(some)) or images(self, some)
    )
    again = score(*asked)
    assert seen == [1]  # the drawing alone
    for name in first:
        assert np.array_equal(first[name][1], again[name][1])
    Image.new("RGB", (SIZE, SIZE), "red").save(catalogue.images / "cyan.png")
    assert score(*asked)["target similarity"][1][0, 0] == pytest.approx(1.0)


@pytest.fixture(autouse=True)
def _no_judge_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(image_judge.VARIABLE, raising=False)


def test_real_photos_are_scored_in_the_packaged_encoders_space(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    if missing := lite_weights.why_not():
        pytest.skip(missing)
    metrics, statistics = image.score(
        [_png("red"), _png("blue")],
        sizes=[SIZE] * 2,
        queries=["warm", "warm"],
        targets=["red", "red"],
        catalogue=catalogue,
        features=tmp_path / "features",
        simulated=False,
    )
    assert all("-efficientnet-lite0-" in metric.name for metric in metrics)
    target, query = (statistics[metric.name][:, 0] for metric in metrics[:2])
    assert target[0] == pytest.approx(1.0, abs=1e-6)  # its own photo, at the size asked for
    assert target[1] < 0.99
    assert query == pytest.approx(target)  # red alone is warm


def test_one_image_for_all_has_no_margin_unless_their_targets_repeat() -> None:
    """Two photos at right angles; the first is drawn for every user."""

    def margin(target: list[int]) -> float:
        photos, n = np.eye(2), len(target)
        judged = image.Judged(
            images=np.tile(photos[0], (n, 1)),
            failed=np.zeros(n, bool),
            queries=np.zeros((n, 2)),
            photos=photos,
            target=np.array(target),
        )
        return float(
            image.PersonalizationMargin("x").value(image.margins(judged, ["q"] * n).mean(0))
        )

    assert margin([0, 1]) == 0.0  # (1 - 0) + (0 - 1)
    assert margin([0, 0, 0, 1]) == 0.5  # three users at 1 - 0, one at 0 - 1


@pytest.mark.parametrize(
    ("name", "message"), [("ViT-B-32", "names no weights"), ("ViT-B-32/none", "cannot be loaded")]
)
def test_a_judge_that_cannot_be_had_is_named(
    name: str, message: str, catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(image_judge.VARIABLE, name)
    with pytest.raises(BenchError, match=message) as failure:
        image_judge.find_judge(simulated=True)
    assert image_judge.VARIABLE in str(failure.value)


def test_weights_on_disk_judge_under_their_file_name_where_they_are_finite(
    catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors.torch import save_file

    from benchmark.host.torch_setup import prepare_torch

    prepare_torch()
    import open_clip

    tower = {"layers": 1, "width": 64, "head_width": 32, "patch_size": 16, "image_size": 32}
    words = {"layers": 1, "width": 32, "heads": 2, "context_length": 16, "vocab_size": 49408}
    shape = {"embed_dim": 16, "vision_cfg": tower, "text_cfg": words}
    (tmp_path / "tiny-test.json").write_text(json.dumps(shape))
    open_clip.add_model_config(tmp_path / "tiny-test.json")
    torch.manual_seed(0)
    model = open_clip.create_model("tiny-test")
    save_file(
        {k: t.contiguous() for k, t in model.state_dict().items()}, tmp_path / "w.safetensors"
    )
    monkeypatch.setenv(image_judge.VARIABLE, f"tiny-test/{tmp_path / 'w.safetensors'}")
    judge = image_judge.find_judge(simulated=True)
    assert re.fullmatch("tiny-test/w-[0-9a-f]{8}", judge.name)
    assert image_judge.find_judge(simulated=True).name == judge.name
    assert judge.size == 32
    photos = [Path(str(item.image)) for item in catalogue]
    assert judge.photos(photos).shape == (4, 16)
    assert judge.texts(["things mugs"]).shape == (1, 16)

    weights = model.state_dict()
    weights["visual.proj"][0, 0] += 1
    save_file({k: t.contiguous() for k, t in weights.items()}, tmp_path / "w.safetensors")
    retrained = image_judge.find_judge(simulated=True)
    assert retrained.name != judge.name, "vectors of the old weights would be taken for its own"

    weights["visual.proj"][0, :2] = float("inf")
    save_file({k: t.contiguous() for k, t in weights.items()}, tmp_path / "w.safetensors")
    with pytest.raises(BenchError, match=r"tiny-test.*visual\.proj holds 2 infinite") as error:
        image_judge.find_judge(simulated=True)
    assert image_judge.VARIABLE in str(error.value.fix)

"""Sources: the question stands whole, the history is cut to the latest items."""

from __future__ import annotations

import pytest

from baselines.generative.sources import WIDTH, Past, Writer, collate, same_shape
from benchmark.instances import Item

ITEMS = [Item(name, title="mug") for name in "abcdef"]
NUMBERS = {name: number for number, name in enumerate("abcdef", start=11)}


def writer(pieces, length, **further) -> Writer:
    return Writer(pieces, NUMBERS, length=length, words=512, **further)


def text(pieces, source) -> str:
    return pieces.decode(source.tokens)


def test_of_a_history_too_long_the_latest_items_stay_and_the_question_is_whole(pieces):
    parts = ["someone", Past(ITEMS), "take next ?"]
    whole = writer(pieces, 100).source(parts)
    assert text(pieces, whole) == (
        "someone item_11 , item_12 , item_13 , item_14 , item_15 , item_16 take next ?"
    )
    for length in range(len(whole.tokens) - 1, 8, -1):
        source = writer(pieces, length).source(parts)
        cut = text(pieces, source)
        assert len(source.tokens) <= length
        assert cut.startswith("someone")
        assert cut.endswith("take next ?")
        kept = cut.removeprefix("someone").removesuffix(" take next ?").strip()
        assert "item_11 , item_12 , item_13 , item_14 , item_15 , item_16".endswith(kept)
    assert source.tokens[-1] == pieces.end


def test_a_question_that_is_too_long_itself_is_not_cut(pieces):
    source = writer(pieces, 5).source(["which item will someone", Past(ITEMS), "take next ?"])
    assert text(pieces, source) == "which item will someone take next ?"


def test_unknown_items_are_left_out_of_a_history_and_unnamed_in_a_question(pieces):
    stranger = Item("zzz")
    source = writer(pieces, 100).source(["the", stranger, Past([ITEMS[0], stranger, ITEMS[1]])])
    assert "zzz" not in text(pieces, source)
    assert text(pieces, source).endswith("item_11 , item_12")


def test_a_photo_takes_words_of_its_own_behind_its_items_name(pieces):
    source = writer(pieces, 100, slots=2).source([ITEMS[0], Past(ITEMS[1:3]), "?"])
    is_slot = [token == pieces.slot for token in source.tokens]
    assert sum(is_slot) == 2 * len(source.shown) == 6
    assert [item.item_id for item in source.shown] == ["a", "b", "c"]
    words = [word for word, slot in zip(source.words, is_slot, strict=True) if slot]
    assert len(set(words)) == 6


def test_photos_of_items_that_were_cut_off_are_cut_off_too(pieces):
    source = writer(pieces, 14, slots=2).source([Past(ITEMS), "?"])
    assert source.shown == ITEMS[-len(source.shown) :]
    assert source.tokens.count(pieces.slot) == 2 * len(source.shown) > 0


def test_padding_is_by_a_sources_own_length(pieces):
    sources = [writer(pieces, 100).source([Past(ITEMS[:n]), "?"]) for n in range(7)]
    assert {source.width % WIDTH for source in sources} == {0}
    batch = collate(sources, pieces.pad, [[1], *[[2, 1]] * 6])
    assert batch.real.sum(1).tolist() == [len(source.tokens) for source in sources]
    assert batch.targets.tolist()[:2] == [[1, -100], [2, 1]]
    assert not batch.words[~batch.real].any()


@pytest.mark.parametrize("company", [1, 3, 7])
def test_how_many_rows_are_read_together_hangs_on_the_row_alone(pieces, company):
    sources = [writer(pieces, 100).source([Past(ITEMS[:n]), "?"]) for n in range(7)]
    shapes = {}
    for places, beams, rows in same_shape(sources[:company], [4] * company, room=300, most=8):
        assert len({sources[place].width for place in places}) == 1
        shapes |= dict.fromkeys(places, (beams, rows))
    assert shapes == {p: (4, max(1, 300 // (4 * sources[p].width))) for p in range(company)}

"""Text in pieces: numbers in pairs of digits, words as trained, nothing lost on the way back."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, models

from baselines.generative.numbering import numbers
from baselines.generative.pieces import MARK, Pieces, train_tokenizer, whole_words
from benchmark.errors import BenchError


def names(pieces: Pieces, text: str) -> list[str]:
    return [pieces.tokenizer.id_to_token(token) for token in pieces.encode(text).tokens]


@pytest.mark.parametrize(
    ("number", "cut"),
    [
        (7, ["7"]),
        (12, ["12"]),
        (100, ["10", "0"]),
        (2026, ["20", "26"]),
        (90210, ["90", "21", "0"]),
    ],
)
def test_a_number_is_cut_into_pairs_of_digits(pieces, number, cut):
    assert names(pieces, f"item_{number}") == [f"{MARK}item", "_", *cut]


def test_text_comes_back_from_its_pieces(pieces):
    text = "the blue mug , item_1203 and user_8 ?"
    assert pieces.decode(pieces.encode(text).tokens) == text


def test_every_word_and_nothing_else_begins_a_word(pieces):
    written = pieces.encode("the red mug , item_1203")
    assert sum(written.starts) == 5
    assert whole_words(written.starts, most=511)[-4:] == [5, 5, 5, 5]


def test_words_past_the_table_share_its_last_row():
    assert whole_words([True] * 6, most=4) == [1, 2, 3, 4, 4, 4]


def test_generated_text_holds_no_special_piece_and_begins_with_one_that_shows(pieces):
    assert pieces.unspeakable[[pieces.pad, pieces.unknown, pieces.slot]].all()
    assert not pieces.unspeakable[pieces.end]
    assert pieces.no_beginning[[pieces.pad, pieces.end, pieces.unknown]].all()
    assert not pieces.no_beginning[pieces.encode("mug").tokens[0]]


def test_a_tokenizer_without_t5s_special_pieces_is_refused():
    with pytest.raises(BenchError, match="no piece '<pad>'"):
        Pieces(Tokenizer(models.WordLevel({"a": 0}, unk_token="a")))


def test_the_same_texts_give_the_same_tokenizer():
    texts = ["a mug of oak", "an oak chair", "a chair"] * 5
    assert train_tokenizer(texts, size=300).to_str() == train_tokenizer(texts, size=300).to_str()


def test_shuffled_numbers_are_all_there_in_another_order_for_each_seed():
    one, other = numbers(500, "shuffled", seed=0), numbers(500, "shuffled", seed=1)
    assert sorted(one) == sorted(other) == list(range(1, 501))
    assert (one != other).any()
    assert (one == numbers(500, "shuffled", seed=0)).all()
    # In order the next number is the last one plus one; shuffled, hardly ever.
    assert ((one[1:] - one[:-1]) == 1).mean() < 0.02
    assert numbers(4, "in-order", seed=0).tolist() == [1, 2, 3, 4]

"""Words of any script; of English they are what they always were."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator

import pytest

from benchmark.words import (
    joined_words,
    parted_words,
    spaced,
    stands_alone,
    underscored_words,
    written_words,
)

#: Signs as English texts hold them, typographic ones included.
ENGLISH = "abcXYZ  019'-_.,!?’“”–…™€"


def _texts(characters: str, count: int = 2000) -> Iterator[str]:
    draw = random.Random(0)
    for _ in range(count):
        yield "".join(draw.choices(characters, k=draw.randrange(14)))


def test_english_words_are_those_of_the_patterns_before() -> None:
    joined = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
    for text in _texts(ENGLISH + "éñß²½"):
        assert written_words(text) == joined_words(text) == joined.findall(text.lower()), text
        assert underscored_words(text) == re.findall(r"\w+", text.lower()), text


def test_words_of_rouge_are_rouge_scores_own_in_english() -> None:
    tokenize = pytest.importorskip("rouge_score.tokenize").tokenize
    for text in _texts(ENGLISH + "²½"):
        own = tokenize(text, None)
        assert parted_words(text) == own or not own, text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("मुझे यह क्रीम पसंद है।", ["मुझे", "यह", "क्रीम", "पसंद", "है"]),
        ("שלום, עולם!", ["שלום", "עולם"]),
        ("هذا القناعُ ناعم", ["هذا", "القناعُ", "ناعم"]),
        ("می\u200cخواهم این را", ["می\u200cخواهم", "این", "را"]),
        ("我喜欢 nice 2", ["我", "喜", "欢", "nice", "2"]),
        ("このクリームは", ["こ", "の", "クリーム", "は"]),
        ("นี้ดี", ["นี้", "ดี"]),
        ("Ärzte für café", ["ärzte", "für", "café"]),
    ],
)
def test_words_keep_their_marks_and_where_no_space_parts_them_are_letters(
    text: str, words: list[str]
) -> None:
    for form in ("NFC", "NFD"):
        for split in (joined_words, underscored_words, parted_words):
            composed = [unicodedata.normalize("NFC", word) for word in words]
            assert split(unicodedata.normalize(form, text)) == composed


def test_a_text_without_letters_has_its_signs_for_words() -> None:
    assert parted_words("👩\u200d👩\u200d👧 👍👍") == ["👩\u200d👩\u200d👧", "👍", "👍"]
    assert parted_words("nice 👍") == ["nice"]
    assert parted_words("...") == []


def test_spaces_are_set_around_letters_of_scripts_without_them_alone() -> None:
    assert spaced("我 ok喜").split() == ["我", "ok", "喜"]
    assert spaced("Größe, ok.") == "Größe, ok."
    assert written_words("母婴用品 & T-shirt") == ["母婴用品", "t-shirt"]
    assert stands_alone("นี้")
    assert not stands_alone("है")
    assert not stands_alone("ok")

"""Comments and docstrings are left out of what identifies code, and nothing else is."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import pytest

from benchmark.models.prose import without_prose

ROOT = Path(__file__).parents[2]
SPACE = (tokenize.ENCODING, tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT)
CODE = b'''"""A module."""

# why
LIMIT = 3  # at most


class Box:
    """A box."""

    size: int
    """Of a side."""

    def fill(self, text="# not a comment"):
        """Fill it.

        With text.
        """
        return {"a": """# kept""", 'b': f"{text}  # kept"}
'''


def test_words_about_code_are_left_out():
    assert without_prose(CODE) == (
        b'\nLIMIT = 3\nclass Box:\n    size: int\n    def fill(self, text="# not a comment"):\n'
        b'        return {"a": """# kept""", \'b\': f"{text}  # kept"}\n'
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"A box.", b"A large box."),
        (b"# why", b"# because of the shelf"),
        (b"  # at most", b""),
        (b"\n\nclass", b"\n\n\n\nclass"),
        (b'    """Of a side."""\n', b""),
        (b"\n", b"\r\n"),
    ],
)
def test_a_word_changed_changes_nothing(old, new):
    assert CODE.replace(old, new) != CODE
    assert without_prose(CODE.replace(old, new)) == without_prose(CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"LIMIT = 3", b"LIMIT = 4"),
        (b"# not a comment", b"# another default"),
        (b'"""# kept"""', b'"""# altered"""'),
        (b"{text}  # kept", b"{text}"),
        (b"        return", b"    return"),
    ],
)
def test_code_changed_changes_it(old, new):
    assert without_prose(CODE.replace(old, new)) != without_prose(CODE)


@pytest.mark.parametrize(
    "source",
    [
        b'x = "a" "b"\n',
        b'x = (\n    "a"\n    "b"\n)\n',
        b'x = \\\n    "a"\n',
        b'x = {\n    "a":\n    """b"""\n}\n',
        b'print("a", """\nb\n\n\n""")\n',
        rb'x = "\"# not a comment"' + b"\n",
    ],
)
def test_strings_that_are_values_stay(source):
    strings = [t for t in tokens(source) if t.type == tokenize.STRING]
    assert strings
    assert all(string.string.encode() in without_prose(source) for string in strings)


def tokens(source):
    return [t for t in tokenize.tokenize(io.BytesIO(source).readline) if t.type not in SPACE]


def significant(source):
    """The tokens of a source but for comments and statements of one string, by Python's own."""
    kept, statement = [], []
    for token in tokens(source):
        if token.type not in (tokenize.NEWLINE, tokenize.ENDMARKER):
            statement.append(token)
            continue
        if [t.type for t in statement] != [tokenize.STRING]:
            kept += [t.string for t in statement]
        statement = []
    return _bare("".join(kept))


def _bare(text):
    """What is left without white space, and without what Python 3.12 and later drop in tokens.

    They cut an f-string into pieces and halve its doubled braces.
    """
    text = "".join(text.replace("\\\n", "").split())
    return re.sub(r"([{}])\1+", r"\1", text)


@pytest.mark.parametrize("package", ["benchmark", "baselines", "unimp_model", "leaderboards"])
def test_of_every_file_of_ours_the_code_is_left_and_only_that(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        source = file.read_bytes()
        assert _bare(without_prose(source).decode()) == significant(source), file

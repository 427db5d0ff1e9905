"""What of a source file no run reads: comments, docstrings, and how lines are spaced.

A word mended in a docstring changes no number, so it must not change the identity of a fit either.
"""

from __future__ import annotations

import re

#: A string, a comment, or a bracket; what lies between matches is code without any of them. Before
#: Python 3.12 no f-string holds its own quote, and our files are read by Python 3.11 too.
_TOKEN = re.compile(
    rb'''(?P<string>(?<!\w)[rRbBuUfF]{0,2}(?:"""(?:[^\\]|\\.)*?"""|\'\'\'(?:[^\\]|\\.)*?\'\'\''''
    rb"""|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))"""
    rb"""|(?P<comment>\#[^\n]*)|(?P<open>[(\[{])|(?P<close>[)\]}])""",
    re.DOTALL,
)
_LINE_BEGINS = re.compile(rb"(?<!\\)\n[ \t]*\Z")
_LINE_ENDS = re.compile(rb"[ \t]*(?:\#[^\n]*)?(?:\n|\Z)")
_BETWEEN_LINES = re.compile(rb"[ \t]*\n(?:[ \t]*\n)*")


def without_prose(source: bytes) -> bytes:
    """Return Python ``source`` without comments, blank lines and statements that are only a string.

    Such a statement is a docstring, or describes the field above it. What is left need not run:
    a class of nothing but its docstring has no body. Two sources with the same rest run alike,
    but for what reads ``__doc__``.
    """
    kept, code, depth, at = bytearray(), bytearray(), 0, 0
    text = source.replace(b"\r\n", b"\n")
    for match in _TOKEN.finditer(text):
        code += text[at : match.start()]
        at = match.end()
        if match["comment"]:
            continue
        if match["string"]:
            begins = _LINE_BEGINS.search(code) or not (kept or code.strip())
            if depth == 0 and begins and _LINE_ENDS.match(text, at):
                continue
            kept += _BETWEEN_LINES.sub(b"\n", bytes(code)) + match["string"]
            code.clear()
            continue
        depth += 1 if match["open"] else -1
        code += match[0]
    code += text[at:]
    return bytes(kept + _BETWEEN_LINES.sub(b"\n", bytes(code)))

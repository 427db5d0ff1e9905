"""Findings of verification: a stable code, a place, one sentence that names the value.

Whatever came from a submission goes through :func:`shown` before it enters a message: it is
shortened and every character that is not printable ASCII is escaped, so that a finding is safe
on a terminal. Pages escape it once more, as they do all text.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Longest quotation of a submitted value in a message.
_QUOTED = 60
#: Places are paths inside the submission, cut where somebody made one long.
_PLACE = 120


@dataclass(frozen=True, slots=True)
class Finding:
    """Reports one thing that is wrong, or (``warning``) worth a maintainer's look.

    ``where`` is a path inside the submission, with a field or an instance where there is one.
    """

    code: str
    where: str
    message: str
    warning: bool = False

    def as_json(self) -> dict[str, str]:
        """Return the object that ``unimp-bench verify --json`` prints."""
        return {"code": self.code, "where": self.where, "message": self.message}


class Refused(Exception):
    """Signals that reading cannot go on; carries the finding that says why."""

    def __init__(self, code: str, where: str, message: str) -> None:
        super().__init__(message)
        self.finding = Finding(code, where, message)


def shown(value: object) -> str:
    """Quote ``value`` for a message: printable ASCII, at most some 60 characters."""
    if isinstance(value, str):
        cut = value[: _QUOTED + 1]  # before ascii(): a huge string must not be escaped whole
        text = ascii(cut[:_QUOTED])
        return f"{text[:_QUOTED]}..." if len(cut) > _QUOTED or len(text) > 2 * _QUOTED else text
    if isinstance(value, (bool, float)) or value is None:
        return repr(value)
    if isinstance(value, int):
        return (
            repr(value) if value.bit_length() <= 64 else f"an integer of {value.bit_length()} bits"
        )
    return f"a {type(value).__name__}"


def place(*parts: object) -> str:
    """Join ``parts`` to a path that is safe to print."""
    text = "/".join(str(part)[:_PLACE] for part in parts)
    return text[:_PLACE].encode("ascii", "backslashreplace").decode("ascii").translate(_CONTROLS)


_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127)}

"""Where a result goes: its format, from ``--format`` or the name of a file, and the file."""

from __future__ import annotations

from pathlib import Path

from benchmark.errors import UsageError

#: Endings of files -> the format they ask for.
_ENDINGS = {
    "txt": "text", "text": "text", "md": "md", "tex": "tex", "html": "html", "csv": "csv",
    "json": "json",
}  # fmt: skip


def chosen_format(output_format: str | None, out: Path | None, *, as_json: bool) -> str:
    """Return the format asked for: by ``--json``, ``--format`` or the ending of ``--out``.

    ``text`` where nothing is said. Raises :class:`UsageError` where they contradict each other,
    ``out`` is a folder, the format is unknown, or the ending alone is to say it and is no format's.
    """
    from benchmark.report.formats.render import check_format

    if out is not None and (not out.name or out.is_dir()):
        raise UsageError(f"--out {str(out)!r} is a folder.", fix="Give the name of a file.")
    if output_format is not None:
        check_format(output_format)
    if as_json and output_format not in (None, "json"):
        raise UsageError(
            f"--json contradicts --format {output_format}.", fix="Leave out one of them."
        )
    asked = "json" if as_json else output_format
    suffix = "" if out is None else out.suffix.lower().removeprefix(".")
    ending = _ENDINGS.get(suffix)
    if asked is None and suffix and ending is None:
        raise UsageError(
            f"--out {str(out)!r} ends in .{suffix}, which is no format of a table.",
            fix=f"Give a name that ends in {', '.join(f'.{e}' for e in _ENDINGS)}, or --format.",
        )
    if asked is not None and ending is not None and asked != ending:
        said = "--json" if as_json else f"--format {asked}"
        raise UsageError(
            f"--out {str(out)!r} contradicts {said}.",
            fix=f"Give a name that ends otherwise, or leave out {said.partition(' ')[0]}.",
        )
    return asked or ending or "text"


def deliver(content: str, out: Path | None) -> None:
    """Print ``content``, or write it to ``out`` at once and as a whole."""
    if out is None:
        print(content)
        return
    from benchmark.host.files import output_path

    with output_path(out) as place:
        place.write_text(content + "\n", encoding="utf-8")

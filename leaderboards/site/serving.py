"""Serves a built site over HTTP, to this machine alone."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError, UsageError
from leaderboards.site.writing import read_marker

_ADDRESS = "127.0.0.1"


def site_server(folder: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of the site in ``folder``, not yet running; port 0 takes a free one.

    Raises :class:`UsageError` when there is no site and :class:`BenchError` for a taken port.
    """
    files = read_marker(folder)
    if files is None:
        raise UsageError(
            f"There is no site in {str(folder)!r}.",
            fix=f"Make it: unimp-bench leaderboard build --out {folder}",
        )
    try:
        return ThreadingHTTPServer(
            (_ADDRESS, port), partial(_Handler, directory=str(folder.absolute()), files=files)
        )
    except OSError as error:
        raise BenchError(
            f"Cannot listen on port {port}: {error.strerror}.", fix="Choose another --port."
        ) from error


class _Handler(SimpleHTTPRequestHandler):
    """Gives out the site's own files and nothing that lies or is linked beside them."""

    def __init__(self, *arguments: Any, files: set[str], **options: Any) -> None:
        self._files = files
        super().__init__(*arguments, **options)

    def send_head(self) -> Any:
        wanted = Path(self.translate_path(self.path)).relative_to(self.directory)
        name = "index.html" if wanted == Path() else wanted.as_posix()
        if name not in self._files:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def end_headers(self) -> None:
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: who requests what is nobody's business."""

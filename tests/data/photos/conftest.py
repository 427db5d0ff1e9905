"""A server on this machine that fails in every way a server of photos can."""

from __future__ import annotations

import io
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

SILENCE = 0.6
"""Seconds for which the server says nothing; longer than the tests' timeout."""


def photo(shade: int = 0, size: int = 24, kind: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(shade).integers(0, 256, (size, size, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def flat(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (24, 24), colour).save(buffer, "JPEG")
    return buffer.getvalue()


BIG = photo(1, 300, "PNG")


class Handler(BaseHTTPRequestHandler):
    """The first part of a path says what happens, the rest makes addresses differ."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        what = self.path.split("/")[1].split("?")[0]
        with self.server.lock:
            self.server.asked[self.path] += 1
            self.server.times.append(time.monotonic())
            self.server.ranges.append(self.headers.get("Range"))
            again = self.server.asked[self.path] > 1
        self.close_connection = True
        getattr(self, what.replace("-", "_"))(again)

    def send(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def good(self, again: bool) -> None:
        self.send(photo(hash(self.path) % 1000))

    def busy_once(self, again: bool) -> None:
        self.good(again) if again else self.send(b"later", 503, Retry_After="7")

    def busy(self, again: bool) -> None:
        self.send(b"", 429)

    def missing(self, again: bool) -> None:
        self.send(b"<html>nothing here</html>", 404)

    def forbidden(self, again: bool) -> None:
        self.send(b"", 403)

    def silent(self, again: bool) -> None:
        time.sleep(SILENCE)

    def silent_inside(self, again: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5000")
        self.end_headers()
        self.wfile.write(b"\xff\xd8")
        self.wfile.flush()
        time.sleep(SILENCE)

    def drip(self, again: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        try:
            for _ in range(400):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.01)
        except OSError:
            pass  # the client has had enough

    def closed(self, again: bool) -> None:
        pass

    def nonsense(self, again: bool) -> None:
        self.wfile.write(b"\x00\x01\x02 no HTTP at all\r\n\r\n")

    def endless_header(self, again: bool) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000)

    def half(self, again: bool) -> None:
        """Breaks off in the middle, always; without ranges."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(BIG)))
        self.end_headers()
        self.wfile.write(BIG[: len(BIG) // 2])

    def half_once(self, again: bool, etag: str = '"one"', honest: bool = True) -> None:
        """Breaks off in the middle; goes on where it is asked to."""
        start = 0
        if (asked := self.headers.get("Range")) and self.headers.get("If-Range") == etag:
            start = int(asked.removeprefix("bytes=").split("-")[0])
        content = BIG[start:]
        self.send_response(206 if start else 200)
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(content)))
        if start:
            first = start if honest else 3
            self.send_header("Content-Range", f"bytes {first}-{len(BIG) - 1}/{len(BIG)}")
        self.end_headers()
        self.wfile.write(content if again else content[: len(BIG) // 2])

    def short_parts(self, again: bool) -> None:
        """Breaks off in the middle; each part that is asked for ends before the file does."""
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        end = min(start + len(BIG) // 2 if asked is None else start + len(BIG) // 3, len(BIG))
        self.send_response(206 if start else 200)
        self.send_header("ETag", '"one"')
        self.send_header("Content-Length", str(end - start if start else len(BIG)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(BIG)}")
        self.end_headers()
        self.wfile.write(BIG[start:end])

    def half_changed(self, again: bool) -> None:
        """Another file each time: a half of one and a half of the other are no photo."""
        self.half_once(again, etag=f'"{again}"')

    def half_wrong_part(self, again: bool) -> None:
        self.half_once(again, honest=self.server.asked[self.path] > 2)

    def no_such_part(self, again: bool) -> None:
        if self.headers.get("Range"):
            self.send(b"", 416)
        else:
            self.half_once(self.server.asked[self.path] > 2)

    def chunked_half(self, again: bool) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"10\r\n" + BIG[:16] + b"\r\nffff\r\n" + BIG[16:50])

    def huge(self, again: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(10**12))
        self.end_headers()

    def huge_unsaid(self, again: bool) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(1000):
                self.wfile.write(b"x" * 100_000)
        except OSError:
            pass

    def loop(self, again: bool) -> None:
        self.send(b"", 302, Location=self.path)

    def moved(self, again: bool) -> None:
        self.send(b"", 301, Location="/good/moved")

    def moved_without_end(self, again: bool) -> None:
        self.send_response(302)
        self.send_header("Location", "/good/moved")
        self.end_headers()
        try:
            for _ in range(400):
                self.wfile.write(b"x" * 1000)
                self.wfile.flush()
                time.sleep(0.01)
        except OSError:
            pass

    def head_in_drops(self, again: bool) -> None:
        try:
            for _ in range(400):
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                self.wfile.flush()
                time.sleep(0.01)
        except OSError:
            pass

    def rude(self, again: bool) -> None:
        self.wfile.write(b"HTTP/1.1 403 \x1b[2J\x1b]0;mine\x07\r\nContent-Length: 0\r\n\r\n")

    def to_a_file(self, again: bool) -> None:
        self.send(b"", 302, Location="file:///etc/hostname")

    def to_ftp(self, again: bool) -> None:
        self.send(b"", 302, Location="ftp://127.0.0.1/x")

    def to_nowhere(self, again: bool) -> None:
        self.send(b"", 302)

    def page(self, again: bool) -> None:
        self.send(b"<!DOCTYPE html><html>Not a robot?</html>", Content_Type="image/jpeg")

    def same(self, again: bool) -> None:
        self.send(photo(5))

    def grey(self, again: bool) -> None:
        self.send(flat((128, 128, 128)))

    def empty(self, again: bool) -> None:
        self.send(b"")

    def cut(self, again: bool) -> None:
        whole = photo(9, 200)
        self.send(whole[: len(whole) // 2])


class Server(ThreadingHTTPServer):
    daemon_threads = True
    big = BIG

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.asked: Counter[str] = Counter()
        self.times: list[float] = []
        self.ranges: list[str | None] = []

    def at(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"

    def handle_error(self, *_: object) -> None:
        pass  # clients that hang up


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def photo_bytes() -> Callable[..., bytes]:
    """``photo_bytes(shade, size=24, kind="JPEG")``: a photo of noise."""
    return photo


@pytest.fixture
def one_colour() -> bytes:
    return flat((9, 9, 9))

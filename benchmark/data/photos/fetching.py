"""Fetch one photo over HTTP: with patience, at a pace, and never more than asked for."""

from __future__ import annotations

import http
import http.client
import io
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

_BLOCK = 1 << 16
#: Answers after which the same request may succeed.
_FOR_NOW = (408, 425, 429, 500, 502, 503, 504)
_LONGEST_WAIT = 60.0
#: A whole answer, head and body, may take so many times what a connection may be silent.
_WHOLE = 6
_SAFE = "%/:=&?~#+!$,;'@()*[]"


class NotFetchedError(Exception):
    """Says why a photo could not be fetched; ``final`` where trying again is of no use."""

    def __init__(self, why: str, *, final: bool) -> None:
        super().__init__(why)
        self.why = why
        self.final = final


class TooLargeError(NotFetchedError):
    """Says that an answer is larger than asked for."""


@dataclass(frozen=True)
class Manners:
    """Says how patiently and how fast photos are asked for."""

    rate: float = 5.0
    """Requests a second, over all threads."""
    retries: int = 4
    """Tries after the first; the wait before each is twice the last."""
    timeout: float = 20.0
    """Seconds without a byte that end a connection; a whole answer may take six times that."""
    most_bytes: int = 20_000_000
    first_wait: float = 1.0


class _Again(Exception):
    """A failure that may pass; ``wait`` seconds at least are asked for."""

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.wait = wait


@dataclass
class _Transfer:
    """What has arrived of one file, and what proves that it is still the same file."""

    content: bytearray = field(default_factory=bytearray)
    validator: str | None = None

    def start_again(self) -> None:
        self.content.clear()
        self.validator = None


class _Until(io.RawIOBase):
    """Reads from a connection until a deadline, however little each part of it takes."""

    def __init__(self, source: io.RawIOBase, deadline: float) -> None:
        self._source = source
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if time.monotonic() > self._deadline:
            raise TimeoutError
        return self._source.readinto(buffer)

    def close(self) -> None:
        self._source.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer that ends: a head, too, can come in drops, or begin over and over."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        deadline = time.monotonic() + _WHOLE * (sock.gettimeout() or 0)
        self.fp = io.BufferedReader(_Until(self.fp.detach(), deadline))


class _Ending(urllib.request.AbstractHTTPHandler):
    """Opens connections whose answers are :class:`_Answer`."""

    def do_open(self, http_class: Any, req: Any, **options: Any) -> http.client.HTTPResponse:
        def connection(*args: Any, **given: Any) -> http.client.HTTPConnection:
            made: http.client.HTTPConnection = http_class(*args, **given)
            made.response_class = _Answer
            return made

        opened: Any = super().do_open(connection, req, **options)
        return opened  # type: ignore[no-any-return]


class _HTTPHandler(_Ending, urllib.request.HTTPHandler):
    pass


class _HTTPSHandler(_Ending, urllib.request.HTTPSHandler):
    pass


class _RedirectHandler(urllib.request.HTTPRedirectHandler):
    """Follows at the pace of all requests, and leaves the body of the answer that redirects."""

    def __init__(self, keep_pace: Callable[[], None]) -> None:
        self._keep_pace = keep_pace

    def redirect_request(self, req: Any, fp: Any, *said: Any) -> urllib.request.Request | None:
        request = super().redirect_request(req, fp, *said)
        fp.close()  # urllib would read it to its end, and it may have none
        self._keep_pace()
        return request


class Fetcher:
    """Fetches files; one is shared by all threads, which together keep to its pace."""

    def __init__(self, manners: Manners, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.manners = manners
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0
        # Without the handlers of other schemes: an answer may redirect to anything.
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            _HTTPHandler(),
            _HTTPSHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            _RedirectHandler(self._keep_pace),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.UnknownHandler(),
        ):
            self._opener.add_handler(handler)

    def fetch(self, address: str) -> bytes:
        """Return the bytes at ``address``; raises :class:`NotFetchedError`.

        A transfer that breaks off goes on where it stopped if the server allows it and the file
        has not changed, else it starts again.
        """
        url = _clean(address)
        transfer = _Transfer()
        why, wait = "", self.manners.first_wait
        for attempt in range(self.manners.retries + 1):
            if attempt:
                self._sleep(min(wait, _LONGEST_WAIT))
            self._keep_pace()
            try:
                return self._attempt(url, transfer)
            except _Again as error:
                why = str(error)
                wait = max(error.wait, self.manners.first_wait * 2**attempt)
        raise NotFetchedError(f"{why} (tried {self.manners.retries + 1} times)", final=False)

    def _keep_pace(self) -> None:
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + 1 / self.manners.rate
        if start > now:
            self._sleep(start - now)

    def _attempt(self, url: str, transfer: _Transfer) -> bytes:
        headers = {
            "User-Agent": "unimp-bench (research; photos of a dataset)",
            "Accept": "image/*",
            "Accept-Encoding": "identity",
        }
        if transfer.content and transfer.validator is not None:
            headers |= {
                "Range": f"bytes={len(transfer.content)}-",
                "If-Range": transfer.validator,
            }
        else:
            transfer.start_again()
        request = urllib.request.Request(url, headers=headers)
        try:
            with self._opener.open(request, timeout=self.manners.timeout) as response:
                return self._receive(response, transfer)
        except urllib.error.HTTPError as error:
            with closing(error):  # one of a redirection is closed already
                if error.code == 416:  # the rest that was asked for is not there
                    transfer.start_again()
                    raise _Again("the server has no such part") from error
                if error.code in _FOR_NOW:
                    waited = _retry_after(error.headers.get("Retry-After"))
                    raise _Again(f"HTTP {error.code}", waited) from error
                raise NotFetchedError(_refusal(error.code), final=True) from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, str):  # no failure of the network: no such scheme
                raise NotFetchedError(error.reason, final=True) from error
            raise _Again(f"no connection ({_said(error.reason)})") from error
        except http.client.InvalidURL as error:
            raise NotFetchedError("no address", final=True) from error
        except (http.client.HTTPException, OSError) as error:
            raise _Again(f"the connection broke ({_said(error)})") from error
        except ValueError as error:  # of urllib: what it cannot parse
            raise NotFetchedError(f"no usable answer ({error})", final=True) from error

    def _receive(self, response: http.client.HTTPResponse, transfer: _Transfer) -> bytes:
        kept = response.status == 206 and _begins_at(response) == len(transfer.content)
        if not kept:
            transfer.content.clear()
        transfer.validator = response.headers.get("ETag") or response.headers.get("Last-Modified")
        if (transfer.validator or "").startswith("W/"):
            transfer.validator = None  # says "much the same", which is too little for halves
        length = response.headers.get("Content-Length", "")
        whole = len(transfer.content) + int(length) if length.isdecimal() else None
        if kept:  # a part may end before the file does
            whole = _size_of_all(response) or whole
        if whole is not None and whole > self.manners.most_bytes:
            raise TooLargeError(f"{whole:,} bytes", final=True)
        while block := response.read1(_BLOCK):
            transfer.content += block
            if len(transfer.content) > self.manners.most_bytes:
                raise TooLargeError(f"more than {self.manners.most_bytes:,} bytes", final=True)
        if whole is not None and len(transfer.content) < whole:
            raise _Again(f"broken off after {len(transfer.content):,} of {whole:,} bytes")
        if response.status == 206 and not kept:
            transfer.start_again()
            raise _Again("the server sent another part than asked for")
        return bytes(transfer.content)


def _clean(address: str) -> str:
    """The address as HTTP takes it; raises :class:`NotFetchedError` where it is none."""
    address = address.strip()
    if address.startswith("//"):
        address = f"https:{address}"
    try:
        parts = urlsplit(address)
        named = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = "" if parts.port is None else f":{parts.port}"
        path = quote(parts.path, safe=_SAFE)
        query = f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    except ValueError:  # of quote: half a character
        named = False
    if not named or any(ord(character) < 32 for character in address):
        raise NotFetchedError("not an address that begins with http", final=True)
    if ":" in host:
        host = f"[{host}]"
    return f"{parts.scheme.lower()}://{host}{port}{path or '/'}{query}"


def _begins_at(response: http.client.HTTPResponse) -> int | None:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return None if match is None else int(match[1])


def _size_of_all(response: http.client.HTTPResponse) -> int | None:
    """The size of the file that an answer is a part of, where the server says it."""
    match = re.fullmatch(r"bytes \d+-\d+/(\d+)", response.headers.get("Content-Range", "").strip())
    return None if match is None else int(match[1])


def _retry_after(value: str | None) -> float:
    """Seconds that a server asks to wait: a number, or a date."""
    if value is None:
        return 0.0
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _refusal(status: int) -> str:
    """What a status says, in the standard's words: the server's own may be anything."""
    if 300 <= status < 400:
        return f"HTTP {status}, a redirection that leads nowhere"
    try:
        return f"HTTP {status} {http.HTTPStatus(status).phrase}"
    except ValueError:  # none of the standard's
        return f"HTTP {status}"


def _said(error: object) -> str:
    """The error in the system's words, or its kind: a server's own words may be anything."""
    said = error.strerror if isinstance(error, OSError) else None
    return said or ("timed out" if isinstance(error, TimeoutError) else type(error).__name__)

"""Photos are fetched from a server that fails in every way."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from benchmark.data.photos.fetching import Fetcher, Manners, NotFetchedError, TooLargeError

#: Patient enough for a busy machine; only a silent server is left early.
QUICK = Manners(rate=10_000, retries=2, timeout=10, most_bytes=10**6, first_wait=0.01)
HASTY = replace(QUICK, timeout=0.2)


@pytest.mark.parametrize(
    ("path", "tries"),
    [
        ("good", 1),
        ("moved", 1),
        ("good/with space and é?a=b c", 1),
        ("busy-once", 2),
        ("half-once", 2),
        ("half-changed", 2),
        ("half-wrong-part", 3),
        ("short-parts", 3),
        ("no-such-part", 3),
    ],
)
def test_a_photo_arrives_whole_after_what_can_pass(server, path, tries) -> None:
    content = Fetcher(QUICK, sleep=lambda seconds: None).fetch(server.at(path))
    assert content.startswith((b"\xff\xd8", b"\x89PNG"))
    if "half" in path or "part" in path:
        assert content == server.big
    assert sum(n for asked, n in server.asked.items() if "moved" not in asked[2:]) == tries


def test_a_transfer_that_broke_off_goes_on_where_it_stopped(server) -> None:
    Fetcher(QUICK).fetch(server.at("half-once"))
    assert server.ranges == [None, f"bytes={len(server.big) // 2}-"]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("busy", "HTTP 429"),
        ("silent", "connection"),
        ("silent-inside", "connection"),
        ("closed", "connection"),
        ("nonsense", "connection"),
        ("endless-header", "connection"),
        ("half", "broken off after"),
        ("chunked-half", "connection"),
    ],
)
def test_what_may_pass_is_tried_again_and_then_given_up_for_now(server, path, why) -> None:
    with pytest.raises(NotFetchedError, match=rf"{why}.*tried 3 times") as caught:
        Fetcher(HASTY if "silent" in path else QUICK).fetch(server.at(path))
    assert not caught.value.final
    assert server.asked[f"/{path}"] == 3


@pytest.mark.parametrize(
    "path", ["missing", "forbidden", "loop", "to-a-file", "to-ftp", "to-nowhere"]
)
def test_what_cannot_pass_is_asked_for_once(server, path) -> None:
    with pytest.raises(NotFetchedError) as caught:
        Fetcher(QUICK).fetch(server.at(path))
    assert caught.value.final
    assert server.asked[f"/{path}"] <= (11 if path == "loop" else 1)


@pytest.mark.parametrize("path", ["huge", "huge-unsaid"])
def test_a_file_larger_than_asked_for_is_not_read_to_its_end(server, path) -> None:
    with pytest.raises(TooLargeError):
        Fetcher(QUICK).fetch(server.at(path))
    assert server.asked[f"/{path}"] == 1


@pytest.mark.parametrize("path", ["drip", "head-in-drops"])
def test_a_server_that_sends_a_byte_now_and_then_is_left(server, path) -> None:
    slow = Manners(rate=10_000, retries=0, timeout=0.1, first_wait=0.01)
    start = time.monotonic()
    with pytest.raises(NotFetchedError, match="timed out"):
        Fetcher(slow).fetch(server.at(path))
    assert time.monotonic() - start < 3  # the server would take four seconds


def test_a_server_that_is_not_there_may_come_back(server) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(NotFetchedError, match="no connection") as caught:
        Fetcher(QUICK).fetch(server.at("good"))
    assert not caught.value.final


@pytest.mark.parametrize(
    "address",
    ["", "photo.jpg", "file:///etc/hostname", "ftp://x/y.jpg", "data:image/png;base64,AA", "http://",
     "http://[::1", "http://x:99999/", "http://a\nb/", "javascript:alert(1)",
     "http://x/\ud800.jpg", "http://x/?p=\ud800"],
)  # fmt: skip
def test_what_is_no_address_is_refused_at_once(address) -> None:
    with pytest.raises(NotFetchedError) as caught:
        Fetcher(QUICK).fetch(address)
    assert caught.value.final


def test_waits_double_and_are_as_long_as_a_server_asks(server) -> None:
    waits: list[float] = []
    patient = Manners(rate=10_000, retries=4, timeout=5, first_wait=1.0)
    with pytest.raises(NotFetchedError):
        Fetcher(patient, sleep=waits.append).fetch(server.at("busy"))
    assert [wait for wait in waits if wait >= 1] == [1, 2, 4, 8]
    waits.clear()
    Fetcher(patient, sleep=waits.append).fetch(server.at("busy-once"))
    assert max(waits) == 7


def test_the_body_of_a_redirection_is_not_read(server) -> None:
    start = time.monotonic()
    assert Fetcher(QUICK).fetch(server.at("moved-without-end")).startswith(b"\xff\xd8")
    assert time.monotonic() - start < 3  # the server would take four seconds


def test_a_refusal_is_told_in_the_words_of_the_standard(server) -> None:
    with pytest.raises(NotFetchedError) as caught:
        Fetcher(QUICK).fetch(server.at("rude"))
    assert caught.value.why == "HTTP 403 Forbidden"


def test_a_redirection_keeps_to_the_rate(server) -> None:
    Fetcher(Manners(rate=4, retries=0)).fetch(server.at("moved"))
    asked, followed = server.times
    assert followed - asked >= 1 / 4 * 0.9


def test_requests_keep_to_the_rate(server) -> None:
    fetcher = Fetcher(Manners(rate=20, retries=0))
    for number in range(5):
        fetcher.fetch(server.at(f"good/{number}"))
    gaps = [b - a for a, b in zip(server.times, server.times[1:], strict=False)]
    assert sum(gaps) >= 4 / 20 * 0.9

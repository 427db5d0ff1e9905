"""Addresses of stores, as they are told."""

from __future__ import annotations

import sys

import pytest

from benchmark.errors import BenchError
from benchmark.host.provenance import command_line
from benchmark.host.stores import Store, copy_name, shown

SECRET = "ftp://me:pass%40word@127.0.0.1:1/home"


def test_a_password_in_an_address_is_not_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/bin/unimp-bench", "run", "--home", SECRET, f"--x={SECRET}"])
    expected = "unimp-bench run --home ftp://127.0.0.1:1/home --x=ftp://127.0.0.1:1/home"
    assert command_line() == expected


def test_a_password_in_an_address_is_in_no_message_and_no_name() -> None:
    with pytest.raises((BenchError, OSError)) as caught:
        Store("no-such+scheme://me:secret@host/home")
    assert "secret" not in str(caught.value)
    assert "secret" not in copy_name("s3://me:secret@bucket")


@pytest.mark.parametrize(
    "text", ["s3://bucket/a@b", "https://host/?mail=a@b", "file:///a/b@c", "a@b", "/home/a:b@c"]
)
def test_what_is_no_login_stays(text: str) -> None:
    assert shown(text) == text

"""``submit`` and ``verify`` on the command line, and the walk of docs/submit.md."""

from __future__ import annotations

import functools
import json
import re
import shlex
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from leaderboards.submission.schema import MANIFEST

GUIDE = Path(__file__).parents[2] / "docs" / "submit.md"


@pytest.fixture
def command(cli, data_home, monkeypatch, tmp_path):
    """``unimp-bench`` in an empty folder; (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    return functools.partial(cli, home=data_home)


def _interrupted(server: ThreadingHTTPServer) -> None:
    raise KeyboardInterrupt


def test_the_guide_does_what_it_says(command, monkeypatch) -> None:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    commands = [line for kind, block in blocks if not kind for line in block.splitlines()]
    assert len(commands) >= 8
    assert all(line.startswith("unimp-bench ") for line in commands)
    monkeypatch.setattr(ThreadingHTTPServer, "serve_forever", _interrupted)
    answers = {}
    for line in commands:
        words = shlex.split(line)[1:]
        if words[1] == "serve":
            words += ["--port", "0"]  # others may listen where the guide's reader does not
        status, out, err = command(*words)
        assert status == 0, (line, out, err)
        answers[line] = out
    assert "Accepted, re-scored." in answers["unimp-bench verify bm25.zip"]
    assert "Accepted, reproduced." in answers["unimp-bench verify bm25.zip --reproduce bm25"]
    printed = json.loads(answers["unimp-bench verify bm25.zip --strict --json"])
    (promised,) = re.findall(r"```json\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert printed.keys() == json.loads(promised).keys()
    assert len(printed["scores"]) == 2
    assert "http://127.0.0.1:" in answers["unimp-bench leaderboard serve --dir site"]

    (page,) = Path("site/submissions").iterdir()
    assert "re-scored" in page.read_text()
    assert f"submissions/{page.name}" in Path("site/index.html").read_text()
    (noted,) = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    digest = json.loads(Path("leaderboards/submissions/bm25", MANIFEST).read_text())["digest"]
    noted = noted.replace("the digest in submission.json", digest)
    Path("leaderboards/submissions/reproduced.toml").write_text(noted)
    command("leaderboard", "build", "--out", "site", "--no-tables")  # the default is that folder
    assert '<span class="badge reproduced">' in page.read_text()


def test_a_rejection_exits_with_1_and_names_code_and_place(command, forge) -> None:
    path = forge.archive({**forge.packed("search"), MANIFEST: b"{}"})
    status, out, _ = command("verify", str(path))
    assert status == 1
    assert "problem manifest-missing-field at submission.json/model" in out
    assert out.endswith("Rejected.\n")
    status, out, _ = command("verify", str(path), "--json")
    assert status == 1
    printed = json.loads(out)
    assert (printed["accepted"], printed["badge"]) == (False, None)
    assert set(printed["problems"][0]) == {"code", "where", "message"}


def test_bad_usage_exits_with_2(command, stored) -> None:
    declaration = ["--training-data", "x", "--code", "https://example.org", "--contamination", "x"]
    for arguments in (
        ["verify"],
        ["verify", "nowhere.zip"],
        ["verify", "\0"],
        ["verify", "/dev/null"],
        ["submit", "no-such-run", "--out", "a.zip", *declaration],
        ["submit", stored("search").folder.name, "--out", "a.zip"],
        ["submit", str(stored("search").folder), "--out", ".", *declaration],
    ):
        status, out, err = command(*arguments)
        assert (status, out) == (2, ""), (arguments, err)
        assert "Traceback" not in err


def test_submit_says_where_and_how_it_verified(command, stored) -> None:
    arguments = ["submit", str(stored("preference").folder), "--out", "mine", "--json"]
    arguments += ["--training-data", "the training part", "--contamination", "none"]
    status, out, _ = command(*arguments, "--code", "https://example.org")
    printed = json.loads(out)
    assert (status, printed["submission"], printed["badge"]) == (0, "mine", "re-scored")
    assert (Path("mine") / MANIFEST).is_file()


def test_help_of_the_commands_is_there(command) -> None:
    status, out, _ = command("--help")
    assert status == 0
    assert "submit" in out
    assert "verify" in out

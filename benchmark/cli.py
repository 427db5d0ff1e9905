"""The command line: parses, calls, prints. Everything it does can be called from Python.

Results go to standard output, progress and warnings to standard error. Of the commands only the
one asked for is imported and put together, and heavy modules inside the commands that need them,
so that ``--help`` and the listings are instant.
"""

from __future__ import annotations

import functools
import itertools
import os
import sys
from collections.abc import Collection, Sequence
from typing import Annotated, Any, cast

import typer
from typer.completion import shell_complete

import benchmark
from benchmark.errors import BenchError, UsageError, shown
from benchmark.host import processes
from benchmark.host.console import (
    Volume,
    accept_any_text,
    complain,
    discard_output,
    open_closed_streams,
    set_volume,
)
from benchmark.registry import resolve

_HERE = (
    "tasks", "models", "tables", "data", "run", "runs", "cache", "tune", "report", "compare",
    "export", "doctor",
)  # fmt: skip
#: Commands of packages that build on this one, which therefore is not to import them.
_ELSEWHERE = dict.fromkeys(("submit", "verify", "leaderboard"), "leaderboards.commands:app")
#: Every command, in the order of the help, and where it is found.
COMMANDS = {name: f"benchmark.commands.{name}:app" for name in _HERE} | _ELSEWHERE
#: Where a shell that completes a command line says what it wants.
_COMPLETE = "_UNIMP_BENCH_COMPLETE"


def _print_version(wanted: bool) -> None:
    if wanted:
        print(benchmark.__version__)
        raise typer.Exit


def _common(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Say nothing but results and errors (anywhere)."),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Say how long each piece of work took (anywhere)."),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks (anywhere).")] = False,
) -> None:
    """Benchmark multi-modal personalization: six tasks, one protocol, every system."""
    command = context.invoked_subcommand
    if processes.count() > 1 and command != "run":  # each would do all of it, and wait for others
        raise UsageError(
            f"{command!r} was started in {processes.count()} processes.",
            fix="Start it without accelerate launch or torchrun: only run can use several.",
        )


@functools.cache
def command_line(name: str | None = None) -> Any:
    """Return the command line put together, once: of one of :data:`COMMANDS` alone, or of all."""
    app = typer.Typer(
        name="unimp-bench",
        epilog="Example: unimp-bench run --model unimp --task search",
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_common)
    for target in dict.fromkeys(COMMANDS.values() if name is None else [COMMANDS[name]]):
        app.add_typer(cast(typer.Typer, resolve(target)))
    return typer.main.get_command(app)


def main() -> None:
    """Run the command line: turns errors into one or two lines and an exit status (0, 1 or 2)."""
    arguments, common = _common_options(sys.argv[1:])
    debug = "--debug" in common
    open_closed_streams()
    accept_any_text()
    try:
        set_volume(_volume(common))
        status = _run_command(arguments)
        sys.stdout.flush()  # here, where a full disk behind a redirection can still be reported
    except BenchError as error:
        if debug:
            raise
        _fail(str(error), error.exit_status)
    except KeyboardInterrupt:
        _fail("Interrupted. Finished parts are kept; the same command goes on from there.", 130)
    except BrokenPipeError:
        discard_output()  # the reader of a pipe (head, less) left: nobody to tell
        raise SystemExit(0) from None
    except Exception as error:
        if debug:
            raise
        usage = _usage_message(error, arguments)
        if usage is not None:
            _fail(usage, 2)
        from benchmark.host.files import is_path_refusal, is_write_failure

        if is_path_refusal(error):
            path, why = error.filename, error.strerror  # type: ignore[attr-defined]
            _fail(f"Cannot use {shown(str(path))}: {why}.\nGive another name or place.", 1)
        if is_write_failure(error):
            discard_output()
            _fail(f"Cannot write the output: {error}.\nFree some space or write elsewhere.", 1)
        _fail(
            f"Unexpected {type(error).__name__}: {error}\n"
            "This is a bug: please report it with the output of the same command and --debug.",
            1,
        )
    raise SystemExit(status)


#: Options that count wherever they stand, and what each says.
_COMMON = {
    "--debug": "--debug",
    **dict.fromkeys(("-q", "--quiet"), "--quiet"),
    **dict.fromkeys(("-v", "--verbose"), "--verbose"),
}


def _common_options(words: Sequence[str]) -> tuple[list[str], set[str]]:
    """The command line without the options that count everywhere, and those."""
    end = words.index("--") if "--" in words else len(words)
    common = {_COMMON[word] for word in words[:end] if word in _COMMON}
    return [w for w in words[:end] if w not in _COMMON] + list(words[end:]), common


def _volume(common: Collection[str]) -> Volume:
    if {"--quiet", "--verbose"} <= set(common):
        raise UsageError(
            "--quiet and --verbose contradict each other.", fix="Leave out one of them."
        )
    if "--quiet" in common:
        return Volume.QUIET
    return Volume.VERBOSE if "--verbose" in common else Volume.NORMAL


def _run_command(arguments: Sequence[str]) -> int:
    """The exit status. All exceptions come through, interrupts and closed pipes included:

    Typer's own ``main`` would turn those into exit statuses without a word.
    """
    instruction = os.environ.get(_COMPLETE)  # asked by the shell whenever Tab is pressed
    if instruction:
        from benchmark.commands.completing import joined_words, offer_values

        command = command_line()
        offer_values(command, apart=joined_words(os.environ))
        return shell_complete(command, {}, "unimp-bench", _COMPLETE, instruction)
    # Of a word that is none of them, all: so that it is told what is near it.
    command = command_line(arguments[0] if arguments and arguments[0] in COMMANDS else None)
    try:
        with command.make_context("unimp-bench", list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    return 0


def _usage_message(error: Exception, arguments: Sequence[str]) -> str | None:
    """The message of a Typer or Click usage error, or ``None`` for other exceptions."""
    message = getattr(error, "format_message", None)
    if message is None or not hasattr(error, "exit_code"):
        return None
    text = str(message())
    if not arguments or text.startswith("Usage:"):  # nothing was asked: the help is the answer
        complain(text)
        raise SystemExit(2)
    parameter = getattr(error, "param", None)
    for option in getattr(parameter, "opts", ()):
        given = [b for a, b in itertools.pairwise(arguments) if a == option]
        if "Invalid value" in text and given:  # Typer leaves out which value it was
            text = f"{text} (given: {option} {' '.join(given)})"
            listed = next((value for value in given if "," in value), None)
            if listed and getattr(parameter, "multiple", False):
                return f"{text}\nDid you mean {_repeated(option, listed)}?"
    return text


def _repeated(option: str, listed: str) -> str:
    """``--seed 0 --seed 1`` of ``0,1``."""
    return " ".join(f"{option} {value.strip()}" for value in listed.split(",") if value.strip())


def _fail(message: str, status: int) -> None:
    complain(f"unimp-bench: {message}")
    raise SystemExit(status)


if __name__ == "__main__":
    main()

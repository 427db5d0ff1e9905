"""``run --config FILE.toml``: the options of ``run`` in a file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from benchmark.commands.options import parse_settings
from benchmark.errors import BenchError, UsageError, unknown_name

_FIX = "docs/run-file.md shows what a run file says."
#: Where the file's settings wait for those of the command line.
_SETTINGS = "unimp_bench.settings_of_the_run_file"


def read_run_file(context: typer.Context, file: Path | None) -> Path | None:
    """Make what ``file`` says the defaults of the command that ``context`` is of.

    Its keys are the names of the command's options without the dashes; what the command line
    says comes before it. Settings (``set``) are kept for :func:`given_settings`. Raises
    :class:`UsageError` for unknown keys and for values of another type than the option takes.
    """
    if file is None:
        return None
    written = _read(file)
    options = _options(context)
    defaults: dict[str, Any] = {}
    for key, value in written.items():
        if key not in options:
            raise unknown_name(f"option in {file}", key, options)
        if key == "set":
            context.meta[_SETTINGS] = _pairs(value, file)
        else:
            name = str(options[key].name)
            default = _checked(options[key], key, value, file)
            if defaults.get(name, default) != default:  # force and refit are one option
                raise UsageError(
                    f"{file}: {key} contradicts another key of that option.",
                    fix="Keep one of them.",
                )
            _try(options[key], default, context, f"{file}: {key} = {value!r}")
            defaults[name] = default
    context.default_map = {**(context.default_map or {}), **defaults}
    return file


def given_settings(context: typer.Context, pairs: list[str] | None) -> dict[str, Any]:
    """Return the settings of the run file and those of ``--set``, which come before them.

    A ``name=value`` of the command line replaces what the file says of that setting for any model.
    """
    here = parse_settings(pairs or [])
    of_file = parse_settings(list(context.meta.get(_SETTINGS, ())))
    kept = {key: value for key, value in of_file.items() if key.rpartition(":")[2] not in here}
    return {**kept, **here}


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UsageError(f"There is no file {str(file)!r}.", fix="Check --config.") from None
    except OSError as error:
        raise BenchError(f"Cannot read {str(file)!r}: {error.strerror}.", fix=_FIX) from error
    except (ValueError, RecursionError) as error:  # no text, no TOML, a number without end
        raise UsageError(f"{str(file)!r} is not valid TOML: {error}.", fix=_FIX) from error


def _options(context: typer.Context) -> dict[str, Any]:
    """Name on the command line, without dashes -> the option; those that print and end excepted."""
    options: dict[str, Any] = {}
    for option in context.command.params:
        names = [name.removeprefix("--") for name in option.opts if name.startswith("--")]
        options |= dict.fromkeys(names, option)
    for name in ("config", "help", "help-settings"):
        options.pop(name, None)
    return options


def _checked(option: Any, key: str, value: Any, file: Path) -> Any:
    """``value`` as the command line would give it, which converts and refuses alike."""
    if option.is_flag:
        if not isinstance(value, bool):
            raise UsageError(f"{file}: {key} = {value!r} is not true or false.", fix=_FIX)
        return value
    values = value if option.multiple and isinstance(value, list) else [value]
    for one in values:
        if isinstance(one, bool) or not isinstance(one, str | int | float):
            several = " or a list of such" if option.multiple else ""
            raise UsageError(f"{file}: {key} = {value!r} is no text or number{several}.", fix=_FIX)
    return [str(one) for one in values] if option.multiple else str(value)


def _try(option: Any, value: Any, context: typer.Context, said: str) -> None:
    """Convert ``value`` as the command will, where a message can still say that a file gave it."""
    try:
        option.process_value(context, value)
    except Exception as error:
        message = getattr(error, "message", None)
        if message is None:  # no refusal of a value
            raise
        raise UsageError(f"{said}: {message}.", fix=_FIX) from error


def _pairs(value: Any, file: Path) -> list[str]:
    """``[set.MODEL]`` tables, ``[set]`` and lists of pairs alike as ``--set`` takes them."""
    if isinstance(value, list) and all(isinstance(pair, str) for pair in value):
        return value
    if not isinstance(value, Mapping):
        raise UsageError(
            f"{file}: set = {value!r} is no list of pairs and no table.",
            fix='Write set = ["epochs=3"], or [set] and below it epochs = 3.',
        )
    pairs = []
    for key, content in value.items():
        of_model = isinstance(content, Mapping)
        for name, one in (content if of_model else {key: content}).items():
            try:
                text = json.dumps(one)
            except TypeError as error:  # TOML has dates, settings have none
                raise UsageError(f"{file}: {name} = {one} is no setting.", fix=_FIX) from error
            pairs.append(f"{key}:{name}={text}" if of_model else f"{name}={text}")
    return pairs

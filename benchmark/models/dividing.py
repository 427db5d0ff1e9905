"""Which of several models in one run each ``--set`` is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.errors import unknown_name
from benchmark.host.console import note
from benchmark.models.building import setting_names
from benchmark.models.from_file import split_name


def divide_settings(given: Mapping[str, Any], models: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the settings of each of ``models``, which are named as ``--model`` names them.

    A key ``MODEL:setting`` is for that model alone (``NAME``, ``NAME:VARIANT``, ``FILE.py:CLASS``
    or its ``CLASS``); a key ``setting`` is for every model that has it, unless the model is given
    a value of its own, and a note on standard error says which models ignore it. Values are not
    looked at. Raises :class:`UsageError` where a key names no model of the run, or a setting that
    none of several models has.
    """
    divided: dict[str, dict[str, Any]] = {model: {} for model in models}
    owners = _owners(models)
    for key, value in given.items():
        owner, colon, name = key.rpartition(":")
        if not colon:
            continue
        if owner not in owners:
            raise unknown_name("model of this run", owner, owners)
        divided[owners[owner]][name] = value
    bare = {key: value for key, value in given.items() if ":" not in key}
    for model, names in _takers(bare, divided).items():
        divided[model] = {**{name: bare[name] for name in names}, **divided[model]}
    return divided


def _owners(models: Sequence[str]) -> dict[str, str]:
    """What a key may call a model -> the model; a class name that two files share names none."""
    classes: dict[str, list[str]] = {}
    for model in models:
        of_file = split_name(model)
        if of_file is not None:
            classes.setdefault(of_file[1], []).append(model)
    by_class = {name: found[0] for name, found in classes.items() if len(found) == 1}
    return {**by_class, **{model: model for model in models}}


def _takers(bare: Mapping[str, Any], models: Mapping[str, Any]) -> dict[str, list[str]]:
    """Model -> which of the settings ``bare`` it takes."""
    if len(models) == 1 or not bare:  # what a single model does not have, it refuses by itself
        return {model: list(bare) for model in models}
    known = {model: setting_names(model) for model in models}
    every = {name for names in known.values() for name in names}
    for name in bare:
        if name not in every:
            raise unknown_name("setting of any model of this run", name, every)
    for name in bare:
        without = [model for model in models if name not in known[model]]
        if without:
            note(f"--set {name} is ignored by {', '.join(without)}: no such setting.")
    return {model: [name for name in bare if name in known[model]] for model in models}

"""Prepare a dataset from raw files, in one deterministic pass.

Everything is built in a hidden sibling folder that takes the dataset's name only when it is
whole: whoever kills the process finds either the dataset or nothing under its name.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel

from benchmark.data.catalogue import Catalogue
from benchmark.data.dataset import Dataset, identity_sha256, why_absent
from benchmark.data.frames import conform, write_parquet
from benchmark.data.instances.building import Rules
from benchmark.data.listing import DATASET_NAME, INFO
from benchmark.data.perturbations import draw_missing_attributes, draw_wrong_images
from benchmark.data.preparing.cleaning import clean
from benchmark.data.preparing.finishing import explanations_over, finish
from benchmark.data.preparing.freezing import (
    BEHIND,
    cohorts_of,
    freeze,
    lacking_tasks,
    timeline_of,
)
from benchmark.data.preparing.given_split import given_targets, has_given_split, keep_split
from benchmark.data.preparing.losses import MOST_LOST, check_losses, check_share
from benchmark.data.preparing.parameters import LEAVE_OUT, SplitParams, parse_settings, recorded
from benchmark.data.preparing.photos import MISSING, copy_photos
from benchmark.data.preparing.split import split
from benchmark.data.preparing.statistics import count
from benchmark.data.preparing.streaming import streamed_parquet
from benchmark.data.queries import category_query
from benchmark.data.raw.kept_frames import ROWS, on_disk
from benchmark.data.raw.kept_texts import RawReviews
from benchmark.data.raw.source import OnError, Source
from benchmark.data.raw.temporary import temporary_files_in
from benchmark.data.raw.text_files import is_file
from benchmark.data.schema import FORMAT_VERSION, ITEM_COLUMNS, RawDataset
from benchmark.data.sources import SELF_CONTAINED, SOURCES
from benchmark.errors import BenchError, UsageError, listed, shown
from benchmark.host.console import note
from benchmark.host.files import cannot_read, cannot_write, sha256_file, sha256_json, write_json
from benchmark.host.home import Home
from benchmark.host.owners import left_beside, owned_name
from benchmark.host.stamps import changed_files, stamp_files

#: Broken and missing photos named in dataset.json; the rest are counted.
_NAMED = 20


def prepare(
    source_name: str,
    *,
    home: Home,
    name: str | None = None,
    raw: Path | None = None,
    settings: Mapping[str, str] | None = None,
    on_error: OnError = "raise",
    allow_loss: float = MOST_LOST,
    force: bool = False,
) -> Dataset:
    """Build dataset ``name`` (default: the source's own name) from ``raw`` files.

    ``settings`` are ``--set`` strings for the source's parameters and the common ones
    (:class:`~benchmark.data.preparing.parameters.SplitParams`). ``on_error="skip"`` leaves out and
    counts raw lines and rows that cannot be used, up to the share ``allow_loss`` of a file. A
    dataset already prepared from the same files and parameters is returned as it is; another one
    of that name is replaced only with ``force``. Raises :class:`UsageError` for a bad request and
    :class:`BenchError` for bad files, a full disk or an unwritable folder; neither leaves anything
    under the name.
    """
    source = SOURCES.get(source_name)
    check_share(allow_loss)
    source_params, split_params = parse_settings(source, settings)
    name = source.default_name(source_params) if name is None else name
    if not DATASET_NAME.fullmatch(name):
        raise UsageError(
            f"{shown(name)} cannot be a dataset's name.",
            fix="Use up to 100 letters, digits, dots, hyphens and underscores in --name.",
        )
    _check_reserved(name, source, source_params, split_params)
    home.fetch("datasets", name)
    target = home.datasets / name
    _check_raw(source, raw, target, force=force)
    files = {} if source.needs_raw and raw is None else source.files(raw, source_params)
    request: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "source": source.name,
        "parameters": recorded(source, source_params, split_params),
        "on_error": on_error,
        "source_files": _hashes(files),
    }
    if target.exists() and not force:
        existing = _existing(target, request, compare_files=raw is not None)
        if home.address is not None:
            _require_whole(existing, home)
            home.send("datasets", name)
        return _told(existing)
    home.check_writable()
    with _unfinished(target) as folder, temporary_files_in(folder):
        # One name for all: what came before must not stay in memory.
        found = source.read(raw, source_params, on_error=on_error)
        hashes = _write_attachments(folder, found)
        found = replace(found, attachments={})
        check_losses(found.notes, allow_loss)
        found = clean(found, on_error=on_error)
        check_losses(found.notes, allow_loss)
        given = has_given_split(found.interactions)
        rows, dropped = (keep_split if given else split)(found.interactions, split_params)
        found = replace(found, interactions=rows, notes={**found.notes, **dropped})
        held = [found]
        del rows, found
        _write(folder, name, source, request, held, split_params, hashes, given=given)
        if _take_name(folder, target, force=force):
            hashes = Dataset(target).info["files"]
            stamp_files(target.absolute(), hashes, stamps=home.stamps / f"{name}.json")
    home.send("datasets", name)
    return _told(Dataset(target))


def _hashes(files: Mapping[str, Path]) -> dict[str, str]:
    """The SHA-256 of every file; of those named ``FOLDER/FILE`` one of each folder's."""
    hashes: dict[str, str] = {}
    folders: dict[str, dict[str, str]] = {}
    for key, path in sorted(files.items()):
        if is_file(path):
            folder, _, name = key.rpartition("/")
            try:
                sha256 = sha256_file(path)
            except OSError as error:
                raise cannot_read(path, error) from error
            (folders.setdefault(f"{folder}/", {}) if folder else hashes)[name] = sha256
    return hashes | {folder: sha256_json(inside) for folder, inside in folders.items()}


def _told(dataset: Dataset) -> Dataset:
    """``dataset``; the user is told when no model can run on it."""
    if not dataset.tasks:
        why = why_absent(dataset)
        note(f"Dataset {dataset.name!r} supports no task, so no model can run on it: {why}.")
    return dataset


def _check_reserved(name: str, source: Source, own: BaseModel, common: SplitParams) -> None:
    """A built-in name always means the same data: a table that says "sim-s" can be trusted."""
    if name not in SELF_CONTAINED:
        return
    built_in, settings = SELF_CONTAINED[name]
    expected = parse_settings(SOURCES.get(built_in), settings)
    if source.name != built_in or recorded(source, own, common) != recorded(source, *expected):
        raise UsageError(
            f"{name!r} is the built-in dataset of source {built_in!r} with its own parameters.",
            fix="Give this one another --name.",
        )


def _check_raw(source: Source, raw: Path | None, target: Path, *, force: bool) -> None:
    if raw is None:
        if source.needs_raw and (force or not target.exists()):
            raise UsageError(
                f"Source {source.name!r} needs raw files.", fix=f"Give --raw {source.raw_help}."
            )
    elif not source.needs_raw:
        raise UsageError(
            f"Source {source.name!r} reads no raw files, --raw {str(raw)!r} was given.",
            fix="Leave --raw out.",
        )
    else:
        try:
            missing = "There is no" if not raw.exists() else None
            if raw.is_dir() and not os.access(raw, os.R_OK | os.X_OK):
                missing = "Permission denied:"
        except OSError as error:  # a name too long, a folder that may not be entered
            missing = f"{error.strerror}:"
        if missing is not None:
            raise BenchError(f"{missing} {str(raw)!r}.", fix=f"Give --raw {source.raw_help}.")


def _existing(target: Path, request: Mapping[str, Any], *, compare_files: bool) -> Dataset:
    """The dataset already there, if it is what was asked for."""
    dataset = Dataset(target)
    for key, asked in request.items():
        held = dataset.info.get(key)
        if held != asked and (key != "source_files" or compare_files):
            raise BenchError(
                f"Dataset {target.name!r} exists with another {key}: {_difference(held, asked)}.",
                fix="Choose another --name, or replace it with --force.",
            )
    return dataset


def _require_whole(dataset: Dataset, home: Home) -> None:
    """Raise :class:`BenchError` where a file is not as it was prepared: others would get it."""
    stamps = home.stamps / f"{dataset.name}.json"
    changed = changed_files(dataset.folder.absolute(), dataset.info["files"], stamps=stamps)
    if changed:
        raise BenchError(
            f"{changed[0]} of dataset {dataset.name!r} is not as it was prepared.",
            fix="Prepare it again with --force.",
        )


def _difference(held: Any, asked: Any) -> str:
    if not isinstance(held, Mapping) or not isinstance(asked, Mapping):
        return f"{shown(held)}, not {shown(asked)}"
    keys = [key for key in {**held, **asked} if held.get(key) != asked.get(key)]
    return listed(
        [f"{key} is {shown(held.get(key))}, not {shown(asked.get(key))}" for key in keys],
        longest=None,
    )


def _write(
    folder: Path,
    name: str,
    source: Source,
    request: Mapping[str, Any],
    held: list[RawDataset],
    params: SplitParams,
    hashes: dict[str, str],
    *,
    given: bool,
) -> None:
    """Write the dataset of the one in ``held``, whose interactions are split.

    It is taken out: what has been written need not stay in memory. ``hashes`` are of what is
    written already; those of the other files are added.
    """

    def written(path: Path) -> None:
        hashes[path.relative_to(folder).as_posix()] = sha256_file(path)

    raw = held.pop()
    notes: dict[str, Any] = dict(raw.notes)
    images = _write_photos(folder, raw, hashes, notes)
    items = _with_images_and_queries(raw.items, images)
    raw = replace(raw, items=items, photos=())
    _write_items(folder, items, params.seed, written)
    reviewed = raw.interactions["review"].null_count() < len(raw.interactions)
    chosen = explanations_over(items) if reviewed else None
    items = on_disk(items)
    raw = replace(raw, items=items)
    texts = raw.texts if isinstance(raw, RawReviews) else None
    path = folder / "interactions.parquet"
    finished = finish(raw.interactions, texts, chosen, items["item_id"], path)
    raw = replace(raw, interactions=raw.interactions.clear())
    del chosen
    written(path)
    catalogue = Catalogue(items, images=folder / "images")
    rules = Rules(
        history_window=params.history_window,
        allow_repeats=raw.allow_repeats,
        rating_scale=raw.rating_scale,
        selection_negatives=params.selection_negatives,
        seed=params.seed,
        k=params.k,
        # Said only where there is a text, so that other datasets stay what they were.
        leave_out_copies=params.copied_texts == LEAVE_OUT and reviewed,
    )
    rows = finished.rows
    copied = None if source.simulated else finished.copied
    statistics = count(items, rows, copied=copied)
    lacking = lacking_tasks(rows, catalogue, rules, given=given)
    timeline = timeline_of(finished, catalogue)
    cohorts = cohorts_of(rows, timeline)
    targets = {part: given_targets(rows, part) for part in BEHIND} if given else None
    del finished, rows
    frozen = freeze(
        folder, timeline, cohorts, catalogue, rules, lacking, written=written, given=targets
    )
    info: dict[str, Any] = {
        "name": name,
        "summary": source.summary,
        **request,
        "source_files": {**raw.source_files, **request["source_files"]},
        "simulated": source.simulated,
        "statistics": statistics,
        **frozen,
        "allow_repeats": raw.allow_repeats,
        "rating_scale": raw.rating_scale,
        "history_window": params.history_window,
        **({"leave_out_copies": True} if rules.leave_out_copies else {}),
        "terms": raw.terms,
        "notes": notes,
        "files": dict(sorted(hashes.items())),
    }
    info["sha256"] = identity_sha256(info)
    write_json(folder / INFO, info)


def _write_items(
    folder: Path, items: pl.DataFrame, seed: int, written: Callable[[Path], None]
) -> None:
    """Write the catalogue, and what is drawn for its perturbations."""
    path = folder / "items.parquet"
    with streamed_parquet(path) as write:
        for low in range(0, max(len(items), 1), ROWS):
            write(items[low : low + ROWS])
    written(path)
    drawn = {"nt": draw_missing_attributes, "nv": draw_wrong_images}
    for key, draw in drawn.items():
        path = folder / "perturbations" / f"{key}.parquet"
        write_parquet(draw(items, seed=seed), path)
        written(path)


def _write_attachments(folder: Path, raw: RawDataset) -> dict[str, str]:
    """Write them first, so that nobody has to hold them; path in the dataset -> SHA-256."""
    hashes: dict[str, str] = {}
    for key, content in raw.attachments.items():
        path = folder / "attachments" / key
        try:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise cannot_write(path, error) from error
        hashes[path.relative_to(folder).as_posix()] = sha256_file(path)
    return hashes


def _write_photos(
    folder: Path, raw: RawDataset, hashes: dict[str, str], notes: dict[str, Any]
) -> dict[str, str]:
    """Copy the photos of known items; item id -> file name. Others are reported."""
    known = set(raw.items["item_id"])
    images: dict[str, str] = {}
    broken: list[str] = []
    missing: list[str] = []
    photos = ((item_id, photo) for item_id, photo in raw.photos if item_id in known)
    for item_id, file, sha256, problem in copy_photos(photos, folder / "images", total=len(known)):
        if problem == MISSING:
            missing.append(item_id)
        elif file is None or sha256 is None:
            broken.append(str(problem))
        else:
            images[item_id] = file
            hashes[f"images/{file}"] = sha256
    if broken:
        notes["broken photos, treated as missing"] = len(broken)
        notes["broken photos"] = broken[:_NAMED]
        _report_photos("Broken photos, treated as missing", broken)
    if missing:
        notes["items without a photo"] = len(missing)
        notes["items without a photo, the first"] = missing[:_NAMED]
        _report_photos("Items without a photo", missing)
    return images


def _report_photos(what: str, which: list[str]) -> None:
    note(f"{what} ({len(which)}): {listed(which, separator='; ', most=3)}")


def _with_images_and_queries(items: pl.DataFrame, images: Mapping[str, str]) -> pl.DataFrame:
    image = [images.get(item_id) for item_id in items["item_id"]]
    query = [category_query(path or ()) for path in items["category"].to_list()]
    columns = {"image": image, "query": query}
    added = [pl.Series(key, values, dtype=pl.String) for key, values in columns.items()]
    return conform(items.with_columns(added), ITEM_COLUMNS)


@contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """A hidden folder beside ``target``, removed unless it was renamed."""
    for stale in left_beside(target, "partial"):
        shutil.rmtree(stale, ignore_errors=True)
    folder = target.with_name(owned_name(target.name, "partial"))
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _take_name(folder: Path, target: Path, *, force: bool) -> bool:
    """Give the finished ``folder`` its name, or ``False``: what another finished first stays."""
    replaced = target.with_name(owned_name(target.name, "replaced"))
    first = True
    try:
        if force and target.exists():
            target.rename(replaced)
        try:
            folder.rename(target)
        except OSError:
            if not (target / INFO).is_file():
                if replaced.exists():  # a failed replacement costs nobody the old dataset
                    replaced.rename(target)
                raise
            _require_same(Dataset(target), Dataset(folder))
            first = False
    except OSError as error:
        raise cannot_write(target, error) from error
    if replaced.is_symlink():  # which rmtree does not touch
        replaced.unlink()
    shutil.rmtree(replaced, ignore_errors=True)
    return first


def _require_same(theirs: Dataset, ours: Dataset) -> None:
    """Raise :class:`BenchError` where another process prepared something else under the name."""
    if theirs.sha256 != ours.sha256:
        raise BenchError(
            f"Another process prepared a different {theirs.name!r} meanwhile.",
            fix="Choose another --name, or replace it with --force.",
        )

"""Checks the predictions of one run, row by row: whether each is a valid one at all.

Without the dataset the form is checked (distinct items, finite numbers, lengths, a picture that
can be decoded). With it also the content: known items, none excluded, the right number of them,
candidates, the scale; the task's own check has the last word.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any, cast

import pyarrow as pa

from benchmark.data.instances.lazily import FrozenInstances
from benchmark.predictions import Image, Ranking, Rating, Selection, Text
from benchmark.runs.predictions import ANSWERS
from benchmark.tasks import Task
from benchmark.tasks.base import first_repeated
from benchmark.tasks.explanation import MAX_CHARACTERS
from benchmark.visible import control_character
from benchmark.vision import png
from leaderboards.submission import limits, tables
from leaderboards.submission.findings import Finding, place, shown
from leaderboards.submission.plain_text import is_unseen

#: ``(code, what is wrong)``
Problem = tuple[str, str]
_OK, _FAILED = "ok", "failed"
#: Rows turned into Python objects at a time.
_BATCH = 4_096


def id_problems(table: pa.Table, asked: FrozenInstances | None, where: str) -> list[Finding]:
    """Check that every instance is answered exactly once, under its user's name."""
    ids, users = table["instance_id"].to_pylist(), table["user_id"].to_pylist()
    found: list[Finding] = []
    seen: set[str | None] = set()
    owners = None if asked is None else dict(zip(asked.ids, asked.users, strict=True))
    for row, (instance_id, user_id) in enumerate(zip(ids, users, strict=True)):
        problem = _id_problem(instance_id, user_id, seen, owners)
        if problem is not None:
            code, message = problem
            found.append(Finding(code, place(where, f"row {row}"), message))
        seen.add(instance_id)
    if owners is not None:
        missing = [instance_id for instance_id in owners if instance_id not in seen]
        found += [
            Finding("instance-missing", where, f"{shown(instance_id)} has no prediction.")
            for instance_id in missing
        ]
    return found


def _id_problem(
    instance_id: str | None,
    user_id: str | None,
    seen: Set[str | None],
    owners: Mapping[str, str] | None,
) -> Problem | None:
    if instance_id is None or user_id is None:
        return "id-missing", "A row has no instance or user id."
    if len(instance_id) > limits.ID_CHARACTERS or len(user_id) > limits.ID_CHARACTERS:
        return "id-length", f"An id has more than {limits.ID_CHARACTERS} characters."
    if instance_id in seen:
        return "instance-repeated", f"The instance {shown(instance_id)} has two predictions."
    if owners is not None and instance_id not in owners:
        return "instance-unknown", f"The dataset does not ask {shown(instance_id)}."
    if owners is not None and owners[instance_id] != user_id:
        message = f"{shown(instance_id)} belongs to another user than {shown(user_id)}."
        return "user-wrong", message
    return None


def answer_problems(
    table: pa.Table,
    task: Task,
    where: str,
    *,
    asked: FrozenInstances | None,
    known: Callable[[str], bool] | None,
) -> Iterator[Finding]:
    """Yield a finding for each row that is no valid prediction.

    ``asked`` holds the instances in the rows' order and ``known`` answers for the catalogue;
    both ``None`` where the dataset is not here.
    """
    columns = tuple(ANSWERS[task.prediction])
    check = _CHECKS[task.prediction]
    for row, answer in enumerate(_rows(table)):
        status = answer["status"]
        problem: Problem | None = None
        if status == _FAILED:
            if any(answer[column] is not None for column in columns):
                problem = "failed-with-answer", "is marked failed and holds a prediction"
        elif status != _OK:
            problem = "status-unknown", f"has the status {shown(status)}, not ok or failed"
        elif any(_has_null(answer[column]) for column in columns):
            problem = "answer-missing", "is marked ok and lacks its prediction or a part of it"
        else:
            instance = None if asked is None else asked[row]
            problem = check(answer, instance, known)
            if problem is None and instance is not None:
                problem = _last_word(task, answer, columns, instance, known)
        if problem is not None:
            code, reason = problem
            here = place(where, f"row {row}")
            yield Finding(code, here, f"{shown(answer['instance_id'])} {reason}.")


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=_BATCH):
        yield from batch.to_pylist()


def _has_null(value: Any) -> bool:
    return value is None or (isinstance(value, list) and None in value)


def _last_word(
    task: Task,
    answer: Mapping[str, Any],
    columns: Sequence[str],
    instance: Any,
    known: Callable[[str], bool] | None,
) -> Problem | None:
    values = {
        column: tuple(answer[column]) if isinstance(answer[column], list) else answer[column]
        for column in columns
    }
    prediction = task.prediction(instance_id=answer["instance_id"], **values)
    problem = task.problem(instance, prediction, cast(Callable[[str], bool], known))
    return None if problem is None else ("answer-wrong", f"is no prediction: {shown(problem)}")


def _ids(items: Sequence[str], known: Callable[[str], bool] | None) -> Problem | None:
    if len(items) > limits.ANSWER_ITEMS:
        return "answer-length", f"has {len(items)} items, at most {limits.ANSWER_ITEMS} allowed"
    longest = max(map(len, items), default=0)
    if longest > limits.ID_CHARACTERS:
        return "id-length", f"names an item by {longest} characters"
    if len(set(items)) < len(items):
        return "item-repeated", f"has the item {shown(first_repeated(items))} twice"
    if known is not None and not all(map(known, items)):
        unknown = next(item for item in items if not known(item))
        return "item-unknown", f"has the item {shown(unknown)}, which the catalogue lacks"
    return None


def _finite(scores: Sequence[float]) -> Problem | None:
    if all(map(math.isfinite, scores)):
        return None
    wrong = next(score for score in scores if not math.isfinite(score))
    return "score-not-finite", f"has the score {wrong}"


def _ranking(
    answer: Mapping[str, Any], instance: Any, known: Callable[[str], bool] | None
) -> Problem | None:
    items, scores = answer["items"], answer["scores"]
    if instance is not None and len(items) != instance.k:
        return "answer-length", f"has {len(items)} items, {instance.k} asked"
    if len(scores) != len(items):
        return "answer-length", f"has {len(scores)} scores for {len(items)} items"
    problem = _ids(items, known) or _finite(scores)
    if problem is not None:
        return problem
    for earlier, later in itertools.pairwise(scores):
        if later > earlier:
            return "scores-increase", f"has the score {later:g} after {earlier:g}"
    if instance is not None and not instance.exclude.isdisjoint(items):
        had = next(item for item in items if item in instance.exclude)
        return "item-excluded", f"has the item {shown(had)}, which the user already had"
    return None


def _rating(
    answer: Mapping[str, Any], instance: Any, known: Callable[[str], bool] | None
) -> Problem | None:
    value = answer["value"]
    if not math.isfinite(value):
        return "score-not-finite", f"has the rating {value}"
    if instance is not None:
        low, high = instance.scale
        if not low <= value <= high:
            return "rating-scale", f"has the rating {value:g}, outside {low:g} to {high:g}"
    return None


def _sentence(
    answer: Mapping[str, Any], instance: Any, known: Callable[[str], bool] | None
) -> Problem | None:
    text = answer["text"]
    if len(text) > MAX_CHARACTERS:
        return "answer-length", f"has {len(text)} characters, at most {MAX_CHARACTERS} allowed"
    if all(map(is_unseen, text)):
        return "answer-empty", "has a text of which nothing can be seen"
    if (unseen := control_character(text)) is not None:
        return "text-control", f"has the control character U+{ord(unseen):04X} in its text"
    return None


def _choice(
    answer: Mapping[str, Any], instance: Any, known: Callable[[str], bool] | None
) -> Problem | None:
    chosen, scores = answer["chosen"], answer["scores"]
    problem = _ids(chosen, known) or _finite(scores)
    if problem is not None:
        return problem
    if len(scores) > limits.ANSWER_ITEMS:
        return "answer-length", f"has {len(scores)} scores"
    if instance is not None:
        candidates = {item.item_id for item in instance.candidates}
        if len(scores) != len(instance.candidates):
            return "answer-length", f"has {len(scores)} scores for {len(candidates)} candidates"
        for item in chosen:
            if item not in candidates:
                return "item-unknown", f"has the item {shown(item)}, which is no candidate"
    return None


def _picture(
    answer: Mapping[str, Any], instance: Any, known: Callable[[str], bool] | None
) -> Problem | None:
    content = answer["png"]
    problem = _ids(answer["retrieved"], known)
    if problem is not None:
        return problem
    size = tables.announced_side(content) if instance is None else instance.size
    try:
        png.decode(content, size)
    except ValueError as error:
        return "image-broken", f"is no picture: {error}"
    return None


_CHECKS: dict[type, Callable[..., Problem | None]] = {
    Ranking: _ranking,
    Rating: _rating,
    Text: _sentence,
    Selection: _choice,
    Image: _picture,
}

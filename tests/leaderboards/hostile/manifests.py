"""Manifests that are no manifest, or claim what is not so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leaderboards.submission.schema import MANIFEST
from tests.leaderboards.hostile.kinds import numbered

Manifest = dict[str, Any]


def _set(*path: str | int, to: Any) -> Callable[[Manifest], None]:
    def change(manifest: Manifest) -> None:
        place: Any = manifest
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return change


def _run(*path: str | int, to: Any) -> Callable[[Manifest], None]:
    return _set("runs", 0, *path, to=to)


def _second_run(**changes: Any) -> Callable[[Manifest], None]:
    return lambda manifest: manifest["runs"].append({**manifest["runs"][0], **changes})


def claims(task: str, change: Callable[[Manifest], object]) -> Callable[[Any], Path]:
    """A submission of ``task`` whose claimed scores were changed."""
    return lambda forge: forge.manifest(lambda m: change(m["runs"][0]["scores"]), task)


def _renamed(ending: str) -> Callable[[Manifest], None]:
    """Its metric's own name with an ending, first among its scores."""

    def change(scores: Manifest) -> None:
        others = dict(scores)
        scores.clear()
        scores.update({f"MAE{ending}": others["MAE"], **others})

    return change


def invent_variants(scores: Manifest) -> None:
    value = {"value": 1.0, "low": None, "high": None, "n": 108, "users": 108}
    scores |= {f"NDCG@5-{number}": dict(value) for number in range(40)}


def _twice(scores: Manifest) -> None:
    """A metric in both forms that it can be computed in."""
    score = next(value for name, value in scores.items() if name.startswith("METEOR"))
    scores |= {"METEOR": score, "METEOR-exact+stem": dict(score)}


def _beside(scores: Manifest) -> None:
    score = scores["HR@5"]
    score["low"] = (score["value"] + score["high"]) / 2


def _edited(forge: Any) -> Path:
    files = forge.packed("search")
    manifest = json.loads(files[MANIFEST])
    manifest["runs"][0]["fit_seconds"] += 1
    return forge.archive({**files, MANIFEST: json.dumps(manifest).encode()})


def _crowded(forge: Any) -> Path:
    pairs = ",".join(f'"{number}":0' for number in range(70_000))
    raw = f'{{{pairs},"69999":1}}'.encode()
    return forge.archive({**forge.packed("search"), MANIFEST: raw})


def _flooded(forge: Any) -> Path:
    """Thousands of faults, each in a place of its own."""

    def change(manifest: Manifest) -> None:
        manifest["runs"] = [{f"f{number}": 0 for number in range(60)}] * 60

    path: Path = forge.manifest(change)
    return path


HTML = "<script>alert(1)</script>"
OF_NOTHING = hashlib.sha256().hexdigest()

#: (what stands for the manifest, code, word)
_RAW: list[tuple[bytes, str, str]] = [
    (b"", "json-syntax", "line 1"),
    (b"{", "json-syntax", "line 1"),
    (b"\xef\xbb\xbf{}", "json-syntax", "BOM"),
    (b'{"a": "\xff"}', "json-encoding", "byte 7"),
    (b'{"a": NaN}', "json-number", "NaN"),
    (b'{"a": -Infinity}', "json-number", "-Infinity"),
    (b'{"a": 1e999}', "json-number", "1e999"),
    (b'{"a": ' + b"9" * 100_000 + b"}", "json-number", "100000 characters"),
    (b'{"a": 1, "b": 2, "a": 3}', "json-duplicate-key", "'a'"),
    (b"[" * 100_000, "json-depth", "12"),
    (b'{"a":' * 50_000, "json-depth", "12"),
    (b'"' + b'\\"' * 400_000, "json-syntax", "line 1"),
    (b'{"a": "' + b"x" * (2 << 20) + b'"}', "file-size", "2097"),
    (b"[]", "manifest-type", "dict"),
    (b"null", "manifest-type", "None"),
    (b"{}", "manifest-missing-field", "runs"),
    (b"\x80\x04\x95\x0b", "json-encoding", "byte 0"),
]
#: (change of a good one of search, code, word)
_CHANGES: list[tuple[Callable[[Manifest], None], str, str]] = [
    (_set("model", to=HTML), "name", "script"),
    (_set("model", to="../../etc"), "name", "'../../etc'"),
    (_set("model", to="m" * 100_000), "text-length", "64"),
    (_set("model", to=""), "name", "''"),
    (_set("model", to="\ud800"), "text-control", "ud800"),
    (_set("description", to=f"Good {HTML}"), "text-markup", "script"),
    (_set("description", to="see [this](http://evil)"), "text-markup", "]("),
    (_set("description", to="\\input{secret}"), "text-markup", "input"),
    (_set("description", to="a &#60; b"), "text-markup", "&#60;"),
    (_set("description", to="\x1b[2Jgone"), "text-control", "U+001B"),
    (_set("description", to="safe \u202etxt.exe"), "text-control", "U+202E"),
    (_set("description", to="two\nlines"), "text-control", "U+000A"),
    (_set("description", to="\ud83d alone"), "text-control", "ud83d"),
    (_set("description", to="Z" + "\u0301" * 50), "text-control", "marks"),
    (_set("description", to="d" * 900_000), "text-length", "2000"),
    (_set("declaration", "training_data", to="  "), "text-empty", "blank"),
    (_set("declaration", "training_data", to=None), "manifest-type", "None"),
    (_set("declaration", "code", to="javascript:alert(1)"), "url", "javascript"),
    (_set("declaration", "code", to="http://example.org"), "url", "https"),
    (_set("declaration", "code", to="https://user:pw@example.org"), "url", "user"),
    (_set("declaration", "code", to="https://example.org/<b>"), "url", "<b>"),
    (_set("declaration", "code", to="https://[::1"), "url", "address"),
    (_set("declaration", "code", to="https://localhost/x"), "url", "host"),
    (_set("declaration", "code", to="baselines/../../etc"), "url", "https"),
    (_set("declaration", "code", to="/baselines/search/bm25.py"), "url", "https"),
    (_set("declaration", "extra", to=1), "manifest-unknown-field", "extra"),
    (_set("<b>", to=1), "manifest-unknown-field", "<b>"),
    (_set("format", to=1), "manifest-format", "1"),
    (_set("format", to=3), "manifest-format", "3"),
    (_set("runs", to=[]), "manifest-size", "runs"),
    (_set("runs", to={}), "manifest-type", "runs"),
    (_set("runs", to=[{}] * 5_000), "manifest-size", "runs"),
    (_run("predictions", to="../secret.parquet"), "name", "secret"),
    (_run("predictions", to="/etc/passwd"), "name", "passwd"),
    (_run("predictions", to="runs/other.parquet"), "file-missing", "other"),
    (_run("predictions_sha256", to="0" * 64), "predictions-edited", "SHA-256"),
    (_run("predictions_sha256", to="0" * 63), "name", "SHA-256"),
    (_run("settings", to={"weights": "/home/me/weights"}), "path", "one machine"),
    (_run("settings", to={"weights": ["~/weights"]}), "path", "one machine"),
    (_run("settings", to={"weights": "C:/weights"}), "path", "one machine"),
    (_run("tuning", to={"trials": 0, "metric": "NDCG@5", "value": 0.1}), "manifest-range", "0"),
    (_run("tuning", to={"trials": 9, "metric": HTML, "value": 0.1}), "name", "script"),
    (_run("tuning", to={"trials": 9}), "manifest-missing-field", "metric"),
    (_run("seed", to=-1), "manifest-range", "-1"),
    (_run("seed", to="0"), "manifest-type", "'0'"),
    (_run("seed", to=True), "manifest-type", "True"),
    (_run("seed", to=10**30), "manifest-range", "100 bits"),
    (_run("task", to="serch"), "task-unknown", "'serch'"),
    (_run("cohort", to="everyone"), "cohort-unknown", "'everyone'"),
    (_run("perturb", to="nx"), "perturb-unknown", "'nx'"),
    (_run("task_version", to=9), "task-version", "version 9"),
    (_run("data", to="../sim-xs"), "name", "'../sim-xs'"),
    (_run("dataset_sha256", to="0" * 64), "dataset-hash", "000000000000"),
    (_run("instances_sha256", to="0" * 64), "instances-hash", "000000000000"),
    (_run("cohort", to="new-domain"), "instances-hash", "instances are"),
    (_run("created", to="2026-02-30T00:00:00+00:00"), "date", "does not exist"),
    (_run("created", to="2999-01-01T00:00:00+00:00"), "date", "to come"),
    (_set("description", to="a\u202eb"), "text-control", "U+202E"),
    (_run("scores", to={}), "manifest-size", "scores"),
    (_run("scores", "HR@7", to=None), "manifest-type", "HR@7"),
    (_run("scores", HTML, to=None), "name", "script"),
    (_run("scores", "HR@5", "value", to="0.5"), "manifest-type", "'0.5'"),
    (_run("scores", "HR@5", "value", to=1e300), "manifest-range", "1e+300"),
    (_run("scores", "HR@5", "value", to=1.5), "gate-out-of-range", "HR@5"),
    (_run("scores", "HR@5", "value", to=0.0), "gate-not-monotone", "HR@5"),
    (_run("scores", "HR@10", "value", to=0.999), "score-mismatch", "0.999"),
    (_run("scores", "HR@10", "n", to=109), "score-mismatch", "109 instances"),
    (_run("scores", "HR@10", "low", to=1.0), "interval-reversed", "HR@10"),
    (_run("failure_rate", to=0.5), "score-mismatch", "0.5"),
    (_run("failure_rate", to=-0.1), "manifest-range", "-0.1"),
    (_run("parameters", to={"trainable": 2, "total": 1}), "parameters", "2 trainable"),
    (_run("packages", to={f"p{n}": "1" for n in range(500)}), "manifest-size", "packages"),
    (_run("settings", to={f"s{n}": {} for n in range(50_000)}), "manifest-size", "settings"),
    (lambda manifest: manifest.update({f"f{n}": 0 for n in range(60_000)}), "manifest-size", "600"),
    (_run("packages", to={"torch": HTML}), "text-markup", "script"),
    (_run("settings", to={"a": {"b": 1}}), "manifest-type", "settings"),
    (_run("created", to="yesterday"), "name", "'yesterday'"),
    (_second_run(), "run-repeated", "two runs"),
    (_second_run(predictions="runs/b.parquet"), "run-repeated", "seed 0"),
    (_set("model", to="BM25"), "name-confusable", "bm25"),
    (_set("model", to="un1mp"), "name-confusable", "unimp"),
    (_set("model", to="p0pularity"), "name-confusable", "popularity"),
    (_set("model", to="Un_imp"), "name-confusable", "unimp"),
    (_set("variant", to="everything"), "variant-unknown", "'everything'"),
    (_set("model", to="mean-rating"), "task-not-answered", "'search'"),
    (_run("settings", to={"depth": 3}), "settings-impossible", "random"),
    (
        _run("file", to={"name": "m.py", "class_name": "M", "sha256": "1" * 63 + "2"}),
        "name-taken",
        "'m.py'",
    ),
    (_run("file", to={"name": "../m.py", "class_name": "M", "sha256": "1" * 64}), "name", "m.py"),
    (_run("file", to={"name": "m.py", "class_name": "M()", "sha256": "1" * 64}), "name", "M()"),
    (_set("description", to="Uni\u041cP, our own"), "text-confusable", "U+041C"),
    (_set("description", to="\uff35\uff4e\uff49\uff2d\uff30"), "text-confusable", "U+FF35"),
    (_set("description", to="\U0001d414niMP"), "text-confusable", "U+1D414"),
    (_set("description", to="a\u200bb"), "text-control", "U+200B"),
    (_set("description", to="a\u2066b"), "text-control", "U+2066"),
    (_set("declaration", "contact", to="\u2800"), "text-control", "U+2800"),
    (_set("description", to="Good\ufe01\ufe02 model"), "text-control", "U+FE01"),
    (_set("description", to="Good\U000e0154\U000e0155 model"), "text-control", "U+E0154"),
    (_set("declaration", "training_data", to="x"), "declaration-empty", "'x'"),
    (_set("declaration", "training_data", to="---"), "declaration-empty", "'---'"),
    (_set("declaration", "contamination", to="TODO"), "declaration-empty", "'TODO'"),
    (_set("declaration", "contamination", to="xxxxxxxx"), "declaration-empty", "xxxx"),
    (_run("attachments", to=["<b>truth</b>"]), "text-markup", "'<'"),
    (_run("attachments", to=["a"] * 100), "manifest-size", "attachments"),
    (_run("devices", to=["gpu"] * 65), "manifest-size", "devices"),
    (_run("created", to="2026-01-01T00:00:00"), "name", "UTC"),
    (_run("created", to="2026-01-01T25:00:00+00:00"), "date", "does not exist"),
    (_run("created", to="0001-01-01T00:00:00+00:00"), "date", "before this program"),
    (_run("python", to="banana"), "name", "'banana'"),
    (_run("unimp_bench", to="latest"), "name", "'latest'"),
    (_run("code_sha256", to=OF_NOTHING), "hash", "no file"),
    (_run("code_sha256", to="0" * 64), "hash", "no file"),
    (_run("code_sha256", to="A" * 64), "name", "SHA-256"),
    (_run("scores", "HR@5", "users", to=109), "users", "109 users"),
    (_run("scores", "HR@5", "n", to=0), "manifest-range", "0"),
    (_run("tuning", to={"trials": 9, "metric": "MAE", "value": 0.1}), "metric-unknown", "'MAE'"),
    (_run("settings", to={"weights": "file:weights"}), "path", "one machine"),
    (_run("settings", to={f"s{n}": 1 for n in range(65)}), "manifest-size", "settings"),
    (_run("fit_seconds", to=-1.0), "manifest-range", "-1.0"),
    (_run("peak_memory_mib", to=1e300), "manifest-range", "1e+300"),
    (_run("energy", to={"fit_kwh": -1.0}), "manifest-range", "-1.0"),
    (_run("energy", to={"country": "Germany"}), "name", "'Germany'"),
    (_run("perturb", to=""), "name", "''"),
    (lambda m: m.pop("declaration"), "manifest-missing-field", "declaration"),
    (lambda m: m["runs"][0].pop("seed"), "manifest-missing-field", "seed"),
    (lambda m: m["runs"].extend(m["runs"] * 64), "manifest-size", "runs"),
]
KINDS = [
    *numbered(
        "json",
        [
            *(
                (
                    lambda forge, raw=raw: forge.archive({**forge.packed("search"), MANIFEST: raw}),
                    c,
                    w,
                )
                for raw, c, w in _RAW
            ),
            (_crowded, "json-duplicate-key", "'69999'"),
        ],
    ),
    *numbered(
        "manifest",
        [
            *((lambda forge, c=change: forge.manifest(c), code, w) for change, code, w in _CHANGES),
            (_edited, "manifest-edited", "digest"),
            (_flooded, "findings-untold", "more findings"),
            (lambda f: f.manifest(_run("task_version", to=1), "selection"), "task-version", "2"),
        ],
    ),
    *numbered(
        "claim",
        [
            (claims("search", lambda s: s.update(MAE=s["HR@5"])), "metric-unknown", "'MAE'"),
            (claims("preference", _renamed("-x")), "metric-unknown", "'MAE-x'"),
            (claims("preference", _renamed("-official")), "metric-unknown", "'MAE-official'"),
            (claims("preference", _renamed("@5")), "metric-unknown", "'MAE@5'"),
            (claims("search", lambda s: s.pop("MRR@3")), "metric-missing", "MRR@3"),
            (claims("explanation", _twice), "metric-repeated", "METEOR"),
            (
                claims("preference", lambda s: s["MAE"].update(value=s["MAE"]["value"] + 2e-9)),
                "score-mismatch",
                "MAE",
            ),
            (claims("search", _beside), "interval-excludes", "outside"),
            (claims("preference", lambda s: s["MAE"].update(low=None)), "interval", "one end"),
        ],
    ),
]

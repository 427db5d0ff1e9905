"""Hash every file of a dataset again and compare it with what was prepared."""

from __future__ import annotations

from benchmark.data.dataset import Dataset, identity_sha256
from benchmark.data.listing import INFO
from benchmark.errors import BenchError
from benchmark.host.files import read_json, sha256_file
from benchmark.host.progress import track

#: Caches made later; not part of a dataset's content.
CACHES = "features"
#: What Hugging Face keeps beside a dataset: its card (unimp-bench export), and how git stores it.
CARD = "README.md"
_BESIDE = (CARD, ".gitattributes")


def verify(dataset: Dataset) -> list[str]:
    """Return what differs from the prepared state, a sentence each; empty when nothing does."""
    try:
        info = read_json(dataset.folder / INFO)
    except BenchError as error:
        return [error.message]
    problems: list[str] = []
    if identity_sha256(info) != info.get("sha256"):
        problems.append(f"{INFO}: its sha256 does not match its content")
    expected: dict[str, str] = info["files"]
    for name in track(sorted(expected), "hashing"):
        path = dataset.folder / name
        try:
            actual = sha256_file(path)
        except FileNotFoundError:
            problems.append(f"{name}: missing")
            continue
        except OSError as error:
            problems.append(f"{name}: cannot be read ({error.strerror})")
            continue
        if actual != expected[name]:
            problems.append(f"{name}: changed (sha256 {actual[:12]}, not {expected[name][:12]})")
    for path in sorted(dataset.folder.rglob("*")):
        name = path.relative_to(dataset.folder).as_posix()
        known = name in {INFO, *_BESIDE, *expected} or name.startswith(f"{CACHES}/")
        if path.is_file() and not known:
            problems.append(f"{name}: not part of the dataset")
    return problems

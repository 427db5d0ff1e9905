"""Documents as word numbers, which every library takes and no word's spelling can break."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.host.files import read_json, write_json

_FILE = "documents.json"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Stores documents as word numbers.

    ``documents[i]`` are the word numbers of item i, in order; ``vocabulary`` numbers words.
    """

    documents: list[list[int]]
    vocabulary: dict[str, int]

    @classmethod
    def of(cls, documents: Iterable[Sequence[str]]) -> Corpus:
        """Number the words by first appearance.

        A numbering of a library's own may follow string hashing, which differs between processes.
        """
        vocabulary: dict[str, int] = {}
        numbers = [
            [vocabulary.setdefault(word, len(vocabulary)) for word in words] for words in documents
        ]
        return cls(numbers, vocabulary)

    def known(self, words: Iterable[str]) -> list[int]:
        """Number the words that some document has."""
        return [self.vocabulary[word] for word in words if word in self.vocabulary]

    def save(self, folder: Path) -> None:
        """Write the corpus into ``folder``: the same documents, the same bytes."""
        documents = [" ".join(map(str, numbers)) for numbers in self.documents]
        write_json(folder / _FILE, {"words": list(self.vocabulary), "documents": documents})

    @classmethod
    def load(cls, folder: Path) -> Corpus:
        """Read what :meth:`save` wrote into ``folder``."""
        stored = read_json(folder / _FILE)
        documents = [list(map(int, text.split())) for text in stored["documents"]]
        return cls(documents, {word: number for number, word in enumerate(stored["words"])})

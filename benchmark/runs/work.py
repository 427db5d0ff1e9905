"""What is told between the machine that asks for runs and the processes that execute them: text.

Light to import: a Dask worker passes it on and loads nothing else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

from benchmark.runs.spec import RunSpec


@dataclass(frozen=True, slots=True)
class Work:
    """Names the runs that one fit serves, cheapest first, and where and how to execute them."""

    home: str
    """A folder or an address."""
    fit: str
    """The key of the fit, as the process that asks computes it."""
    specs: tuple[RunSpec, ...]
    force: bool
    command: tuple[str, ...]
    """The command line to record in the runs' manifests."""

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        specs = [
            {each.name: getattr(spec, each.name) for each in fields(spec)}
            | {"settings": dict(spec.settings)}
            for spec in self.specs
        ]
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        return json.dumps({**said, "specs": specs})

    @staticmethod
    def from_json(text: str) -> Work:
        """Read what :meth:`to_json` wrote."""
        said = json.loads(text)
        specs = tuple(RunSpec(**spec) for spec in said["specs"])
        return Work(**{**said, "specs": specs, "command": tuple(said["command"])})


@dataclass(frozen=True, slots=True)
class Outcome:
    """Tells what became of a run: its id, or what went wrong."""

    run: str | None = None
    problem: str | None = None
    """A :class:`BenchError` in words, as the command line prints it."""

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps({"run": self.run, "problem": self.problem})

    @staticmethod
    def from_json(text: str) -> Outcome:
        """Read what :meth:`to_json` wrote."""
        return Outcome(**json.loads(text))

"""Where things are kept: ``--home``, else ``$UNIMP_BENCH_HOME``, else the platform's cache.

Either may be an address (:mod:`benchmark.host.stores`): a home that machines share without a common
file system. Its working copy on this machine lies below ``$UNIMP_BENCH_COPIES``, else in the
platform's cache, and :mod:`benchmark.host.shared` copies between the two.
"""

from __future__ import annotations

import math
import os
import time
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.errors import BenchError, UsageError
from benchmark.host.stores import address_in, copy_name, shown

if TYPE_CHECKING:
    from benchmark.host.shared import Shared

#: Seconds for which what was fetched is up to date: a command asks for runs several times, a
#: notebook is open for days.
_FRESH = 10.0
#: When all runs of a home were last fetched.
_fetched: dict[Shared, float] = {}


@dataclass(frozen=True, slots=True)
class Home:
    """Names the folder that holds prepared datasets, fitted models, runs and searches."""

    root: Path
    address: str | None = None
    """Where finished datasets, fits and runs are copied to and from; ``root`` is the working
    copy."""

    @property
    def shared(self) -> Shared | None:
        """Return what copies to and from the address, ``None`` for a home without one."""
        return None if self.address is None else _shared(self.address, self.root)

    def fetch(self, kind: str, name: str) -> None:
        """Bring the working copy of a folder up to date; does nothing without an address."""
        if (shared := self.shared) is not None:
            shared.fetch(kind, name)

    def send(self, kind: str, name: str) -> None:
        """Copy a finished folder to the address; does nothing without one."""
        if (shared := self.shared) is not None:
            shared.send(kind, name)

    def fetch_runs(self) -> None:
        """Bring all runs up to date, unless that was done just now; nothing without an address."""
        shared = self.shared
        if shared is not None and time.monotonic() >= _fetched.get(shared, -math.inf) + _FRESH:
            shared.fetch_all("runs")
            _fetched[shared] = time.monotonic()

    def require_folder(self, command: str) -> None:
        """Raise :class:`UsageError` where this is a home at an address."""
        if self.address is not None:
            raise UsageError(
                f"{command} removes from a folder, not from {shown(self.address)!r}.",
                fix="Remove there with the tools of that store; give a folder as --home here.",
            )

    @property
    def datasets(self) -> Path:
        """Return the folder of prepared datasets."""
        return self.root / "datasets"

    @property
    def fitted(self) -> Path:
        """Return the folder of fitted models."""
        return self.root / "fitted"

    @property
    def runs(self) -> Path:
        """Return the folder of stored runs."""
        return self.root / "runs"

    @property
    def tuning(self) -> Path:
        """Return the folder of hyperparameter searches."""
        return self.root / "tuning"

    @property
    def raw(self) -> Path:
        """Return the folder of raw files fetched from addresses."""
        return self.root / "raw"

    @property
    def stamps(self) -> Path:
        """Return the folder of stamps of unchanged files (:mod:`benchmark.host.stamps`)."""
        return self.root / "stamps"

    @property
    def verified(self) -> Path:
        """Return the folder of what was found of submissions (:mod:`leaderboards.site.kept`)."""
        return self.root / "verified"

    @property
    def comparisons(self) -> Path:
        """Return the folder of what comparisons found (:mod:`benchmark.compare.kept`)."""
        return self.root / "comparisons"

    def check_writable(self) -> None:
        """Raise :class:`BenchError` now rather than after an hour of training."""
        self.now()

    def now(self) -> float:
        """Return the time by the clock that stamps the files here, which may be a server's.

        Files that were written before are older. Raises :class:`BenchError` where none can be.
        """
        probe = self.root / f".writable-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe.touch()
            written = probe.stat().st_mtime
            probe.unlink()
            return math.nextafter(written, math.inf)  # that clock may tick rarely
        except OSError as error:
            raise BenchError(
                f"Cannot write to {str(self.root)!r}: {error.strerror}.",
                fix="Choose another folder with --home or $UNIMP_BENCH_HOME.",
            ) from error


@cache
def _shared(address: str, root: Path) -> Shared:
    from benchmark.host.shared import Shared

    return Shared(address, root)


def _working_copy(address: str) -> Path:
    import platformdirs

    given = os.environ.get("UNIMP_BENCH_COPIES")
    copies = Path(given or platformdirs.user_cache_dir("unimp-bench-copies"))
    return copies.expanduser().absolute() / copy_name(address)


def find_home(option: str | Path | None = None) -> Home:
    """Return the home by the rule above; it need not exist yet.

    Raises :class:`UsageError` where it is a file.
    """
    variable = os.environ.get("UNIMP_BENCH_HOME")
    address = address_in(option or variable or "")
    if address is not None:
        address = address.rstrip("/")
        return Home(_working_copy(address), address)
    option = None if option is None else Path(option)
    if option is not None:
        root = option.expanduser().absolute()
    elif variable:
        root = Path(variable).expanduser().absolute()
    else:
        import platformdirs

        root = Path(platformdirs.user_cache_dir("unimp-bench"))
    if root.exists() and not root.is_dir():
        raise UsageError(
            f"{str(root)!r} is a file, not a home folder.",
            fix="Choose another with --home or $UNIMP_BENCH_HOME.",
        )
    return Home(root)

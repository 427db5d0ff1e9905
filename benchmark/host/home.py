"""Where things are kept: ``--home``, else ``$UNIMP_BENCH_HOME``, else the platform's cache."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import BenchError, UsageError


@dataclass(frozen=True, slots=True)
class Home:
    """Names the folder that holds prepared datasets, fitted models, runs and searches."""

    root: Path

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
        probe = self.root / f".writable-{os.getpid()}"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise BenchError(
                f"Cannot write to {str(self.root)!r}: {error.strerror}.",
                fix="Choose another folder with --home or $UNIMP_BENCH_HOME.",
            ) from error


def find_home(option: Path | None = None) -> Home:
    """Return the home folder by the rule above; it need not exist yet.

    Raises :class:`UsageError` where it is a file.
    """
    variable = os.environ.get("UNIMP_BENCH_HOME")
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

"""Guard the calls of a model's own code: whatever that raises becomes one clear error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmark.errors import BenchError, in_one_line
from benchmark.host.files import is_write_failure


class ModelFailure(BenchError):
    """Reports what a model's own code raised."""


_TRACEBACK = "Run again with --debug for the traceback."


@contextmanager
def model_code(label: str, doing: str, *, fix: str = _TRACEBACK) -> Iterator[None]:
    """Run code of model ``label``; ``doing`` says what it is asked to do ("fitting").

    Raises :class:`ModelFailure` for its exceptions. Errors that already are one pass, and so does
    a full disk, which is no fault of the model. ``sys.exit`` in a model is caught as well: it
    would end the command as if all were done.
    """
    try:
        yield
    except BenchError:
        raise
    except (Exception, SystemExit) as error:
        if is_write_failure(error) and not isinstance(error, PermissionError):
            raise
        raise ModelFailure(
            f"Model {label!r} failed while {doing}: {in_one_line(error)}.", fix=fix
        ) from error

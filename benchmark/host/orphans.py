"""Start a helping process, and end it when the one that it helps has gone, however it went."""

from __future__ import annotations

import os
import sys
import threading
import time

#: Seconds between two looks.
_LOOK = 1.0


def helper(module: str) -> tuple[list[str], str]:
    """Return the command that executes ``module``, and the ``PYTHONPATH`` that it needs.

    It finds what this process finds, and nothing more: a user's ``random.py`` in the working folder
    is not Python's.
    """
    path = os.pathsep.join(filter(None, sys.path))
    return [sys.executable, "-P", "-m", module], path


def end_with(parent: int) -> None:
    """End this process within seconds of its parent, the process numbered ``parent``.

    Nobody else would: a parent that is killed (SIGKILL, too little memory) says nothing to its
    children, and one that waits for work would wait for ever.
    """
    threading.Thread(target=_look, args=(parent,), daemon=True, name="end-with-parent").start()


def _look(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)

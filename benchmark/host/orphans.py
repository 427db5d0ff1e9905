"""End a helping process when the one that it helps has gone, however it went."""

from __future__ import annotations

import os
import threading
import time

#: Seconds between two looks.
_LOOK = 1.0


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

"""Several processes of one command, as ``accelerate launch`` and ``torchrun`` start them.

One of them, the main one, does all that the command asks for: it alone writes, prints and
answers. The others wait to be told of work that several can share, and leave when the main one
has finished. Where it fails, the launcher ends them.

Nothing beyond the standard library is imported before processes really have to talk.
"""

from __future__ import annotations

import functools
import os
from datetime import timedelta
from typing import Any

#: The main process may train an encoder, or answer a million instances, while the others wait.
_PATIENCE = timedelta(days=30)


def count() -> int:
    """Return how many processes the command was started in."""
    # Some clusters set WORLD_SIZE for every shell; only launchers set LOCAL_RANK.
    if "LOCAL_RANK" not in os.environ:
        return 1
    return int(os.environ.get("WORLD_SIZE") or 1)


def is_main() -> bool:
    """Return whether this process is the one that writes and prints; true where it is alone."""
    return count() == 1 or int(os.environ.get("RANK") or 0) == 0


@functools.cache
def state() -> Any:
    """Connect the processes and return Accelerate's ``PartialState``: all of them must call it."""
    import torch
    from accelerate import PartialState
    from accelerate.utils import parse_flag_from_env

    cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.cuda.is_available()
    return PartialState(cpu=cpu, timeout=_PATIENCE)


def tell(message: Any) -> None:
    """Send a message from the main process to every :func:`hear`; ``None`` lets the others go.

    Does nothing where there are no others.
    """
    if count() > 1:
        broadcast(message)
        if message is None:
            state().destroy_process_group()


def hear() -> Any:
    """Block until the main process sends a message, and return it; not for the main one."""
    message = broadcast(None)
    if message is None:
        state().destroy_process_group()
    return message


def broadcast(value: Any) -> Any:
    """Return the main process' ``value`` in every process: all of them must call it."""
    from accelerate.utils import broadcast_object_list

    state()
    return broadcast_object_list([value])[0]

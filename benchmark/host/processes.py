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

#: The main process may train an encoder, or answer a million questions, while the others wait.
_PATIENCE = timedelta(days=30)


def count() -> int:
    """How many processes the command was started in."""
    # Some clusters set WORLD_SIZE for every shell; only launchers set LOCAL_RANK.
    if "LOCAL_RANK" not in os.environ:
        return 1
    return int(os.environ.get("WORLD_SIZE") or 1)


def is_main() -> bool:
    """Whether this process is the one that writes and prints; true where it is the only one."""
    return count() == 1 or int(os.environ.get("RANK") or 0) == 0


@functools.cache
def state() -> Any:
    """Accelerate's ``PartialState``, with the processes connected: all of them must call it."""
    import torch
    from accelerate import PartialState
    from accelerate.utils import parse_flag_from_env

    cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.cuda.is_available()
    return PartialState(cpu=cpu, timeout=_PATIENCE)


def tell(message: Any) -> None:
    """From the main process, what :func:`hear` returns in the others; ``None`` lets them go.

    Does nothing where there are no others.
    """
    if count() > 1:
        broadcast(message)
        if message is None:
            state().destroy_process_group()


def hear() -> Any:
    """In a process that is not the main one: wait for what that tells."""
    message = broadcast(None)
    if message is None:
        state().destroy_process_group()
    return message


def broadcast(value: Any) -> Any:
    """The main process' ``value``, in every process. All of them must call it."""
    from accelerate.utils import broadcast_object_list

    state()
    return broadcast_object_list([value])[0]

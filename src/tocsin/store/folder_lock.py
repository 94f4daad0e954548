"""Who holds a data folder? One process at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from tocsin.kit.fault import Permanent


def hold(folder: Path) -> int:
    """Lock the folder for this process's life and return the lock's file descriptor.

    The system lets go of it when the process dies, however it dies. Raises Permanent with the
    holder's process id when another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "engine.lock"
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(file, 32).decode(errors="replace").strip() or "unknown"
        os.close(file)
        raise Permanent(
            f"the data folder {folder} is in use by process {holder}; stop that Tocsin first "
            "(kill -TERM {holder}) or give this one another folder with --data".replace(
                "{holder}", holder
            )
        ) from error
    os.ftruncate(file, 0)
    os.write(file, f"{os.getpid()}\n".encode())
    return file

"""What do the exit codes of the commands mean?"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes; 0 means that all went well, and typer itself uses 2 for wrong usage."""

    WRONG = 1
    """What was asked or configured is wrong; the message says where."""
    UNREACHABLE = 2
    """The other side does not answer."""
    NOTHING = 3
    """The question was right and there was nothing."""
    HELD = 4
    """Somebody else holds the data folder or the port."""

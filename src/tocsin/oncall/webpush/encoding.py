"""How are keys written in Web Push? base64url without padding (RFC 4648, section 5)."""

from __future__ import annotations

import base64
import binascii

from tocsin.kit.fault import Rejected


def text(raw: bytes) -> str:
    """As it is written."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def raw(given: str, what: str) -> bytes:
    """Padding is allowed. Raises Rejected, naming `what`, for anything else."""
    given = given.rstrip("=")
    try:
        return base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Rejected(f"{what} is not base64url") from error

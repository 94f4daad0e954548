"""Whose own affairs are these? The person who is signed in."""

from __future__ import annotations

from starlette.requests import Request

from tocsin.kit.fault import Rejected
from tocsin.web.identity import Kind, identity

_LONGEST = 100


def myself(request: Request, chosen: str = "") -> str:
    """The person's name. Raises Rejected for a key, which is nobody. While login is off everybody
    may be anybody: whoever is `chosen`, or named in the query."""
    who = identity(request)
    if who.kind is Kind.LOCAL:
        return (chosen or request.query_params.get("person", "") or who.name)[:_LONGEST]
    if who.user is None:
        raise Rejected("this is about a person's own devices and ways: log in instead of a key")
    return who.user.name

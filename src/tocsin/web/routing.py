"""Which addresses are there, and what must a caller hold to use each?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response


class _Number(IntegerConvertor):
    """`{id:int}` in a path: a number that is one to Python too, which reads 4300 digits at most."""

    regex = "[0-9]{1,4000}"


register_url_convertor("int", _Number())

Handler = Callable[[Request], Awaitable[Response]]


class Access(Enum):
    """What a route asks of its caller. There is no default: a route names one."""

    PUBLIC = "public"
    """Anybody: health, login, static files."""
    READ = "read"
    """A signed-in person, or a token with the scope `read` or `admin`."""
    INGEST = "ingest"
    """A key with the scope `ingest` or `admin`; a signed-in person does not need one."""
    BROWSER_INGEST = "browser-ingest"
    """As INGEST, or a public key bound to the request's Origin. Answers CORS preflights."""
    RESPOND = "respond"
    """A signed-in member or administrator, or a token with the scope `admin`: whoever is called
    acknowledges, silences and plans maintenance."""
    ADMIN = "admin"
    """A signed-in administrator, or a token with the scope `admin`."""


@dataclass(frozen=True, slots=True)
class Address:
    """One address: a Starlette path, its methods and what it asks of the caller."""

    path: str
    handler: Handler
    access: Access
    methods: tuple[str, ...] = ("GET",)
    body: type | None = None
    """The struct that a JSON body is read as, for the API's description."""
    answer: type | None = None
    """The struct that the JSON answer is made of, for the API's description."""
    key_in_body: Callable[[Request], Awaitable[str]] | None = None
    """Finds the key of a request that brings it nowhere else; empty when it is not there either."""


def get(path: str, handler: Handler, access: Access) -> Address:
    """An address that is only read."""
    return Address(path, handler, access, ("GET",))


def post(path: str, handler: Handler, access: Access) -> Address:
    """An address that is only posted to."""
    return Address(path, handler, access, ("POST",))


Addresses = Sequence[Address]

"""Backups of the running Tocsin, for `tocsin backup` and for scripts."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Rejected
from tocsin.store.backup_target import parse_target
from tocsin.web.csrf import keep_body
from tocsin.web.identity import identity
from tocsin.web.people import people
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import BackupState, services


class NewBackup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the backup shall be: a folder of the machine that Tocsin runs on, or
    `s3://bucket/path` with the service's address and keys."""

    target: str
    endpoint: str = "https://s3.amazonaws.com"
    access_key: str = ""
    secret_key: str = ""
    region: str = "us-east-1"


async def _begin(request: Request) -> Response:
    """Begin a backup; 202 at once, `GET` tells how it is. 503 while another one runs."""
    await keep_body(request)
    try:
        wanted = msgspec.json.decode(await request.body(), type=NewBackup)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not the JSON that is expected: {error}") from error
    target = parse_target(
        wanted.target,
        endpoint=wanted.endpoint,
        access_key=wanted.access_key,
        secret_key=wanted.secret_key,
        region=wanted.region,
    )
    backups = services(request).backups
    backups.start(target)
    ip = request.client.host if request.client else ""
    await people(request).audit.record(identity(request).name, "backup_begun", str(target), ip=ip)
    return _json(await backups.state(), 202)


async def _state(request: Request) -> Response:
    """How the last backup is: none, running, done or failed."""
    return _json(await services(request).backups.state())


def _json(state: BackupState, status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(state),
        status,
        {"Cache-Control": "no-store"},
        media_type="application/json",
    )


ADDRESSES: Addresses = (
    Address("/api/backup", _begin, Access.ADMIN, ("POST",), NewBackup, BackupState),
    Address("/api/backup", _state, Access.ADMIN, answer=BackupState),
)

"""Receipts of decisions about alerts, and what would be decided now."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.alert.deciding.receipt import plain_inputs, replay
from tocsin.kit.fault import NotFound, Rejected
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import services
from tocsin.web.why import Decided, Why, decided, is_fingerprint, labels_of, receipts_of, why

_MOST = 1000
_USUAL = 100


class ReceiptList(msgspec.Struct, frozen=True):
    """The newest first."""

    receipts: list[Decided]


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """The decision made again from the receipt. `error` says why it cannot be."""

    is_equal: bool
    summary: str = ""
    error: str = ""


class WholeReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """One receipt with all that the decision was made of, and what it gives when made again."""

    receipt: Decided
    basis: str
    inputs: dict[str, Any]  # Any: plain data, as the decision took it
    replayed: Replayed


class WhyList(msgspec.Struct, frozen=True):
    """One entry for each alert of that name."""

    alerts: list[Why]


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "") or str(_USUAL)
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= _MOST:
        raise Rejected(f"limit is a number from 1 to {_MOST}, not {text[:40]!r}")
    return int(text)


async def _list(request: Request) -> Response:
    """The newest receipts: of one alert (`fingerprint`), of a name (`alertname`), or of all;
    `limit` of them, 100 unless it is given."""
    used, query, limit = services(request), request.query_params, _limit(request)
    name = query.get("alertname", "")
    if name:
        return _json(ReceiptList([decided(one) for one in await used.receipts.named(name, limit)]))
    fingerprint = query.get("fingerprint", "")
    if fingerprint and not is_fingerprint(fingerprint):
        raise Rejected(f"a fingerprint has 16 hex digits, not {fingerprint[:40]!r}")
    if fingerprint:
        found = await receipts_of(used, [fingerprint], limit)
    else:
        found = await used.receipts.find((), limit)
    return _json(ReceiptList([decided(one) for one in found]))


async def _one(request: Request) -> Response:
    """One receipt with its inputs; the decision is made again from them."""
    used = services(request)
    receipt = await used.receipts.get(int(request.path_params["id"]))
    try:
        again = replay(receipt, await used.receipts.basis(receipt.basis))
    except NotFound as error:
        replayed = Replayed(is_equal=False, error=str(error))
    else:
        replayed = Replayed(is_equal=again == receipt.decision, summary=again.summary)
    return _json(
        WholeReceipt(
            receipt=decided(receipt),
            basis=receipt.basis,
            inputs=plain_inputs(receipt),
            replayed=replayed,
        )
    )


async def _why(request: Request) -> Response:
    """All about the alert named `alert` (its `alertname` or its fingerprint), with the labels
    `label=name=value`: what would be decided now, what was, and which messages it was in."""
    query = request.query_params
    asked = query.get("alert", "").strip()
    if not asked:
        raise Rejected("name the alert: ?alert=ALERTNAME or ?alert=FINGERPRINT")
    return _json(WhyList(await why(services(request), asked, labels_of(query.getlist("label")))))


def _json(value: object) -> Response:
    return Response(
        msgspec.json.encode(value), 200, {"Cache-Control": "no-store"},
        media_type="application/json",
    )  # fmt: skip


ADDRESSES: Addresses = (
    Address("/api/receipts", _list, Access.READ, answer=ReceiptList),
    Address("/api/receipts/{id:int}", _one, Access.READ, answer=WholeReceipt),
    Address("/api/why", _why, Access.READ, answer=WhyList),
)

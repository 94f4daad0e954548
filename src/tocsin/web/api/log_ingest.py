"""`/api/logs`: lines of front ends; `/api/logs/lines`: lines of anything."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.ingest.logs.intake import Taken, key_of
from tocsin.ingest.protocols import frontend_logs, json_lines
from tocsin.kit.fault import Fault
from tocsin.model.logs import LogRecord
from tocsin.web.body import answering, read_body, sender_of
from tocsin.web.routing import Access, Addresses, post
from tocsin.web.services import services

_LONGEST_AGENT = 400


async def _frontend(request: Request) -> Response:
    """Lines of a browser's page: `{"logs": [{level, message, context, timestamp, url}]}`."""
    used = services(request)
    body = await read_body(request, used.config.ingest.body)
    now_ns = used.logs.now_ns()
    records, invalid = frontend_logs.decode(
        body,
        now_ns=now_ns,
        service=request.query_params.get("service", ""),
        agent=request.headers.get("user-agent", "")[:_LONGEST_AGENT],
    )
    key = _key(records, body, now_ns, "frontend")
    taken = await used.logs.take(records, protocol="frontend", key=key, sender=sender_of(request))
    return _told(taken, invalid)


async def _lines(request: Request) -> Response:
    """One line a line, JSON or text in any of the usual forms.

    Parameters `service`, `host`, `environment` and `source` say what the lines do not; `mapping`,
    as `body=text,level=sev`, which of their fields are which parts.
    """
    used = services(request)
    body = await read_body(request, used.config.ingest.body)
    now_ns, asked = used.logs.now_ns(), request.query_params
    mapping = json_lines.mapping_of(asked.get("mapping", ""))

    def decoded() -> list[LogRecord]:
        records = json_lines.decode(body, now_ns=now_ns, mapping=mapping)
        for one in records:
            one.service = one.service or asked.get("service", "")
            one.host = one.host or asked.get("host", "")
            one.environment = one.environment or asked.get("environment", "")
            one.source = asked.get("source", "lines")
        return records

    records = await used.logs.decoded(decoded, len(body))
    place = f"lines {asked.get('service', '')} {asked.get('source', '')}"
    key = _key(records, body, now_ns, place)
    return _told(
        await used.logs.take(records, protocol="lines", key=key, sender=sender_of(request)), 0
    )


def _key(records: list[LogRecord], body: bytes, now_ns: int, place: str) -> int:
    carries_times = all(one.ts_ns != now_ns for one in records)
    return key_of(body, carries_times=carries_times, now_ns=now_ns, place=place)


def _told(taken: Taken, invalid: int) -> Response:
    answer: dict[str, object] = {"success": True, "accepted": taken.kept}
    if invalid or taken.refused:
        answer["rejected"] = invalid + len(taken.refused)
    if taken.refused:
        answer["warning"] = "; ".join(f"{n} lines: {why}" for why, n in taken.reasons().items())
    return _json(answer)


def _refuse(request: Request, fault: Fault, status: int) -> Response:
    return _json({"error": str(fault)}, status)


def _json(answer: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type="application/json")


ADDRESSES: Addresses = (
    post("/api/logs", answering(_frontend, _refuse), Access.BROWSER_INGEST),
    post("/api/logs/lines", answering(_lines, _refuse), Access.INGEST),
)

"""`/datadog/api/v2/logs` and `/datadog/v1/input`: logs of Datadog's clients and agents."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.ingest.logs.intake import key_of
from tocsin.ingest.protocols import datadog_logs
from tocsin.kit.fault import Fault
from tocsin.model.logs import LogRecord
from tocsin.web.body import answering, read_body, sender_of
from tocsin.web.routing import Access, Addresses, Handler, post
from tocsin.web.services import services


def _logs(status: int) -> Handler:
    async def logs(request: Request) -> Response:
        used = services(request)
        body = await read_body(request, used.config.ingest.body)
        now_ns = used.logs.now_ns()
        is_json = "json" in request.headers.get("content-type", "").lower()
        query = dict(request.query_params)

        def decoded() -> list[LogRecord]:
            return datadog_logs.decode(body, is_json=is_json, query=query, now_ns=now_ns)

        records = await used.logs.decoded(decoded, len(body))
        key = key_of(
            body,
            carries_times=all(one.ts_ns != now_ns for one in records),
            now_ns=now_ns,
            place="datadog",
        )
        taken = await used.logs.take(
            records, protocol="datadog", key=key, sender=sender_of(request)
        )
        if taken.refused and not taken.kept:
            return _json(_errors("; ".join(taken.reasons()), 400), 400)
        return _json({}, status)

    return answering(logs, _refuse)


def _refuse(request: Request, fault: Fault, status: int) -> Response:
    return _json(_errors(str(fault), status), status)


def _errors(words: str, status: int) -> object:
    return {"errors": [{"detail": words, "status": str(status), "title": words[:100]}]}


def _json(answer: object, status: int) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type="application/json")


ADDRESSES: Addresses = (
    post("/datadog/api/v2/logs", _logs(202), Access.INGEST),
    post("/datadog/v1/input", _logs(200), Access.INGEST),
)

"""Try a rule on stored history: the report, and on the way to it how far the trial is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tocsin.alert.trying.trial_report import Report
from tocsin.kit.fault import Fault, Rejected
from tocsin.web.csrf import keep_body
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import Services, services
from tocsin.web.trials import TrialRequest, report_of, trials_of

_PATIENCE_SECONDS = 3600.0


class TrialLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the answer: how far the trial is, then the report or why there is none."""

    progress: float = 0.0
    title: str = ""
    report: Report | None = None
    error: str = ""


async def _backtest(request: Request) -> Response:
    """Try a rule on stored history, and compare it with another version of it.

    Answers lines of JSON: `progress` from 0 to 1 again and again, and at the end `report`, or
    `error`. Who stops reading ends the trial.
    """
    await keep_body(request)
    try:
        asked = msgspec.json.decode(await request.body(), type=TrialRequest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(f"the body is not the JSON that is expected: {error}") from error
    given = services(request)
    trials_of(given, asked)  # so that what is wrong is answered with its status
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_lines(given, asked), 200, headers, "application/x-ndjson")


async def _lines(given: Services, asked: TrialRequest) -> AsyncIterator[bytes]:
    told: asyncio.Queue[TrialLine] = asyncio.Queue(maxsize=1)

    async def tell(title: str, share: float) -> None:
        if not told.full():  # how far it was a moment ago is not worth waiting for
            told.put_nowait(TrialLine(progress=round(share, 4), title=title))

    async def work() -> None:
        try:
            line = TrialLine(progress=1.0, report=await report_of(given, asked, tell))
        except Fault as fault:
            line = TrialLine(error=str(fault))
        await told.put(line)

    task = asyncio.create_task(work(), name="backtest")
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                line = await told.get()
                yield msgspec.json.encode(line) + b"\n"
                if line.report is not None or line.error:
                    return
    finally:
        task.cancel()
        await asyncio.wait([task])


ADDRESSES: Addresses = (
    Address("/api/backtests", _backtest, Access.READ, ("POST",), TrialRequest, TrialLine),
)

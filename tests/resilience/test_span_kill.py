"""`kill -9` of either process while spans come in: acknowledged ones are kept, once each."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import time
from functools import partial
from pathlib import Path
from random import Random
from uuid import UUID

import aiohttp
import msgspec
import pytest

from tests.resilience.serving import Serving, acknowledged_again, serving
from tests.waiting import some_moment, until

SENDERS, SPANS, KILLS = 3, 50, 4


class Exporter:
    """Sends requests of one trace each, again until it is acknowledged, as SDKs do."""

    def __init__(self, number: int, target: Serving) -> None:
        self._number = number
        self._target = target
        self.acknowledged: list[str] = []
        self.repeated = 0
        self.ended = asyncio.Event()

    async def run(self) -> None:
        """Send until told to end; the last request is acknowledged, too."""
        request = 0
        while not self.ended.is_set():
            trace_id = UUID(int=(self._number + 1 << 64) + request + 1).hex
            body = _export(f"sender-{self._number}", trace_id)
            await until(partial(self._is_taken, body))
            self.acknowledged.append(trace_id)
            request += 1
            await asyncio.sleep(0.02)

    async def _is_taken(self, body: bytes) -> bool:
        headers = {"Content-Type": "application/json"}
        url = f"{self._target.url}/v1/traces"
        try:
            async with self._target.http.post(url, data=body, headers=headers) as response:
                answer = msgspec.json.decode(await response.read())
                is_taken = response.status == 200 and not answer
        except (aiohttp.ClientError, ConnectionError, TimeoutError, msgspec.DecodeError):
            is_taken = False
        self.repeated += not is_taken
        return is_taken


def _export(service: str, trace_id: str) -> bytes:
    now = time.time_ns()
    spans = [
        {
            "traceId": trace_id,
            "spanId": f"{number + 1:016x}",
            "name": f"step {number % 7}",
            "startTimeUnixNano": str(now - number),
            "endTimeUnixNano": str(now + 1000),
        }
        for number in range(SPANS)
    ]
    name = {"key": "service.name", "value": {"stringValue": service}}
    resource = {"attributes": [name]}
    scopes = [{"spans": spans}]
    return msgspec.json.encode({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]})


@pytest.mark.slow
async def test_no_acknowledged_span_is_lost_or_doubled_by_kills_of_either_process(
    tmp_path: Path,
) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    sys.stdout.write(f"seed {seed}\n")
    random = Random(seed)
    async with serving(tmp_path) as tocsin:
        exporters = [Exporter(number, tocsin) for number in range(SENDERS)]
        running = [asyncio.create_task(exporter.run()) for exporter in exporters]
        for number in range(KILLS):
            await some_moment(random, least=0.2, most=1.0)
            if number % 2:
                await until(tocsin.kill_engine)
            else:
                await tocsin.kill()
                await tocsin.start()
            await acknowledged_again(exporters)
        for exporter in exporters:
            exporter.ended.set()
        await asyncio.gather(*running)
        sent = {trace: SPANS for exporter in exporters for trace in exporter.acknowledged}
        sys.stdout.write(f"{len(sent)} traces, {[one.repeated for one in exporters]} repeated\n")
        await until(lambda: _is_whole(tocsin, sent))
        assert await tocsin.stop() == 0
        await tocsin.start()
        await until(lambda: _answers(tocsin))
        found = await _kept(tocsin)
        assert len(found) == len(sent)
        assert _hash(found) == _hash(sent)


async def _is_whole(tocsin: Serving, sent: dict[str, int]) -> bool:
    return await _answers(tocsin) and await _kept(tocsin) == sent


async def _answers(tocsin: Serving) -> bool:
    return (await tocsin.get("/-/ready"))[0] == 200


async def _kept(tocsin: Serving) -> dict[str, int]:
    """How many rows there are of each trace."""
    found: dict[str, int] = {}
    for number in range(SENDERS):
        question = f'{{ resource.service.name = "sender-{number}" }}'
        async with tocsin.http.get(
            f"{tocsin.url}/tempo/api/search", params={"q": question, "limit": "1000"}
        ) as response:
            body = await response.read()
            assert response.status == 200, body[:1000]
        for trace in msgspec.json.decode(body)["traces"]:
            stats = trace["serviceStats"].values()
            found[trace["traceID"]] = sum(one["spanCount"] for one in stats)
    return found


def _hash(found: dict[str, int]) -> str:
    return hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()

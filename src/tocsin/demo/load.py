"""The demo's people: a gentle load on the shop, and what their browsers report to Tocsin."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from tocsin.demo import process

_USERS = 120
_VISITS_PER_SECOND = 2.5
_MOST_AT_ONCE = 60
_TIMEOUT = aiohttp.ClientTimeout(total=25)
_PAGES = ("/", "/products", "/checkout", "/journal", "/account")


class People:
    """Visits arrive at random, more by day than by night; each is a few requests and metrics."""

    def __init__(self, shop: str, tocsin: str, key: str, chance: random.Random) -> None:
        self._shop = shop
        self._tocsin = tocsin
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._chance = chance
        self._visits: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Go on until cancelled; then nobody is left in the shop."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as self._session:
            try:
                await self._arrive()
            finally:
                for visit in self._visits:
                    visit.cancel()
                await asyncio.gather(*self._visits, return_exceptions=True)

    async def _arrive(self) -> None:
        while True:
            day = 1 + 0.4 * math.sin(time.time() / 86400 * 2 * math.pi)
            await asyncio.sleep(self._chance.expovariate(_VISITS_PER_SECOND * day))
            if len(self._visits) < _MOST_AT_ONCE:
                visit = asyncio.create_task(self._visit())
                self._visits.add(visit)
                visit.add_done_callback(self._visits.discard)

    async def _visit(self) -> None:
        user = f"user-{self._chance.randrange(_USERS)}"
        plan = "pro" if hash(user) % 4 == 0 else "free"
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            await self._browser(user)
            await self._call("GET", "/api/products")
            if self._chance.random() < 0.35:
                product = self._chance.randrange(1, 9)
                order = {"user": user, "product": product, "plan": plan}
                await self._call("POST", "/api/orders", order)
                await self._track("journal_entry.created", 1, {"userId": user, "mood_range": "3"})
            if self._chance.random() < 0.15:
                await self._analyse(user, plan)

    async def _analyse(self, user: str, plan: str) -> None:
        started = time.perf_counter()
        await self._track("ai_analysis.request", 1, {"userId": user, "type": "mood"})
        status, body = await self._call("POST", "/api/analysis", {"user": user, "plan": plan})
        took_ms = (time.perf_counter() - started) * 1000
        await self._track("ai_analysis.latency", took_ms, {"type": "mood"})
        if status == 200:
            tokens, model = float(str(body.get("tokens", 0))), str(body.get("model", ""))
            await self._track("ai_analysis.tokens", tokens, {"model": model})
        else:
            await self._track("ai_analysis.error", 1, {"error": str(body.get("error", ""))})

    async def _browser(self, user: str) -> None:
        page = self._chance.choice(_PAGES)
        await self._track("active_users.daily", 1, {"userId": user})
        lcp = self._chance.lognormvariate(7.2, 0.4)
        rating = "good" if lcp <= 2500 else "needs-improvement" if lcp <= 4000 else "poor"
        vital = {"metric": "LCP", "value": lcp, "rating": rating, "page": page}
        await self._post(
            "/api/analytics/web-vitals", {**vital, "timestamp": time.time_ns() // 10**6}
        )

    async def _track(self, name: str, value: float, tags: Mapping[str, str]) -> None:
        body = {"name": name, "value": value, "tags": tags, "timestamp": time.time_ns() // 10**6}
        await self._post("/api/metrics", body)

    async def _post(self, path: str, body: Mapping[str, object]) -> None:
        # As in a browser: a report that does not get through never stops the visit.
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            url = self._tocsin + path
            async with self._session.post(url, json=body, headers=self._headers) as answer:
                await answer.read()

    async def _call(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> tuple[int, dict[str, object]]:
        async with self._session.request(method, self._shop + path, json=body) as answer:
            parsed = await answer.json()
            return answer.status, parsed if isinstance(parsed, dict) else {}


async def _run(folder: Path) -> None:
    shop, tocsin = sys.argv[2:4]
    # The key comes by standard input's first line: command lines can be read by others.
    key = sys.stdin.readline().strip()
    people = asyncio.create_task(People(shop, tocsin, key, random.Random()).run())
    process.announce("load")
    await process.until_told_to_end()
    people.cancel()
    await asyncio.gather(people, return_exceptions=True)


if __name__ == "__main__":
    process.main(_run)

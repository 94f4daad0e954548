"""What does one `tocsin logs` ask of a running Tocsin, and what does it print of the answers?"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import aiohttp
import msgspec
from rich.console import Console
from rich.text import Text

from tocsin.cli.log_lines import head, spark, written
from tocsin.kit.fault import Rejected, Temporary
from tocsin.model.shown_line import ShownLine

_ERR = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
_AGAIN_SECONDS = 2.0
_OVERLAP_NS = 10_000_000_000
"""How much is asked for again when a connection begins anew: lines come in no strict order."""
_REMEMBERED = 20_000
_decode = msgspec.json.Decoder(ShownLine).decode


class _Bar(msgspec.Struct):
    start: int
    level: str
    count: int


class _Bars(msgspec.Struct):
    step: int
    bars: list[_Bar]


class _Counted(msgspec.Struct):
    count: int


class _Lost(msgspec.Struct):
    lines: int


class _Problem(msgspec.Struct):
    error: str = ""


class _Printed:
    """Which lines were printed lately, so that none is twice when a tail begins anew."""

    def __init__(self, since_ns: int) -> None:
        self._since_ns = since_ns
        self._newest_ns = 0
        self._ids: dict[str, None] = {}

    def is_new(self, line: ShownLine) -> bool:
        """Whether it was not printed yet; it is from now on."""
        if line.id in self._ids:
            return False
        self._ids[line.id] = None
        if len(self._ids) > _REMEMBERED:
            del self._ids[next(iter(self._ids))]
        self._newest_ns = max(self._newest_ns, line.ts_ns)
        return True

    def go_on(self) -> None:
        """From here on only what is newer is wanted: of what was before, enough was printed."""
        self._since_ns = max(self._since_ns, self._newest_ns)

    @property
    def since_ns(self) -> int:
        """From when on lines are asked for again."""
        return max(self._since_ns, self._newest_ns - _OVERLAP_NS)


class LogAsker:
    """One command's questions to a running Tocsin."""

    def __init__(self, url: str, token: str, output: str, *, coloured: bool) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._output = output
        self._coloured = coloured
        self._out = sys.stdout.buffer

    async def count(self, question: str, span: dict[str, str]) -> int:
        """Print how many lines there are."""
        body = b"".join([part async for part in self._parts("count", {"q": question, **span})])
        found = msgspec.json.decode(body, type=_Counted).count
        self._write(f"{found}\n")
        return found

    async def histogram(self, question: str, span: dict[str, str]) -> int:
        """Print a bar of blocks for each level."""
        body = b"".join([part async for part in self._parts("histogram", {"q": question, **span})])
        bars = msgspec.json.decode(body, type=_Bars)
        start, end = (int(one) // 10**9 for one in span.values())
        counts: dict[str, dict[int, int]] = {}
        for bar in bars.bars:
            counts.setdefault(bar.level, {})[bar.start] = bar.count
        for text in spark(counts, start, end, bars.step, coloured=self._coloured):
            self._write(text + "\n")
        return sum(bar.count for bar in bars.bars)

    async def lines(
        self, question: str, span: dict[str, str], limit: int, *, oldest: bool, follow: bool
    ) -> int:
        """Print lines, then those that come."""
        if self._output == "csv":
            self._write(head())
        newest_first = limit > 0 and not oldest
        params = {"q": question, **span, "order": "desc" if newest_first else "asc"}
        if limit:
            params["limit"] = str(limit)
        found: list[ShownLine] = []
        printed, known = 0, _Printed(int(span["from"]))
        async for raw in self._rows("export", params):
            line = _decode(raw)
            known.is_new(line)
            if newest_first:
                found.append(line)
            else:
                self._print(line)
            printed += 1
        for line in reversed(found):
            self._print(line)
        self._out.flush()
        if follow:
            known.go_on()
            await self._follow(question, known)
        return printed

    async def _follow(self, question: str, known: _Printed) -> None:
        """Print what comes, and ask again when the connection ends; until interrupted."""
        is_told = False
        while True:
            try:
                name = ""
                params = {"q": question, "since": str(known.since_ns)}
                async for raw in self._rows("tail", params):
                    is_told = False
                    if raw.startswith(b"event: "):
                        name = raw[7:].decode().strip()
                    elif raw.startswith(b"data: "):
                        self._told(name, raw[6:], known)
            except (aiohttp.ClientError, TimeoutError, Temporary) as error:
                if not is_told:
                    why = str(error) or "timed out"
                    _ERR.print(
                        Text(f"(nothing comes at the moment: {why}; trying again)", "yellow")
                    )
                is_told = True
            await asyncio.sleep(_AGAIN_SECONDS)

    def _told(self, event: str, data: bytes, known: _Printed) -> None:
        if event == "line":
            line = _decode(data)
            if known.is_new(line):
                self._print(line)
                self._out.flush()
        elif event == "lost":
            lost = msgspec.json.decode(data, type=_Lost).lines
            _ERR.print(Text(f"({lost} lines came too fast to be shown)", "yellow"))

    def _print(self, line: ShownLine) -> None:
        self._write(written(line, self._output, coloured=self._coloured))

    def _write(self, text: str) -> None:
        self._out.write(text.encode("utf-8", "replace"))

    async def _rows(self, path: str, params: dict[str, str]) -> AsyncIterator[bytes]:
        """The answer line by line; lines may be of any length."""
        rest = b""
        async for part in self._parts(path, params):
            *whole, rest = (rest + part).split(b"\n")
            for row in whole:
                if row:
                    yield row
        if rest:
            yield rest

    async def _parts(self, path: str, params: dict[str, str]) -> AsyncIterator[bytes]:
        limit = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
        address = f"{self._url}/api/logs/{path}"
        async with (
            aiohttp.ClientSession(timeout=limit, headers=self._headers) as session,
            session.get(address, params=params) as answer,
        ):
            if answer.status >= 400:
                raise self._refused(answer.status, await answer.read())
            async for part in answer.content.iter_any():
                yield part

    def _refused(self, status: int, body: bytes) -> Rejected | Temporary:
        try:
            words = msgspec.json.decode(body, type=_Problem).error
        except msgspec.DecodeError:
            words = ""
        words = words or f"it answers status {status}"
        if status in (401, 403):
            return Rejected(f"{words}; pass --token or set TOCSIN_TOKEN")
        return Rejected(words) if status < 500 and status != 429 else Temporary(words)

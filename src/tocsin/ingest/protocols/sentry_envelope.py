"""Sentry's envelopes: a header, and items of which each has a header and a payload.

https://develop.sentry.dev/sdk/data-model/envelopes/. Python's SDK names each payload's length, the
JavaScript ones let it end at the newline. What is broken is left out and said; the rest is kept.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

import msgspec

from tocsin.kit import compress
from tocsin.kit.fault import Rejected

MOST_ITEMS = 1_000
"""Items of an envelope beyond so many are left out."""
_MOST_PROBLEMS = 20
_LONGEST_HEADER = 64 << 10
_BLANK = re.compile(rb"\s+")
_BINARY = ("attachment", "replay_recording", "replay_video", "profile", "profile_chunk")


class Item(msgspec.Struct, frozen=True):
    """One item: its type ("event", "transaction" …), its header and its payload as they came."""

    type: str
    header: dict[str, Any]  # Any: JSON of whoever sends
    payload: bytes

    def json(self) -> dict[str, Any]:  # Any: JSON of whoever sends
        """The payload as a JSON object; raises Rejected when it is none."""
        return json_object(self.payload, f"the {self.type[:40]} item")


class Envelope(msgspec.Struct, frozen=True):
    """A header, the items that could be read, and what was wrong with the others."""

    header: dict[str, Any]  # Any: JSON of whoever sends
    items: tuple[Item, ...]
    problems: tuple[str, ...] = ()

    @property
    def event_id(self) -> str:
        """What the answer names; empty when the header does not."""
        found = self.header.get("event_id")
        return found.replace("-", "").lower()[:32] if isinstance(found, str) else ""


def json_object(data: bytes, what: str) -> dict[str, Any]:  # Any: JSON of whoever sends
    """A JSON object, NaN and lone surrogates allowed. Raises Rejected, also when it is nested so
    deeply that reading it would end the process."""
    try:
        found = msgspec.json.decode(data)
    except RecursionError as error:
        raise Rejected(f"{what} is nested too deeply") from error
    except msgspec.DecodeError as strict:
        try:
            found = json.loads(data)
        except RecursionError as error:
            raise Rejected(f"{what} is nested too deeply") from error
        except ValueError:
            raise Rejected(f"{what} is not JSON: {strict}") from strict
    if not isinstance(found, dict):
        raise Rejected(f"{what} is JSON, but no object")
    return found


def header_of(body: bytes) -> dict[str, Any]:  # Any: JSON of whoever sends
    """The first line of an envelope. Raises Rejected when it is no JSON object."""
    line = body[: _LONGEST_HEADER + 1].partition(b"\n")[0]
    if len(line) > _LONGEST_HEADER:
        raise Rejected(f"the envelope's first line has more than {_LONGEST_HEADER} bytes")
    return json_object(line, "the envelope's first line, its header,")


def read(body: bytes) -> Envelope:
    """An envelope. Raises Rejected when not even its header can be read."""
    header = header_of(body)
    newline = body.find(b"\n")
    at = len(body) if newline < 0 else newline + 1
    reader = _Reader(body, at)
    reader.run()
    return Envelope(header, tuple(reader.items), tuple(reader.problems))


def stored(body: bytes, limit_bytes: int) -> bytes:
    """The event of the store endpoint: JSON, or (SDKs before 2020) base64 of its zlib form.

    Raises Rejected when it is neither, TooLarge when it becomes more than `limit_bytes`.
    """
    text = body.strip()
    if text.startswith(b"{"):
        return text
    try:
        packed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Rejected("the body is neither a JSON object nor base64 of a packed one") from error
    return compress.inflate(packed, "deflate", limit_bytes)


class _Reader:
    """Reads items one after another from `at` on."""

    def __init__(self, body: bytes, at: int) -> None:
        self._body = body
        self._at = at
        self.items: list[Item] = []
        self.problems: list[str] = []

    def run(self) -> None:
        """Read until the end, or until too much is wrong."""
        number = 0
        while self._at < len(self._body) and len(self.problems) < _MOST_PROBLEMS:
            # A packed body can hold a hundred million empty lines: they are passed in one step.
            if blank := _BLANK.match(self._body, self._at):
                self._at = blank.end()
                continue
            line = self._line()
            number += 1
            if len(self.items) >= MOST_ITEMS:
                self.problems.append(f"items beyond the first {MOST_ITEMS} were left out")
                return
            self._item(line, number)

    def _item(self, line: bytes, number: int) -> None:
        try:
            header = json_object(line[:_LONGEST_HEADER], f"the header of item {number}")
        except Rejected as error:
            self.problems.append(str(error))
            return
        kind = header.get("type")
        kind = kind if isinstance(kind, str) else ""
        payload = self._payload(header.get("length"), kind, number)
        if payload is None:
            return
        if not kind:
            self.problems.append(f"item {number} has no type")
            return
        self.items.append(Item(kind, header, payload))

    def _payload(self, length: object, kind: str, number: int) -> bytes | None:
        start = self._at
        if not isinstance(length, int) or isinstance(length, bool) or length < 0:
            return self._line()
        end = start + length
        ends_well = end == len(self._body) or self._body[end : end + 1] == b"\n"
        if end <= len(self._body) and ends_well:
            self._at = end + 1
            return self._body[start:end]
        left = len(self._body) - start
        if kind in _BINARY:
            self.problems.append(f"item {number} says {length} bytes, which are not there")
            self._at = len(self._body)
            return None
        # A wrong length: JSON has no newlines, so the line is the payload after all.
        self.problems.append(
            f"item {number} says {length} bytes, {left} are left; read to its line"
        )
        return self._line()

    def _line(self) -> bytes:
        end = self._body.find(b"\n", self._at)
        end = len(self._body) if end < 0 else end
        line = self._body[self._at : end]
        self._at = end + 1
        return line

"""What do attributes say? Those that came before are known by their bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from operator import itemgetter
from sys import intern

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tocsin.ingest.logs.fields import flattened
from tocsin.ingest.otlp_labels import plain_of, text_of
from tocsin.model.span_table import Texts

Pair = tuple[str, str]

_KNOWN, _LONGEST = 16_384, 200
"""So many of at most so many bytes are remembered: some 5 MiB."""
_LENGTHY = 0x80
"""A length of this and more has more than one byte."""
_LEAST = 5
"""Bytes of a KeyValue beside its key and its text, less one."""
_KEY, _VALUE, _STRING = 0x0A, 0x12, 0x0A
"""Tags: KeyValue's key and value, AnyValue's string_value."""


class Pairs(dict[bytes, Texts]):
    """Name and value of an attribute by its bytes; nothing for one that is several.

    Safe to use from several threads.
    """

    def __init__(self, read: Callable[[bytes], Iterable[Pair]]) -> None:
        """`read` tells what bytes say that nobody has seen."""
        super().__init__()
        self._read = read

    def __missing__(self, raw: bytes) -> Texts:
        pair: Texts = self._one(raw)
        if len(raw) <= _LONGEST:
            if len(self) >= _KNOWN:
                self.clear()
            self[raw] = pair
        return pair

    def _one(self, raw: bytes) -> Texts:
        found = tuple(self._read(raw))
        return (intern(found[0][0]), found[0][1]) if len(found) == 1 else ()

    def columns(self, raws: Sequence[Sequence[bytes]]) -> tuple[list[Texts], list[str]]:
        """The names of the attributes of each span, each once, and all values of all spans."""
        pairs = list(map(self.__getitem__, chain.from_iterable(raws)))
        try:
            every, values = list(map(_NAME, pairs)), list(map(_VALUE_OF, pairs))
        except IndexError:  # one of them is no pair
            return _apart(map(self.mapped, raws))
        kinds: dict[Texts, Texts] = {}
        names: list[Texts] = []
        at = 0
        for count in map(len, raws):
            own = tuple(every[at : at + count])
            names.append(kinds.setdefault(own, own))
            at += count
        if any(len(set(one)) < len(one) for one in kinds):
            return _apart(map(self.mapped, raws))
        return names, values

    def mapped(self, raws: Sequence[bytes]) -> dict[str, str]:
        """The attributes as a map; the last of one name counts."""
        found: dict[str, str] = {}
        for raw in raws:
            pair = self[raw]
            if pair:
                found[pair[0]] = pair[1]
            else:
                found.update(self._read(raw))
        return found


_NAME, _VALUE_OF = itemgetter(0), itemgetter(1)


def _apart(attributes: Iterable[dict[str, str]]) -> tuple[list[Texts], list[str]]:
    names: list[Texts] = []
    values: list[str] = []
    for one in attributes:
        names.append(tuple(one))
        values += one.values()
    return names, values


class ProtobufPairs(Pairs):
    """Of KeyValues in protobuf. What is none raises DecodeError or UnicodeDecodeError."""

    def __init__(self) -> None:
        super().__init__(lambda raw: pairs_in(KeyValue.FromString(raw)))

    def _one(self, raw: bytes) -> Texts:
        # A key and a short text are read here: most that are not known yet are that.
        size = len(raw)
        if size > _LEAST and raw[0] == _KEY and raw[1] < size - _LEAST < _LENGTHY:
            at = raw[1] + 2
            left = size - at
            if (
                raw[at] == _VALUE
                and raw[at + 1] == left - 2
                and raw[at + 2] == _STRING
                and raw[at + 3] == left - 4
            ):
                return intern(str(raw[2:at], "utf-8")), str(raw[at + 4 :], "utf-8")
        return super()._one(raw)


def pairs_in(pair: KeyValue) -> Iterable[Pair]:
    """The attributes that a KeyValue is."""
    value = pair.value
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return ((pair.key, value.string_value),)
    if kind == "int_value":
        return ((pair.key, str(value.int_value)),)
    if kind == "kvlist_value":
        return _inner(pair.key, value).items()
    return ((pair.key, text_of(value)),)


def _inner(key: str, value: AnyValue) -> dict[str, str]:
    fields = plain_of(value)
    return flattened({key: fields}) if fields else {key: ""}

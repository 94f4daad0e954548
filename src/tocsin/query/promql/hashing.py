"""Which series does a share of all contain? The hash that Prometheus gives a label set.

limit_ratio picks by it, so that the same series are picked here and there. It is XXH64
(xxHash_specification, version 0.1.1) of the labels' encoding in Prometheus's memory.
"""

from __future__ import annotations

import struct

from tocsin.model.labels import Labels

_MASK = (1 << 64) - 1
_P1 = 0x9E3779B185EBCA87
_P2 = 0xC2B2AE3D27D4EB4F
_P3 = 0x165667B19E3779F9
_P4 = 0x85EBCA77C2B2AE63
_P5 = 0x27D4EB2F165667C5
_LONG = 255


def series_hash(labels: Labels) -> int:
    """64 bits: labels.Labels.Hash of Prometheus's default build."""
    return xxh64(b"".join(_sized(text) for pair in labels for text in pair))


def _sized(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    if len(data) < _LONG:
        return bytes((len(data),)) + data
    return b"\xff" + len(data).to_bytes(3, "little") + data


def xxh64(data: bytes) -> int:
    """XXH64 with the seed 0."""
    size, place = len(data), 0
    if size >= 32:
        lanes = [(_P1 + _P2) & _MASK, _P2, 0, -_P1 & _MASK]
        while place + 32 <= size:
            words = struct.unpack_from("<4Q", data, place)
            lanes = [_round(lane, word) for lane, word in zip(lanes, words, strict=True)]
            place += 32
        turns = (1, 7, 12, 18)
        total = sum(_rotated(lane, by) for lane, by in zip(lanes, turns, strict=True)) & _MASK
        for lane in lanes:
            total = ((total ^ _round(0, lane)) * _P1 + _P4) & _MASK
    else:
        total = _P5
    return _mixed(_tail(data, place, (total + size) & _MASK))


def _tail(data: bytes, place: int, total: int) -> int:
    while place + 8 <= len(data):
        (word,) = struct.unpack_from("<Q", data, place)
        total = (_rotated(total ^ _round(0, word), 27) * _P1 + _P4) & _MASK
        place += 8
    if place + 4 <= len(data):
        (half,) = struct.unpack_from("<I", data, place)
        total = (_rotated(total ^ (half * _P1 & _MASK), 23) * _P2 + _P3) & _MASK
        place += 4
    for byte in data[place:]:
        total = _rotated(total ^ (byte * _P5 & _MASK), 11) * _P1 & _MASK
    return total


def _mixed(total: int) -> int:
    total ^= total >> 33
    total = total * _P2 & _MASK
    total ^= total >> 29
    total = total * _P3 & _MASK
    return total ^ (total >> 32)


def _round(lane: int, word: int) -> int:
    return _rotated((lane + word * _P2) & _MASK, 31) * _P1 & _MASK


def _rotated(value: int, by: int) -> int:
    return (value << by | value >> (64 - by)) & _MASK

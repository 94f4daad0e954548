"""Is a body the last one with other numbers? Then only the numbers are read, all in a few C calls.

The body is cut at blanks. Line ends stay at the front of the next word, so equal words mean equal
lines. The words that are no numbers must be the very same as last time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

Pick: TypeAlias = Callable[[list[bytes]], tuple[bytes, ...]]

_FLOATS: Final = msgspec.json.Decoder(list[float])
_MAX_MS: Final = 1 << 53


@dataclass(frozen=True, slots=True)
class Template:
    """The words of a body; `timed` marks the samples with a time of their own, None for none."""

    count: int
    words: int
    pick_fixed: Pick
    fixed: tuple[bytes, ...]
    pick_values: Pick
    pick_times: Pick
    timed: NDArray[np.bool_] | None
    scale: float

    def read(self, body: bytes) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
        """The values and the own times in ms; None when more than numbers differs, or one is odd
        and must be looked at closely."""
        words = _cut(body)
        if len(words) != self.words or self.pick_fixed(words) != self.fixed:
            return None
        values = _numbers(self.pick_values(words))
        times = _numbers(self.pick_times(words))
        if values is None or times is None:
            return None
        milliseconds = times * self.scale
        if not bool(np.all(np.abs(milliseconds) <= _MAX_MS)):
            return None
        if self.scale == 1 and not bool(np.all(times == np.rint(times))):
            return None
        return values, np.rint(milliseconds).astype(np.int64)


def template_of(
    body: bytes, lines: list[bytes], samples: Sequence[tuple[int, bytes]], *, seconds: bool
) -> Template | None:
    """The template of a body with these sample lines (number and head); None when a line has more
    than a head, a value and a time, with one blank between."""
    last_word = (np.cumsum([line.count(b" ") + 1 for line in lines]) - 1).tolist()
    values: list[int] = []
    times: list[int] = []
    timed = np.zeros(len(samples), np.bool_)
    for row, (number, head) in enumerate(samples):
        rest = lines[number][len(head) :]
        blanks = rest.count(b" ")
        if rest[:1] != b" " or blanks > 2 or rest.count(b"\t") or b"  " in rest:
            return None
        if blanks == 2:
            timed[row] = True
            times.append(last_word[number])
        values.append(last_word[number] - blanks + 1)
    words = _cut(body)
    numbers = set(values) | set(times)
    pick_fixed = _pick([i for i in range(len(words)) if i not in numbers])
    return Template(
        count=len(samples),
        words=len(words),
        pick_fixed=pick_fixed,
        fixed=pick_fixed(words),
        pick_values=_pick(values),
        pick_times=_pick(times),
        timed=timed if times else None,
        scale=1000.0 if seconds else 1.0,
    )


def _cut(body: bytes) -> list[bytes]:
    return body.replace(b"\n", b" \n").split(b" ")


def _pick(at: list[int]) -> Pick:
    """itemgetter, which gives a bare item for one index and does not exist for none."""
    if len(at) > 1:
        return itemgetter(*at)
    return lambda words: tuple(words[i] for i in at)


def _numbers(words: tuple[bytes, ...]) -> NDArray[np.float64] | None:
    """JSON's parser reads plain numbers several times faster than `float`, which reads the rest."""
    joined = b",".join(words)
    if b"\n" in joined:
        return None
    try:
        numbers = _FLOATS.decode(b"[" + joined + b"]")
    except msgspec.DecodeError:
        if b"_" in joined:
            return None
        try:
            numbers = list(map(float, words))
        except ValueError:
            return None
    if len(numbers) != len(words):
        return None
    return np.array(numbers, np.float64)

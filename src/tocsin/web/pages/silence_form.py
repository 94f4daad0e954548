"""The form of a new silence or maintenance window: what was typed, and what it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from starlette.datastructures import FormData, QueryParams

from tocsin.alert.attention.maintenance_config import moment_ms
from tocsin.alert.attention.silence import Silence, SilenceMatcher
from tocsin.alert.attention.window import Window
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.web.api.maintenance import WindowBody, window_from
from tocsin.web.preview import matchers_of

LENGTHS = ("30m", "1h", "2h", "4h", "8h", "1d", "1w")
_LONGEST = 5000


@dataclass(frozen=True, slots=True)
class Typed:
    """What a person typed, word for word; `kind` is "silence" or "maintenance"."""

    kind: str = "silence"
    matchers: str = ""
    length: str = "2h"
    start: str = ""
    name: str = ""
    every: str = ""
    time_zone: str = "UTC"
    comment: str = ""

    @property
    def conditions(self) -> Sequence[str]:
        """One a line."""
        return [line.strip() for line in self.matchers.splitlines() if line.strip()]


def typed(given: FormData | QueryParams) -> Typed:
    """What a form or an address holds; `matcher` may be repeated, `matchers` is one a line."""
    values: Mapping[str, object] = given
    lines = [str(one) for one in given.getlist("matcher")]
    text = str(values.get("matchers") or "\n".join(lines))
    found = Typed(
        kind="maintenance" if values.get("kind") == "maintenance" else "silence",
        matchers=text[:_LONGEST],
    )
    for name in ("length", "start", "name", "every", "time_zone", "comment"):
        value = str(values.get(name) or "")[:_LONGEST].strip()
        if value:
            found = replace(found, **{name: value})
    return found


def silence_of(form: Typed, now_ms: int, by: str) -> Silence:
    """The silence that is meant; raises Rejected with the remedy."""
    matchers = matchers_of(form.conditions)
    starts = moment_ms(form.start, form.time_zone) if form.start else now_ms
    length = length_ms(form.length)
    return Silence(
        matchers=tuple(
            SilenceMatcher(name=one.name, op=one.op.value, value=one.value) for one in matchers
        ),
        starts_ms=starts,
        ends_ms=starts + length,
        created_by=by,
        comment=form.comment or "Silenced on the page",
    )


def length_ms(text: str) -> int:
    """Milliseconds of `2h`; raises Rejected."""
    length = Duration.from_config(text.replace(" ", ""))
    if length <= 0:
        raise Rejected("a silence must last longer than 0")
    return length.ms


def window_of(form: Typed, now_ms: int, by: str) -> Window:
    """The maintenance window that is meant; raises Rejected with the remedy."""
    matchers_of(form.conditions)
    once = not form.every
    body = WindowBody(
        name=form.name or "Maintenance",
        matchers=list(form.conditions),
        every=form.every,
        start=form.start if once else "",
        duration=form.length.replace(" ", "") if once else "",
        time_zone=form.time_zone,
        comment=form.comment,
    )
    return window_from(body, now_ms, by=by, source="page")

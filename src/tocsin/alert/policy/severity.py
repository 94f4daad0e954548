"""How bad is it, how soon must somebody answer, and where are they told? `severities`, as written.

A level is written as `critical: {description, response_time, escalation, channels}`. The spelling
of programs (`responseTime`, `5 minutes`, everything inside `severityLevels`) means the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import msgspec

from tocsin.alert.routing.receiver_config import IntegrationPart, ReceiverConfig, parts_of
from tocsin.kit.document import Document, Entries, Place, Scalar, nearest
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.yaml import decode

_HUMP = re.compile(r"(?<=[a-z0-9])[A-Z]")
_WRAPPERS = ("severityLevels", "severity_levels")
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*(?:,|and\s)?\s*")
_LONGEST = 64
_UNIT_SECONDS = {
    name: seconds
    for names, seconds in (
        ("s sec secs second seconds", 1),
        ("m min mins minute minutes", 60),
        ("h hr hrs hour hours", 3600),
        ("d day days", 86_400),
        ("w week weeks", 7 * 86_400),
    )
    for name in names.split()
}
_OTHER_NAMES = {"sms": "twilio", "teams": "msteamsv2", "mail": "email"}
"""What people call a kind, where Alertmanager or Tocsin has no kind of that very name."""


class ResponseTime(Duration):
    """A duration that may be written in words: `15m`, `5 minutes`, `1 hour`, `24 hours`."""

    EXPECTED = "a time such as 15m, 5 minutes or 24 hours"

    @classmethod
    def from_config(cls, text: str) -> ResponseTime:
        """Raises Rejected for anything else, and for no time at all."""
        wanted = text.strip().lower()
        parts = _PART.findall(wanted)
        is_words = wanted and len(wanted) <= _LONGEST and not _PART.sub("", wanted)
        if is_words and all(unit in _UNIT_SECONDS for _, unit in parts):
            found = Duration(sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts))
        else:
            found = _prometheus_duration(wanted, text)
        if not found > 0:
            raise Rejected(f"expected {cls.EXPECTED}, got {text!r}")
        return cls(found)


def _prometheus_duration(wanted: str, text: str) -> Duration:
    try:
        return Duration.from_config(wanted)
    except Rejected:
        raise Rejected(f"expected {ResponseTime.EXPECTED}, got {text!r}") from None


class StepConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an escalation: who is told when the alert still fires after that time."""

    to: str
    after: ResponseTime | None = None


class LevelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One level of `severities`; durations that are not given follow from `response_time`."""

    description: str = ""
    response_time: ResponseTime | None = None
    escalation: tuple[str | StepConfig, ...] = ()
    channels: tuple[str, ...] = ()
    tell: Literal["all", "first"] = "all"
    also: tuple[str, ...] = ()
    group_by: tuple[str, ...] | None = None
    group_wait: Duration | None = None
    group_interval: Duration | None = None
    repeat_interval: Duration | None = None
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """A level with its name, and the part of the file that says it."""

    name: str
    said: LevelConfig
    part: Document

    @property
    def values(self) -> tuple[str, ...]:
        """The values of the label `severity` that mean this level."""
        return (self.name, *self.said.also)


def read_levels(document: Document | None) -> tuple[Level, ...]:
    """The levels in their order, most severe first as people write them; raises ConfigError."""
    if document is None or (isinstance(document.node, Scalar) and document.node.value is None):
        return ()
    for wrapper in _WRAPPERS:
        document = document.get(wrapper) or document
    if not isinstance(document.node, Entries):
        raise document.error("expected levels such as `critical: {channels: [slack]}`")
    levels = []
    owner: dict[str, str] = {}
    for name, node in document.node.nodes.items():
        part = _plainly_spelled(Document(node, (*document.path, name)))
        level = Level(name, decode(part, LevelConfig), part)
        for value in level.values:
            if value in owner:
                problem = f"alerts with severity={value!r} are told by {owner[value]!r} already"
                raise document.error(f"{problem}; name the value once", name)
            owner[value] = name
        levels.append(level)
    return tuple(levels)


def _plainly_spelled(part: Document) -> Document:
    """`responseTime` is `response_time`."""
    node = part.node
    if not isinstance(node, Entries):
        return part
    nodes, keys = dict[str, object](), dict[str, Place]()
    for key, child in node.nodes.items():
        plain = _HUMP.sub(lambda match: f"_{match[0].lower()}", key)
        if plain in nodes:
            raise part.error(f"{plain} is given already; keep one", key)
        nodes[plain], keys[plain] = child, node.keys[key]
    return Document(Entries(node.place, nodes, keys), part.path)  # type: ignore[arg-type]  # the very nodes of before


def channel_parts(name: str, part: Document) -> tuple[IntegrationPart, ...]:
    """The ways of telling that a channel of `alerting.channels` defines; raises ConfigError.

    Either `{kind: slack, api_url: …}` with the keys of that kind's `slack_configs`, where `kind`
    may be left out when the channel is called like it, or a receiver's own `slack_configs: […]`.
    """
    node = part.node
    if not isinstance(node, Entries):
        raise part.error("expected a mapping such as {kind: slack, api_url: …}")
    if any(key.endswith("_configs") for key in node.nodes):
        named = Entries(
            node.place,
            {"name": Scalar(node.place, name, plain=False), **node.nodes},
            {"name": node.place, **node.keys},
        )
        return parts_of(decode(Document(named, part.path), ReceiverConfig))
    kind = _kind(name, part)
    nodes = {key: child for key, child in node.nodes.items() if key != "kind"}
    return (IntegrationPart(kind, 0, Document(Entries(node.place, nodes, node.keys), part.path)),)


def _kind(name: str, part: Document) -> str:
    known = {
        field.removesuffix("_configs")
        for field in ReceiverConfig.__struct_fields__
        if field.endswith("_configs")
    }
    given = part.get("kind")
    word = name if given is None else decode(given, str)
    found = word if word in known else _OTHER_NAMES.get(word, "")
    if found in known:
        return found
    if given is None:
        problem = "which kind of channel is this? Write kind: slack, pagerduty, email, webhook, …"
        raise part.error(problem)
    listed = ", ".join(sorted(known))
    near = nearest(word, known)
    raise part.error(f"there is no kind {word!r}; known: {listed}", "kind", nearest=near)

"""What do jobs push, and to which group? (github.com/prometheus/pushgateway, "API")"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping

import msgspec

from tocsin.ingest import metric_family, naming
from tocsin.ingest.exposition import ExpositionReader, Format, format_of
from tocsin.kit.fault import Rejected
from tocsin.model import labels as label_sets
from tocsin.model.labels import NAME, Labels
from tocsin.model.samples import Interner, Metadata

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_BASE64 = "@base64"
_TIMED = "pushed metrics must not have timestamps"
_PARTS = {
    "histogram": ("_bucket", "_sum", "_count"),
    "gaugehistogram": ("_bucket", "_gsum", "_gcount"),
    "summary": ("_sum", "_count"),
    "counter": ("_total", "_created"),
    "info": ("_info",),
}


class Pushed(msgspec.Struct, frozen=True):
    """The content of one body, in families as a later POST replaces them."""

    families: dict[str, list[tuple[Labels, float]]]
    metadata: list[Metadata]


def group_of(path: str) -> Labels:
    """The grouping key of `job/<job>{/<label>/<value>}`; raises Rejected.

    A name that ends in `@base64` has its value in base64 for URLs; `=` is then the empty value.
    """
    words = path.rstrip("/").split("/")
    if len(words) % 2:
        raise Rejected(f"the label {words[-1]!r} in the path has no value")
    pairs: dict[str, str] = {}
    for raw_name, raw_value in zip(words[::2], words[1::2], strict=True):
        name = raw_name.removesuffix(_BASE64)
        value = _decoded(raw_value) if raw_name.endswith(_BASE64) else raw_value
        if not _LABEL.fullmatch(name) or name.startswith("__"):
            raise Rejected(f"{name!r} in the path is no label name")
        if name in pairs:
            raise Rejected(f"the label {name!r} stands in the path twice")
        pairs[name] = value
    if not pairs.get("job"):
        raise Rejected("job name is required")
    return label_sets.from_mapping(pairs)


def decode(body: bytes, content_type: str, group: Labels, now_ms: int) -> Pushed:
    """The body's samples with the group's labels; raises Rejected with the bad line.

    Text, OpenMetrics and delimited protobuf are read. Samples must not bring timestamps, as in
    Pushgateway.
    """
    if content_type.partition(";")[0].strip().lower() == metric_family.MEDIA:
        return _of_protobuf(body, group)
    series = Interner()
    exposed = ExpositionReader(series).read(body, format_of(content_type, Format.TEXT), now_ms)
    if exposed.timed is not None and exposed.timed.any():
        raise Rejected(_TIMED)
    types = {known.metric: known.type for known in exposed.batch.metadata}
    families: dict[str, list[tuple[Labels, float]]] = {}
    columns = zip(exposed.batch.refs.tolist(), exposed.batch.values.tolist(), strict=True)
    for ref, value in columns:
        own = dict(series.labels[ref])
        labels = label_sets.from_mapping({**own, **dict(group)})
        families.setdefault(_family(own[NAME], types), []).append((labels, value))
    return Pushed(families, exposed.batch.metadata)


def _of_protobuf(body: bytes, group: Labels) -> Pushed:
    families: dict[str, list[tuple[Labels, float]]] = {}
    metadata = []
    for family in metric_family.parse(body):
        if family.has_times:
            raise Rejected(_TIMED)
        metadata.append(family.metadata)
        families[family.metadata.metric] = [
            (label_sets.from_mapping({**dict(naming.checked(pairs)), **dict(group)}), value)
            for pairs, value in family.samples
        ]
    return Pushed(families, metadata)


def merged(old: Pushed, new: Pushed) -> Pushed:
    """`old` with the families of `new` in place of its own of the same name."""
    metadata = {known.metric: known for known in _all(old.metadata, new.metadata)}
    return Pushed({**old.families, **new.families}, list(metadata.values()))


def _all(*parts: Iterable[Metadata]) -> Iterable[Metadata]:
    for part in parts:
        yield from part


def _family(name: str, types: Mapping[str, str]) -> str:
    for kind, suffixes in _PARTS.items():
        for suffix in suffixes:
            if name.endswith(suffix) and types.get(name.removesuffix(suffix)) == kind:
                return name.removesuffix(suffix)
    return name


def _decoded(text: str) -> str:
    bare = text.rstrip("=")
    try:
        padded = bare + "=" * (-len(bare) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Rejected(f"{text!r} in the path is no base64 text") from error

"""Which spans of noisy services are kept, and for how many does each stand?

What failed or was slow is kept, with all that its trace says in the same request. Of the others a
share is kept: the same traces by every service that keeps that share.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate
from hashlib import blake2b

from tocsin.ingest.traces.config import SpanSample
from tocsin.ingest.traces.conventions import WHOLE, weight_for
from tocsin.model.spans import STATUSES, Span

_ERROR = STATUSES.index("error")
_MOST_WEIGHT = (1 << 32) - 1
_DIGEST = 7
"""Bytes; as many as WHOLE has."""


class Sampling:
    """The rules, the first that fits a span's service counts."""

    def __init__(self, rules: Sequence[SpanSample]) -> None:
        self._rules = [(re.compile(translate(one.service)), one) for one in rules]

    def kept(self, spans: list[Span]) -> list[Span]:
        """Those that are kept, which then stand for the others."""
        if not self._rules:
            return spans
        rules = {span.service: self._rule(span.service) for span in spans}
        notable = {
            span.trace_id for span in spans if (rule := rules[span.service]) and _tells(span, rule)
        }
        kept = []
        for span in spans:
            rule = rules[span.service]
            if rule is None or span.trace_id in notable:
                kept.append(span)
            elif _is_chosen(span.trace_id, rule):
                more = weight_for(round(rule.keep * WHOLE), span.trace_id)
                span.weight = min(span.weight * more, _MOST_WEIGHT)
                kept.append(span)
        return kept

    def _rule(self, service: str) -> SpanSample | None:
        return next((rule for pattern, rule in self._rules if pattern.match(service)), None)


def _tells(span: Span, rule: SpanSample) -> bool:
    return span.status == _ERROR or span.duration_ns >= rule.slower_than.ms * 1_000_000


def _is_chosen(trace_id: str, rule: SpanSample) -> bool:
    digest = blake2b(trace_id.encode(), digest_size=_DIGEST).digest()
    return int.from_bytes(digest) < rule.keep * WHOLE

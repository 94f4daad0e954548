"""`/api/cardinality`, `/api/drop-rules`, `/api/senders`: what series cost, and who sends them."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tocsin.kit.fault import Rejected
from tocsin.web.body import read_body
from tocsin.web.identity import identity
from tocsin.web.pages.browse import DROP_RULES
from tocsin.web.routing import Access, Address, Addresses
from tocsin.web.services import Services, services

_TOP = 20
_MOST = 1_000


class Cost(msgspec.Struct, frozen=True):
    """How many series one thing has; of a label: how many values."""

    name: str
    series: int


class Kept(msgspec.Struct, frozen=True):
    """How often new series of a metric were kept out, by which limit, and when last."""

    limit: str
    metric: str
    job: str
    refused: int
    last_ms: int


class Rule(msgspec.Struct, frozen=True):
    """A drop rule; a fixed one stands in the configuration file."""

    selector: str
    fixed: bool = False


class CardinalityAnswer(msgspec.Struct, frozen=True):
    """What the series cost, the most expensive first, and what the limits kept out."""

    series: int
    limits: dict[str, int]
    metrics: list[Cost]
    jobs: list[Cost]
    pairs: list[Cost]
    labels: list[Cost]
    refused: list[Kept]
    drop_rules: list[Rule]


class SenderAnswer(msgspec.Struct, frozen=True):
    """What came in from one sender since the start."""

    protocol: str
    key: str
    batches: int
    samples: int
    events: int
    refused: int
    last_ms: int
    reasons: dict[str, int]


async def _cardinality(request: Request) -> Response:
    given = services(request)
    top = _limit(request)
    cost = given.registry.cardinality(top)
    limits = msgspec.structs.asdict(given.guard.config)
    return _json(
        CardinalityAnswer(
            series=cost.series,
            limits={name: value for name, value in limits.items() if isinstance(value, int)},
            metrics=_costs(cost.metrics),
            jobs=_costs(cost.jobs),
            pairs=_costs(cost.pairs),
            labels=_costs(cost.labels),
            refused=[
                Kept(one.limit.value, one.metric, one.job, one.refused, one.last_ms)
                for one in given.guard.offenders(top)
            ],
            drop_rules=_rules(given),
        )
    )


async def _senders(request: Request) -> Response:
    return _json(
        [
            SenderAnswer(
                one.protocol,
                one.name,
                one.batches,
                one.samples,
                one.events,
                one.refused,
                one.last_ms,
                dict(one.reasons.most_common(_TOP)),
            )
            for one in services(request).intake.senders
        ]
    )


async def _list(request: Request) -> Response:
    return _json(_rules(services(request)))


async def _add(request: Request) -> Response:
    given = services(request)
    raw = await read_body(request, given.config.ingest.body)
    try:
        rule = msgspec.json.decode(raw, type=Rule)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(f'expected {{"selector": "…"}}: {error}') from error
    given.guard.add_rule(rule.selector)
    await _keep(request, given)
    return _json(_rules(given), 201)


async def _remove(request: Request) -> Response:
    given = services(request)
    given.guard.remove_rule(request.query_params.get("selector", ""))
    await _keep(request, given)
    return _json(_rules(given))


async def _keep(request: Request, given: Services) -> None:
    own = [rule.text for rule in given.guard.rules if not rule.fixed]
    await given.settings.set(DROP_RULES, own, by=identity(request).name)


def _rules(given: Services) -> list[Rule]:
    return [Rule(rule.text, rule.fixed) for rule in given.guard.rules]


def _costs(found: list[tuple[str, int]]) -> list[Cost]:
    return [Cost(name, count) for name, count in found]


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(_TOP))
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= _MOST):
        raise Rejected(f"limit must be a number from 1 to {_MOST}, got {text[:40]!r}")
    return int(text)


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


ADDRESSES: Addresses = (
    Address("/api/cardinality", _cardinality, Access.READ, answer=CardinalityAnswer),
    Address("/api/senders", _senders, Access.READ, answer=list[SenderAnswer]),
    Address("/api/drop-rules", _list, Access.READ, answer=list[Rule]),
    Address("/api/drop-rules", _add, Access.ADMIN, ("POST",), Rule, list[Rule]),
    Address("/api/drop-rules", _remove, Access.ADMIN, ("DELETE",), None, list[Rule]),
)

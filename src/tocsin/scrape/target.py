"""How does a discovered label set become a target, or why does it not?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.model import labels as model
from tocsin.model.labels import Labels
from tocsin.scrape.config import Job
from tocsin.scrape.relabel import Relabeling, is_legacy_label_name

_ADDRESS = "__address__"
_SCHEME = "__scheme__"
_PATH = "__metrics_path__"
_INTERVAL = "__scrape_interval__"
_TIMEOUT = "__scrape_timeout__"
_PARAM = "__param_"

BUILT_IN = "__tocsin_builtin"
"""The label of targets that are read within this process, and what they stand for."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is scraped: `labels` go onto each of its series; `id` is stable over reloads."""

    id: str
    job: str
    url: str
    discovered: Labels
    labels: Labels
    interval: float
    timeout: float

    @property
    def phase(self) -> float:
        """Where in the interval it is scraped, 0 to 1, by its name and so the same for ever."""
        return int.from_bytes(hashlib.blake2b(self.id.encode(), digest_size=6).digest()) / 2**48


@dataclass(frozen=True, slots=True)
class DroppedTarget:
    """A discovered target that is not scraped, and the one reason."""

    job: str
    discovered: Labels
    reason: str


def make_target(
    job: Job, discovered: Mapping[str, str], relabeling: Relabeling
) -> Target | DroppedTarget:
    """Apply the job's defaults and relabelling, as Prometheus does (scrape/target.go)."""
    before = _with_defaults(job, discovered)
    shown = model.from_mapping(before)
    after = dict(before)
    verdict = relabeling.apply(after)
    if verdict is not None:
        return DroppedTarget(job.name, shown, f"dropped by relabel_configs {verdict}")
    try:
        interval, timeout = _times(after)
        url = _url(after)
    except Rejected as error:
        return DroppedTarget(job.name, shown, str(error))
    if not after.get("instance"):
        after["instance"] = after[_ADDRESS]
    labels = model.make((k, v) for k, v in after.items() if not k.startswith("__"))
    wrong = [name for name, _ in labels if job.legacy_names and not is_legacy_label_name(name)]
    if wrong:
        return DroppedTarget(job.name, shown, f"invalid label name {wrong[0]!r} after relabelling")
    ident = hashlib.blake2b(repr((job.name, url, labels)).encode(), digest_size=8).hexdigest()
    return Target(ident, job.name, url, shown, labels, interval, timeout)


def _with_defaults(job: Job, discovered: Mapping[str, str]) -> dict[str, str]:
    config = job.config
    defaults = {
        "job": job.name,
        _INTERVAL: str(Duration(job.interval)),
        _TIMEOUT: str(Duration(job.timeout)),
        _PATH: config.metrics_path,
        _SCHEME: config.scheme,
        **{_PARAM + name: values[0] for name, values in config.params.items() if values},
    }
    # Prometheus lets a discovered label win, an empty one does not count.
    found = {name: value for name, value in discovered.items() if value}
    labels = {**defaults, **found}
    # Further values of a parameter have no label; they travel beside and join the URL below.
    for name, values in config.params.items():
        for number, value in enumerate(values[1:], 1):
            labels[f"__tocsin_param_{number}_{name}"] = value
    return labels


def _times(labels: Mapping[str, str]) -> tuple[float, float]:
    interval = _duration(labels, _INTERVAL)
    timeout = _duration(labels, _TIMEOUT)
    if timeout > interval:
        raise Rejected(
            f"{_TIMEOUT} {labels[_TIMEOUT]} is longer than {_INTERVAL} {labels[_INTERVAL]}"
        )
    return interval, timeout


def _duration(labels: Mapping[str, str], name: str) -> float:
    try:
        value = float(Duration.from_config(labels.get(name, "")))
    except Rejected as error:
        raise Rejected(f"{name}: {error}") from error
    if value <= 0:
        raise Rejected(f"{name} must be greater than 0")
    return value


def _url(labels: Mapping[str, str]) -> str:
    if labels.get(BUILT_IN):
        return f"builtin:{labels[BUILT_IN]}"
    address = labels.get(_ADDRESS, "")
    if not address:
        raise Rejected("no __address__ after relabelling")
    if "/" in address or any(c.isspace() or c in "@?#" for c in address):
        raise Rejected(f"{address!r} is no host:port")
    scheme = labels.get(_SCHEME, "")
    if scheme not in ("http", "https"):
        raise Rejected(f"{_SCHEME} must be http or https, not {scheme!r}")
    params = [(k[len(_PARAM) :], v) for k, v in labels.items() if k.startswith(_PARAM)]
    for name, value in labels.items():
        if name.startswith("__tocsin_param_"):
            params.append((name.removeprefix("__tocsin_param_").partition("_")[2], value))
    path, _, own_query = labels.get(_PATH, "").partition("?")
    path = path if path.startswith("/") else f"/{path}"
    query = "&".join(filter(None, (own_query, urlencode(sorted(params, key=lambda p: p[0])))))
    safe_path = quote(path, safe="/%:@!$&'()*+,;=~-._")
    return f"{scheme}://{address}{safe_path}{'?' + query if query else ''}"

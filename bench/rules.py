"""What does a round of 1,000 alerting rules over 10,000 series cost, beside Prometheus?

usage: python -m bench.rules [SECONDS]

Both servers get the same ten minutes of samples and, after a while at rest, the same rule file with
an interval of 15 s. Processor time of the whole tree is measured over SECONDS (30 by default)
without and with the rules; the difference is divided by the rounds.
"""

from __future__ import annotations

import json
import signal
import sys
import time
import urllib.request

from bench.feed import feed
from bench.peers import Peer, running
from bench.wire import body, encode_labels

_METRICS = 100
_SERIES = 100
_EVERY_S = 15
_STEPS = 40
_KINDS = (
    "rate({m}[5m]) > 1e9",
    "sum by (job) (rate({m}[5m])) > 1e9",
    "{m} < 0",
    "avg by (job) ({m}) < 0",
    "increase({m}[5m]) > 1e12",
    'max({m}{{job="job-1"}}) < 0',
    "{m} / on (instance, job) {m} > 2",
    'sum(rate({m}{{job="job-2"}}[5m])) / sum(rate({m}[5m])) > 2',
    "absent({m})",
    "rate({m}[1m]) > 1e9",
)


def rule_file() -> str:
    """1,000 alerting rules, ten of each metric."""
    rules = [
        {
            "alert": f"Bench{metric}x{number}",
            "expr": kind.format(m=f"bench_{metric}_total"),
            "for": "1m",
            "labels": {"severity": "page"},
            "annotations": {"summary": "{{ $labels.instance }} has {{ $value }}"},
        }
        for metric in range(_METRICS)
        for number, kind in enumerate(_KINDS)
    ]
    group = {"name": "bench", "interval": f"{_EVERY_S}s", "rules": rules}
    return json.dumps({"groups": [group]})  # JSON is YAML


def bodies() -> list[bytes]:
    """Ten minutes of 10,000 counters up to now, one body a step."""
    series = [
        encode_labels(
            (
                ("__name__", f"bench_{metric}_total"),
                ("instance", f"10.0.0.{one}:80"),
                ("job", f"job-{one % 10}"),
            )
        )
        for metric in range(_METRICS)
        for one in range(_SERIES)
    ]
    now = int(time.time() * 1000)
    return [
        body(
            series,
            [float(step * (number % 97 + 1)) for number in range(len(series))],
            now - (_STEPS - step) * _EVERY_S * 1000,
        )
        for step in range(_STEPS)
    ]


def _begin_rules(peer: Peer) -> None:
    (peer.folder / "rules.yml").write_text(rule_file())
    named = {"rule_files": ["rules.yml"]}
    if peer.name == "tocsin":
        file = peer.folder / "tocsin.yaml"
        file.write_text(f"{file.read_text()}prometheus: {json.dumps(named)}\n")
    else:
        file = peer.folder / "prometheus.yml"
        file.write_text(json.dumps({**json.loads(file.read_text()), **named}))
    peer.process.send_signal(signal.SIGHUP)


def _health(peer: Peer) -> dict[str, int]:
    with urllib.request.urlopen(f"{peer.url}/api/v1/rules", timeout=30) as answer:
        groups = json.load(answer)["data"]["groups"]
    found: dict[str, int] = {}
    for group in groups:
        for rule in group["rules"]:
            found[rule["health"]] = found.get(rule["health"], 0) + 1
        print(f"  {peer.name}: the last round took {group['evaluationTime']:.3f} s")
    return found


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    with running(("tocsin", "prometheus")) as peers:
        for peer in peers:
            feed(peer.url, [bodies()], at_once=1)
        time.sleep(5)
        before = [peer.cpu_seconds() for peer in peers]
        time.sleep(seconds)
        resting = [peer.cpu_seconds() - was for peer, was in zip(peers, before, strict=True)]
        for peer in peers:
            _begin_rules(peer)
        time.sleep(2 * _EVERY_S)
        before = [peer.cpu_seconds() for peer in peers]
        time.sleep(seconds)
        used = [peer.cpu_seconds() - was for peer, was in zip(peers, before, strict=True)]
        for peer, rest, with_rules in zip(peers, resting, used, strict=True):
            a_round = (with_rules - rest) / (seconds / _EVERY_S)
            print(f"{peer.name:12} {a_round:.3f} s of CPU a round; rules {_health(peer)}")


if __name__ == "__main__":
    main()

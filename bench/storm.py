"""How long until 10,000 alerts of one moment are told, beside the real Alertmanager?

    python -m bench.storm [--alerts 10000] [--groups 10]

Each server gets the same `POST /api/v2/alerts` requests and tells the same webhook; counted are the
different alerts in the messages, how many messages there were, the time from the first request
until the last alert was told, the processor time until then, and until all is written that a storm
leaves. Tocsin evaluates 20 rules each second meanwhile; a probe in its loop (`bench.storm_server`)
says for how long the storm held the loop, and whether rounds of the rules were late.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

from bench.peers import free_port

_LIMIT_SECONDS = 55.0
_PROBE = "probe.json"
_AT_ONCE = 1000
_QUIET_SECONDS = 1.0
_BUSY = 0.15
"""The share of a processor that a server takes at the most when it is done."""
_ROUTES = """\
route: {{receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 5s,
        repeat_interval: 4h}}
receivers: [{{name: team, webhook_configs: [{{url: '{url}'}}]}}]
"""
_RULES = (
    "groups: [{name: steady, interval: 1s, rules: ["
    + ", ".join(f"{{record: 'steady:{n}', expr: 'vector({n})'}}" for n in range(20))
    + "]}]"
)


@dataclass
class Told:
    """What the webhook took: when each alert came first, and how many messages."""

    first: dict[str, float] = field(default_factory=dict)
    messages: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, body: bytes) -> None:
        now = time.monotonic()
        instances = [alert["labels"]["instance"] for alert in json.loads(body)["alerts"]]
        with self.lock:
            self.messages += 1
            for one in instances:
                self.first.setdefault(one, now)


@dataclass(frozen=True)
class Result:
    """One server's storm."""

    name: str
    seconds: float
    cpu_seconds: float
    told: int
    messages: int


@contextmanager
def webhook(told: Told) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def command(name: str, folder: Path, port: int, url: str) -> list[str]:
    """How the server is started with these routes."""
    routes = folder / "alertmanager.yml"
    routes.write_text(_ROUTES.format(url=url))
    listen = f"127.0.0.1:{port}"
    if name == "alertmanager":
        binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
        assert binary is not None
        return [
            *(binary, f"--config.file={routes}", f"--storage.path={folder / 'data'}"),
            *(f"--web.listen-address={listen}", "--cluster.listen-address=", "--log.level=error"),
        ]
    (folder / "rules.yml").write_text(_RULES)
    (folder / "prometheus.yml").write_text("rule_files: [rules.yml]\nscrape_configs: []\n")
    (folder / "tocsin.yaml").write_text(
        "scrape: {host: false, itself: false}\nalertmanager: alertmanager.yml\n"
        "prometheus: prometheus.yml\n"
    )
    return [
        *(sys.executable, "-m", "bench.storm_server", str(folder / "tocsin.yaml")),
        *(str(folder / _PROBE), str(folder / "data"), listen),
    ]


def cpu_seconds(process: psutil.Process) -> float:
    tree = [process, *process.children(recursive=True)]
    return sum(sum(one.cpu_times()[:2]) for one in tree)


def bodies(alerts: int, groups: int) -> list[bytes]:
    """The requests, a thousand alerts each."""
    made = [
        {
            "labels": {
                "alertname": f"Storm{n % groups}",
                "instance": f"host-{n}:9100",
                "job": "node",
                "severity": "critical",
                "cluster": f"c{n % 7}",
            },
            "annotations": {
                "summary": f"host-{n} does not answer",
                "description": "It was asked three times and said nothing.",
            },
            "generatorURL": f"http://prometheus.example/graph?g0.expr=up&n={n}",
        }
        for n in range(alerts)
    ]
    return [
        json.dumps(made[start : start + _AT_ONCE]).encode() for start in range(0, alerts, _AT_ONCE)
    ]


def post(url: str, body: bytes) -> None:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()


def quiet(process: psutil.Process, limit_seconds: float) -> float:
    """The processor time of a server once it has come to rest."""
    end = time.monotonic() + limit_seconds
    spent = cpu_seconds(process)
    while time.monotonic() < end:
        time.sleep(_QUIET_SECONDS)
        before, spent = spent, cpu_seconds(process)
        if spent - before < _BUSY * _QUIET_SECONDS:
            break
    return spent


def ready(url: str, name: str, probe: Path) -> None:
    end = time.monotonic() + 60
    while name == "tocsin" and not probe.with_name(f"{_PROBE}.ready").exists():
        if time.monotonic() > end:
            raise SystemExit("the probe did not begin")
        time.sleep(0.05)
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{url}/api/v2/status", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise SystemExit(f"{url} did not become ready")


def storm(name: str, alerts: int, groups: int) -> Result:
    """One server, one storm."""
    told, requests = Told(), bodies(alerts, groups)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, webhook(told) as hook:
        process = subprocess.Popen(
            command(name, Path(folder), port, hook), stderr=subprocess.DEVNULL
        )
        try:
            url = f"http://127.0.0.1:{port}"
            ready(url, name, Path(folder) / _PROBE)
            watched = psutil.Process(process.pid)
            before, began = cpu_seconds(watched), time.monotonic()
            for body in requests:
                post(f"{url}/api/v2/alerts", body)
            posted = time.monotonic() - began
            while len(told.first) < alerts and time.monotonic() - began < _LIMIT_SECONDS:
                time.sleep(0.01)
            spent = cpu_seconds(watched) - before
            whole = quiet(watched, 15.0) - before
        finally:
            process.terminate()
            process.wait(30)
        probe = Path(folder) / _PROBE
        loop = json.loads(probe.read_bytes()) if probe.exists() else {}
    seconds = max(told.first.values(), default=began) - began
    result = Result(name, seconds, spent, len(told.first), told.messages)
    sys.stdout.write(
        f"{name:14} {result.told}/{alerts} alerts in {result.messages} messages, posted in "
        f"{posted:.2f} s, all told after {seconds:.2f} s, {spent:.2f} s of CPU, "
        f"{whole:.2f} s until all was written\n"
    )
    if loop:
        sys.stdout.write(
            "  the loop was held {held} times over 50 ms ({held_cpu} by Tocsin), at most "
            "{longest_ms:.0f} ms ({longest_cpu_ms:.0f} by Tocsin); {rounds} rounds of rules, "
            "{missed} left out, the latest {latest_round_ms} ms after its time\n".format(**loop)
        )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--groups", type=int, default=10)
    parser.add_argument("--only", choices=("tocsin", "alertmanager"))
    given = parser.parse_args()
    names = [given.only] if given.only else ["tocsin", "alertmanager"]
    if not (shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")):
        names = ["tocsin"]
        sys.stdout.write("no alertmanager on this machine\n")
    results = [storm(name, given.alerts, given.groups) for name in names]
    if len(results) == 2:
        ours, theirs = results
        sys.stdout.write(
            f"ratio: {ours.seconds / theirs.seconds:.2f} of its time, "
            f"{ours.cpu_seconds / theirs.cpu_seconds:.2f} of its CPU\n"
        )
    if any(one.told < given.alerts for one in results if one.name == "tocsin"):
        raise SystemExit("alerts were lost")


if __name__ == "__main__":
    main()

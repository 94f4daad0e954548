"""Real servers on loopback for the benchmarks: Tocsin, Prometheus, VictoriaMetrics."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_READY_SECONDS = 60.0
_QUIET = """\
retention: {raw_days: 120}
scrape: {host: false, itself: false}
"""
_UNCACHED = """\
store: {sample_cache: 0}
"""


@dataclass
class Peer:
    """One running server; `write` and `query` are its base addresses."""

    name: str
    url: str
    folder: Path
    process: subprocess.Popen[bytes]
    command: list[str]
    note: str = ""
    seconds_to_ready: float = 0.0
    _cpu_of_ended: float = field(default=0.0)

    def tree(self) -> list[psutil.Process]:
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """Processor time of the whole tree so far."""
        total = 0.0
        for one in self.tree():
            times = one.cpu_times()
            total += times.user + times.system
        return total

    def resident_bytes(self) -> int:
        """Resident memory of the whole tree, shared pages counted in each process."""
        return sum(one.memory_info().rss for one in self.tree())

    def disk_bytes(self) -> int:
        """What its data folder takes on disk."""
        files = (p for p in self.folder.rglob("*") if p.is_file() and not p.is_symlink())
        return sum(p.stat().st_blocks * 512 for p in files)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    def restart(self) -> float:
        """Stop it, start it again on the same data; returns the seconds until it answers."""
        self.stop()
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        self.seconds_to_ready = wait_until_ready(self.url, self.process)
        return self.seconds_to_ready


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> float:
    """Seconds until an instant query is answered."""
    started = time.monotonic()
    while time.monotonic() - started < _READY_SECONDS:
        if process.poll() is not None:
            raise SystemExit(f"the server at {url} ended with {process.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/api/v1/query?query=1", timeout=2) as answer:
                if answer.status == 200:
                    return time.monotonic() - started
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise SystemExit(f"the server at {url} did not become ready")


def commands(folder: Path, port: int) -> dict[str, list[str]]:
    """How each server that is installed is started on `folder` and `port`."""
    listen = f"127.0.0.1:{port}"
    found = {
        "tocsin": [
            *(sys.executable, "-m", "tocsin", "serve", "--config", str(folder / "tocsin.yaml")),
            *("--data", str(folder / "data"), "--http", listen, "--auth", "off"),
            *("--otlp-http", "off", "--otlp-grpc", "off"),
        ]
    }
    if binary := shutil.which("prometheus"):
        found["prometheus"] = [
            *(binary, f"--config.file={folder / 'prometheus.yml'}", "--log.level=error"),
            *(f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={listen}"),
            *("--web.enable-remote-write-receiver", "--query.max-samples=100000000"),
            "--storage.tsdb.retention.time=120d",
        ]
    if binary := shutil.which("victoria-metrics"):
        found["victoriametrics"] = [
            *(binary, f"-storageDataPath={folder / 'data'}", f"-httpListenAddr={listen}"),
            *("-retentionPeriod=12", "-loggerLevel=ERROR", "-search.maxUniqueTimeseries=1000000"),
            "-search.latencyOffset=0s",
        ]
    return found


@contextmanager
def running(
    names: tuple[str, ...] = ("tocsin", "prometheus", "victoriametrics"),
    *,
    samples_kept: bool = True,
    results_kept: bool = True,
) -> Iterator[list[Peer]]:
    """Start those of the servers that are installed; end them afterwards.

    `samples_kept` is Tocsin's cache of samples that queries have read, `results_kept` is
    VictoriaMetrics' cache of results, which also moves a query's ends to multiples of its step.
    """
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as root:
        peers: list[Peer] = []
        try:
            # One by one, so that those already started are ended when the next one fails.
            for name in names:
                if peer := _start(name, Path(root) / name, samples_kept, results_kept):
                    peers += [peer]
            yield peers
        finally:
            for peer in peers:
                peer.stop()


def _start(name: str, folder: Path, samples_kept: bool, results_kept: bool) -> Peer | None:
    folder.mkdir()
    port = free_port()
    command = commands(folder, port).get(name)
    if command is None:
        print(f"{name} is not installed: left out (scripts/peers.sh installs it)")
        return None
    if name == "victoriametrics" and not results_kept:
        command.append("-search.disableCache")
    (folder / "tocsin.yaml").write_text(_QUIET if samples_kept else _QUIET + _UNCACHED)
    (folder / "prometheus.yml").write_text(json.dumps({"global": {"scrape_interval": "1h"}}))
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    peer = Peer(name, f"http://127.0.0.1:{port}", folder, process, command)
    peer.seconds_to_ready = wait_until_ready(peer.url, process)
    return peer

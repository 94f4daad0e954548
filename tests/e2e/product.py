"""A real `tocsin serve` for the tests: started on free ports in a folder of its own, and ended."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.client import Client
from tests.waiting import eventually

_STARTS_WITHIN_SECONDS = 180.0
_ENDS_WITHIN_SECONDS = 60.0

CONFIG = """
listen:
  statsd: 127.0.0.1:0
ingest:
  statsd: {flush_interval: 1s}
traces:
  metrics: {interval: 1s}
prometheus:
  global: {scrape_interval: 1s, scrape_timeout: 1s}
  scrape_configs:
    - job_name: apps
      file_sd_configs: [{files: [targets.json]}]
    - job_name: text-apps
      scrape_protocols: [PrometheusText0.0.4]
      file_sd_configs: [{files: [text-targets.json]}]
"""
"""Scrapes what the tests write into `targets.json` (any format) and `text-targets.json`."""


@dataclass(frozen=True, slots=True)
class Product:
    """One running Tocsin."""

    folder: Path
    http: str
    otlp_http: str
    otlp_grpc: str
    statsd_port: int
    one_time_password: str = ""

    @property
    def client(self) -> Client:
        """A program without a credential."""
        return Client(self.http)

    def scrape(self, *addresses: str, file: str = "targets.json") -> None:
        """Scrape these `host:port`, and no other ones, from now on."""
        path = self.folder / file
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps([{"targets": list(addresses)}]))
        fresh.replace(path)


@contextmanager
def running(folder: Path, *flags: str, config: str = CONFIG) -> Iterator[Product]:
    """A Tocsin with that file and these flags; it has ended, within its own limit, on return."""
    (folder / "tocsin.yaml").write_text(config)
    (folder / "targets.json").write_text("[]")
    (folder / "text-targets.json").write_text("[]")
    ready, errors, output = folder / "ready.json", folder / "errors.log", folder / "output.log"
    command = [sys.executable, "-m", "tocsin", "serve", "--data", str(folder / "data")]
    command += ["--config", str(folder / "tocsin.yaml"), "--log-format", "json"]
    for listen in ("--http", "--otlp-http", "--otlp-grpc"):
        command += [listen, "127.0.0.1:0"]
    command += ["--ready-file", str(ready), *flags]
    with errors.open("w") as stderr, output.open("w") as stdout:
        process = subprocess.Popen(command, cwd=folder, stderr=stderr, stdout=stdout)
    try:
        eventually(lambda: ready.exists() or process.poll() is not None, _STARTS_WITHIN_SECONDS)
        assert process.poll() is None, errors.read_text()
        at = json.loads(ready.read_text())
        yield Product(
            folder,
            at["http"],
            at["otlp_http"],
            at["otlp_grpc"],
            eventually(lambda: _statsd_port(errors)),
            _password(output) if "off" not in flags else "",
        )
    finally:
        process.terminate()
        process.wait(_ENDS_WITHIN_SECONDS)
    assert process.returncode == 0, errors.read_text()


def _statsd_port(log: Path) -> int:
    lines = [line for line in log.read_text().splitlines() if '"statsd_listens"' in line]
    return int(json.loads(lines[0])["port"]) if lines else 0


def _password(output: Path) -> str:
    """What the first start prints for the person at the terminal."""
    mark = "One-time password:"

    def printed() -> str:
        _, found, rest = output.read_text().partition(mark)
        return rest.split()[0] if found else ""

    return eventually(printed)

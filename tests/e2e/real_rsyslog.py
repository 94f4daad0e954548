"""A real rsyslogd for the tests: in the foreground, with a folder of its own, and ended."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e import programs

_ENDS_WITHIN_SECONDS = 60.0
_MODULES = (Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/local/lib"))

_CONFIG = """
global(workDirectory="{folder}/work" maxMessageSize="64k")
module(load="imfile" mode="inotify")
module(load="omelasticsearch")

template(name="document" type="list" option.jsonf="on") {{
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
  property(outname="level" name="syslogseverity-text" format="jsonf")
  property(outname="service" name="programname" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
}}
template(name="id" type="string" string="%msg%")

ruleset(name="stream" {queue} queue.filename="stream") {{
  action(type="omfwd" target="127.0.0.1" port="{syslog_port}" protocol="tcp"
    TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format" {retry})
}}
ruleset(name="bulk" {queue} queue.filename="bulk") {{
  action(type="omelasticsearch" server="http://127.0.0.1:{http_port}/elasticsearch"
    uid="rsyslog" pwd="{key}" searchIndex="rsyslog" template="document" bulkmode="on"
    bulkid="id" dynbulkid="on" errorfile="{folder}/refused.json" {retry})
}}
input(type="imfile" file="{folder}/stream.log" ruleset="stream" {file})
input(type="imfile" file="{folder}/bulk.log" ruleset="bulk" {file})
"""
_QUEUE = (
    'queue.type="Disk" queue.checkpointInterval="1" queue.syncQueueFiles="on" '
    'queue.dequeueBatchSize="200" queue.timeoutShutdown="5000"'
)
"""What survives `kill -9`: each line is on disk before the next one is read."""
_RETRY = 'action.resumeRetryCount="-1" action.resumeInterval="1"'
_FILE = 'tag="checkout" severity="error" facility="local3"'
"""Without `persistStateInterval`: rsyslog would note a place in the file before the queue has the
lines up to there, and skip up to 1023 of them after `kill -9`. Now it reads the file again."""


@dataclass(slots=True)
class Rsyslog:
    """What is appended to `stream.log` goes to the syslog port (RFC 5424 over TCP), what is
    appended to `bulk.log` to the bulk address, with a key."""

    folder: Path
    http_port: int
    syslog_port: int
    key: str
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def say(self, file: str, lines: list[str]) -> None:
        """A program writes lines into its log."""
        with (self.folder / file).open("a") as log:
            log.write("".join(f"{line}\n" for line in lines))

    def start(self) -> None:
        """Run it; skips the test when it is not there."""
        program = programs.path_of("rsyslogd", "/usr/sbin/rsyslogd")
        if not any(next(one.glob("**/omelasticsearch.so"), None) for one in _MODULES):
            pytest.skip("rsyslog's omelasticsearch is not installed (rsyslog-elasticsearch)")
        (self.folder / "work").mkdir(exist_ok=True)
        config = self.folder / "rsyslog.conf"
        named = {"queue": _QUEUE, "retry": _RETRY, "file": _FILE}
        ports = {"http_port": self.http_port, "syslog_port": self.syslog_port}
        config.write_text(_CONFIG.format(folder=self.folder, key=self.key, **ports, **named))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-n", "-i", "NONE", "-f", str(config)],
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """`kill -9`."""
        assert self._process is not None
        assert self._process.poll() is None, self.said()
        self._process.kill()
        self._process.wait(_ENDS_WITHIN_SECONDS)

    def stop(self) -> None:
        """SIGTERM; returns when it has ended."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(_ENDS_WITHIN_SECONDS)

    def said(self) -> str:
        """What it complained about, and what was refused for good."""
        refused = self.folder / "refused.json"
        return self._log.read_text() + (refused.read_text() if refused.exists() else "")

    @property
    def _log(self) -> Path:
        return self.folder / "rsyslogd.log"


@contextmanager
def shipping(folder: Path, *, http_port: int, syslog_port: int, key: str) -> Iterator[Rsyslog]:
    """An rsyslogd that has ended on return."""
    folder.mkdir(exist_ok=True)
    for file in ("stream.log", "bulk.log"):
        (folder / file).touch()
    one = Rsyslog(folder, http_port, syslog_port, key)
    try:
        one.start()
        yield one
    finally:
        one.stop()

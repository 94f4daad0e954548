"""The agent: reads, sends, remembers; in this order, so that nothing is lost and little is said
twice."""

from __future__ import annotations

import secrets
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tocsin.agent import docker, journald
from tocsin.agent.batch import Spool, Waiting, encode
from tocsin.agent.config import AgentConfig, FilesConfig
from tocsin.agent.entries import Entry, Origin
from tocsin.agent.files import Files, Watch
from tocsin.agent.joining import gatherer
from tocsin.agent.journald import Journald
from tocsin.agent.positions import Positions, load, save
from tocsin.agent.sender import Sender, Stopped
from tocsin.agent.stdin import Stdin
from tocsin.agent.tailed import Reading
from tocsin.kit import log
from tocsin.kit.clock import Clock
from tocsin.kit.fault import Permanent
from tocsin.kit.secret import read_secret

_log = log.get("agent")
_LOOK_SECONDS = 0.1
_GRACE_SECONDS = 3.0
_DISK_SECONDS = 5.0


class Agent:
    """`run` in one thread, `stop` from anywhere."""

    def __init__(self, config: AgentConfig, clock: Clock, *, stdin: int | None = None) -> None:
        """Raises Permanent when what is remembered cannot be read."""
        self._config = config
        self._clock = clock
        self._stopping = threading.Event()
        self._state = config.state_file
        self._spool = Spool(self._state.with_name(self._state.name + ".batch"))
        remembered = load(self._state)
        waiting = self._spool.get()
        self._waiting = waiting
        first = remembered is None and waiting is None
        self._remembered = remembered or Positions(agent=secrets.token_hex(8))
        if waiting is not None and waiting.after.sequence > self._remembered.sequence:
            start = waiting.after  # it is sent before anything else is read
        else:
            start, self._waiting = self._remembered, None
        self._files = Files(watches(config), start.files, is_first_start=first)
        self._cursor = start.cursor
        self._journal = None
        if config.journald is not None:
            self._journal = Journald(config.journald, start.cursor, config.host_name)
        self._stdin = None
        if config.stdin is not None:
            reading = _reading(config, config.stdin, Path("stdin"))
            self._stdin = Stdin(sys.stdin.fileno() if stdin is None else stdin, reading)
        self._sender = Sender(
            config.to,
            lambda: read_secret(config.key, config.key_file),
            self._stopping,
            timeout_seconds=float(config.timeout),
            ca_file=config.ca_file,
        )
        self.sent_entries = 0

    def stop(self) -> None:
        """End soon; a request on its way has a few seconds to be answered."""
        self._stopping.set()
        ending = threading.Timer(_GRACE_SECONDS, self._sender.interrupt)
        ending.daemon = True
        ending.start()

    def run(self) -> None:
        """Until `stop`, or the end of standard input when that is all there is to read. Raises
        Permanent when positions cannot be kept."""
        scanning = threading.Thread(target=self._scan, name="scan", daemon=True)
        try:
            if self._waiting is not None:
                self._deliver(self._waiting)
            self._files.scan()
            save(self._state, self._after({}, sequence=self._remembered.sequence))
            scanning.start()
            while not self._stopping.is_set():
                entries = self._gather()
                if entries:
                    self._send(entries)
                elif self._is_over():
                    break
                else:
                    self._stopping.wait(_LOOK_SECONDS)
        except Stopped:
            _log.info("stopped", batch_waits=True)
        finally:
            self._stopping.set()
            self._sender.close()
            if scanning.ident is not None:
                scanning.join(_GRACE_SECONDS)
            if self._journal is not None:
                self._journal.close()
            self._files.close()

    def _scan(self) -> None:
        """New and rotated files are opened while a batch waits for its server, too."""
        while not self._stopping.wait(float(self._config.scan)):
            self._files.scan()

    def _is_over(self) -> bool:
        only_stdin = not (self._config.files or self._config.docker or self._journal)
        return only_stdin and (self._stdin is None or self._stdin.is_over)

    def _gather(self) -> list[Entry]:
        """As much as fits into a batch; waits for more for a moment when there is a little."""
        entries: list[Entry] = []
        size = 0
        until = 0.0
        while not self._stopping.is_set():
            taken = self._take(int(self._config.batch) - size)
            entries += taken
            size += sum(one.size_bytes for one in taken)
            now = self._clock.monotonic()
            until = until or now + float(self._config.linger)
            if not entries or size >= self._config.batch or now >= until or self._ended():
                break
            if not taken:
                self._stopping.wait(_LOOK_SECONDS)
        return entries

    def _ended(self) -> bool:
        return self._stdin is not None and self._stdin.is_over

    def _take(self, room: int) -> list[Entry]:
        now_ns = self._clock.now_ms() * 1_000_000
        entries = self._files.read(room, now_ns)
        if self._journal is not None:
            entries += self._journal.read(room, now_ns)
        if self._stdin is not None:
            entries += self._stdin.read(room, now_ns)
        return entries

    def _send(self, entries: Sequence[Entry]) -> None:
        """One batch: what is open of a file that was cut to nothing relies on all of it."""
        taken = {one.place: one.position for one in entries}
        after = self._after(taken, sequence=self._remembered.sequence + 1)
        waiting = Waiting(after=after, body=encode(entries, f"{after.agent}-{after.sequence}"))
        self._written(lambda: self._spool.put(waiting))
        self._deliver(waiting)
        self._files.kept(taken)
        self.sent_entries += len(entries)

    def _after(self, taken: Mapping[str, int | str], *, sequence: int) -> Positions:
        self._cursor = str(taken.get(journald.PLACE, self._cursor))
        return Positions(
            agent=self._remembered.agent,
            sequence=sequence,
            files=tuple(self._files.positions(taken)),
            cursor=self._cursor,
        )

    def _written(self, write: Callable[[], None]) -> None:
        """Write to the agent's own disk; a full one is waited for. Raises Stopped meanwhile."""
        while True:
            try:
                write()
            except Permanent as error:
                _log.error("cannot_be_written", error=str(error), again_in_seconds=_DISK_SECONDS)
                if self._stopping.wait(_DISK_SECONDS):
                    raise Stopped from error
            else:
                return

    def _deliver(self, waiting: Waiting) -> None:
        refused = self._sender.send(waiting.body)
        self._written(lambda: save(self._state, waiting.after))
        self._remembered = waiting.after
        if refused:
            aside = self._spool.put_aside(waiting.after.sequence)
            _log.error("batch_refused", error=refused, kept_in=str(aside))
        else:
            self._spool.done()


def watches(config: AgentConfig) -> list[Watch]:
    """What is to be looked for, of a configuration."""
    found = [_watch(config, one) for one in config.files]
    if config.docker is not None:
        found.append(docker.watch(config.docker, config.host_name, int(config.max_line)))
    return found


def _watch(config: AgentConfig, files: FilesConfig) -> Watch:
    return Watch(
        files.paths,
        files.exclude,
        lambda path: _reading(config, files, path),
        begin_at_end=files.begin == "end",
    )


def _reading(config: AgentConfig, files: FilesConfig, path: Path) -> Reading:
    origin = Origin(
        host=config.host_name,
        service=files.service,
        fallback_service=path.stem,
        environment=files.environment,
        source=str(path),
        attributes=files.attributes,
    )
    return Reading(
        origin,
        lambda: gatherer(multiline=files.multiline, start=files.start),
        int(config.max_line),
    )

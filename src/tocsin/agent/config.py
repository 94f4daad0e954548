"""What is an agent told: what to read, as whose lines, and where to send them?"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Literal

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration, Size
from tocsin.kit.regex import compile_pattern
from tocsin.kit.secret import Secret


class FilesConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Files that are read as they grow."""

    paths: tuple[str, ...]
    """Globs; `**` means any folders."""
    exclude: tuple[str, ...] = ()
    """Globs of files that are left alone. Compressed ones are, unless a rotation made them."""
    service: str = ""
    """Whose lines these are; without it the lines tell, else the file's name does."""
    environment: str = ""
    """Such as production."""
    attributes: dict[str, str] = {}
    """Fields of every line."""
    start: str = ""
    """A regular expression (RE2) that the first line of an entry matches; others go on with it.
    Without one, stack traces and indented lines do."""
    multiline: bool = True
    """Whether lines that belong together are joined at all."""
    begin: Literal["start", "end"] = "start"
    """Where a file that is seen for the first time, when the agent starts, is begun."""

    def __post_init__(self) -> None:
        if not self.paths:
            raise Rejected("name at least one file or glob")
        compile_pattern(self.start)


class JournaldConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The systemd journal, read through `journalctl`."""

    units: tuple[str, ...] = ()
    """Only of these units; all without any."""
    environment: str = ""
    """Such as production."""
    begin: Literal["start", "end"] = "end"
    """Where the journal is begun the first time."""


class DockerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Containers, as Docker's json-file driver writes them; no daemon is asked."""

    folder: str = "/var/lib/docker/containers"
    """Where the containers' folders are."""
    exclude: tuple[str, ...] = ()
    """Names of containers that are left alone; `*` stands for anything."""
    labels: tuple[str, ...] = ("com.docker.compose.project", "com.docker.compose.service")
    """Labels of containers that become fields of their lines."""
    environment: str = ""
    """Such as production."""


class AgentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of `agent.yaml`."""

    to: str = "http://127.0.0.1:7777"
    """Address of Tocsin."""
    key: Secret | None = None
    """An API key with the scope ingest."""
    key_file: str | None = None
    """The file that it is in."""
    ca_file: str = ""
    """Certificates of authorities to trust besides the system's."""
    state: str = "./tocsin-agent.state"
    """Where positions are kept, and the one batch that is on its way."""
    host: str = ""
    """What this machine is called; its own name without one."""
    files: tuple[FilesConfig, ...] = ()
    """Files to read."""
    journald: JournaldConfig | None = None
    """Read the journal."""
    docker: DockerConfig | None = None
    """Read containers."""
    stdin: FilesConfig | None = None
    """Read standard input until its end; `paths: ["-"]`."""
    max_line: Size = Size(256 << 10)
    """Longer lines are cut, with a mark."""
    batch: Size = Size(1 << 20)
    """A request has about so many bytes of lines."""
    linger: Duration = Duration(0.5)
    """How long a line waits for others at most."""
    scan: Duration = Duration(1)
    """How often new and rotated files are looked for."""
    timeout: Duration = Duration(30)
    """How long one request may take."""

    @property
    def host_name(self) -> str:
        """The name in the lines."""
        return self.host or socket.gethostname()

    @property
    def state_file(self) -> Path:
        """Where positions are kept."""
        return Path(self.state)

"""Which configuration do a file and the flags of a command make?"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tocsin.agent.config import AgentConfig, DockerConfig, FilesConfig, JournaldConfig
from tocsin.kit import yaml
from tocsin.kit.fault import Rejected
from tocsin.kit.typed import decode

_STDIN = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the flags name besides the file."""

    files: tuple[str, ...] = ()
    journald: bool = False
    docker: bool = False
    service: str = ""
    environment: str = ""
    from_end: bool = False


def configured(path: Path | None, flags: dict[str, str], asked: Asked) -> AgentConfig:
    """The file's, with what the flags say instead and besides. Raises ConfigError with the place
    of a mistake, Rejected when there is nothing to read."""
    config = AgentConfig()
    if path is not None:
        config = decode(yaml.load(path, environment=os.environ), AgentConfig)
    config = msgspec.structs.replace(config, **flags)
    own = FilesConfig(
        paths=asked.files or (_STDIN,),
        service=asked.service,
        environment=asked.environment,
        begin="end" if asked.from_end else "start",
    )
    globs = tuple(one for one in asked.files if one != _STDIN)
    if globs:
        more = msgspec.structs.replace(own, paths=globs)
        config = msgspec.structs.replace(config, files=(*config.files, more))
    if _STDIN in asked.files:
        config = msgspec.structs.replace(config, stdin=own)
    if asked.journald and config.journald is None:
        config = msgspec.structs.replace(config, journald=JournaldConfig())
    if asked.docker and config.docker is None:
        config = msgspec.structs.replace(config, docker=DockerConfig())
    if not (config.files or config.journald or config.docker or config.stdin):
        raise Rejected("nothing to read: name --file, --journald, --docker or a --config")
    return config

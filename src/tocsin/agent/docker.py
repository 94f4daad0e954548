"""What do containers say? Docker's json-file driver writes it into files; no daemon is asked.

https://docs.docker.com/engine/logging/drivers/json-file/
"""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import msgspec

from tocsin.agent.config import DockerConfig
from tocsin.agent.entries import Origin
from tocsin.agent.files import Watch
from tocsin.agent.joining import gatherer
from tocsin.agent.splitter import RawLine
from tocsin.agent.tailed import Decode, Reading
from tocsin.kit import log
from tocsin.kit.timestamps import nanoseconds

_log = log.get("agent")
_COMPOSE_SERVICE = "com.docker.compose.service"
_ID = re.compile(r"[0-9a-f]{12,64}")
_GLOB = "*/*-json.log"


class _Settings(msgspec.Struct):
    Image: str = ""
    Labels: dict[str, str] | None = None


class _Container(msgspec.Struct):
    Name: str = ""
    Config: _Settings = msgspec.field(default_factory=_Settings)


class _Said(msgspec.Struct):
    log: str = ""
    stream: str = ""
    time: str = ""


_decode = msgspec.json.Decoder(_Said).decode


def watch(config: DockerConfig, host: str, max_line: int) -> Watch:
    """The files of all containers, each read as its container's."""

    def reading(path: Path) -> Reading | None:
        origin = origin_of(path.parent, config, host)
        if origin is None:
            return None
        return Reading(origin, lambda: gatherer(multiline=True, start=""), max_line, make_decode)

    return Watch((f"{config.folder}/{_GLOB}",), (), reading)


def origin_of(folder: Path, config: DockerConfig, host: str) -> Origin | None:
    """Whose lines a container's are, as its `config.v2.json` says; None when it is left alone."""
    container = _Container()
    try:
        content = (folder / "config.v2.json").read_bytes()
        container = msgspec.json.decode(content, type=_Container)
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("container_unknown", folder=str(folder), error=str(error))
    name = container.Name.lstrip("/") or folder.name[:12]
    if any(fnmatch(name, pattern) for pattern in config.exclude):
        return None
    labels = container.Config.Labels or {}
    attributes = {"container.name": name, "container.image.name": container.Config.Image}
    if _ID.fullmatch(folder.name):
        attributes["container.id"] = folder.name[:12]
    attributes |= {f"container.label.{one}": labels[one] for one in config.labels if one in labels}
    return Origin(
        host=host,
        fallback_service=labels.get(_COMPOSE_SERVICE) or name,
        environment=config.environment,
        source=f"docker:{name}",
        attributes={key: value for key, value in attributes.items() if value},
    )


def make_decode() -> Decode:
    """Of one file: what was written as several parts (a line of over 16 KiB) is one line again."""
    held: list[tuple[str, RawLine, _Said]] = []

    def decode(line: RawLine) -> RawLine | None:
        try:
            said = _decode(line.text.encode())
        except (msgspec.DecodeError, UnicodeEncodeError):
            return line  # the file was cut within a line
        if not said.log.endswith("\n") and said.log:
            held.append((said.log, line, said))
            return None
        first = held[0] if held else ("", line, said)
        text = "".join(part for part, _, _ in held) + said.log.removesuffix("\n")
        held.clear()
        at_ns = nanoseconds(first[2].time) or 0
        return RawLine(text, first[1].start, line.end, at_ns, said.stream)

    return decode

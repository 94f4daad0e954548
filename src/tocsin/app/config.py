"""How does the configuration come about? File, then flags; checked whole before it is used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tocsin.app.alert_config import with_alert_config_apart
from tocsin.app.settings_tree import Config, HostPort
from tocsin.errortracking.config import check_projects
from tocsin.incident.config import check_severities
from tocsin.kit.document import ConfigError, Document, Entries, Node, Place, Scalar, nearest
from tocsin.kit.fault import Rejected
from tocsin.kit.yaml import decode, load

DEFAULT_FILE = "tocsin.yaml"

FLAGS = "command line"
"""The "file" that mistakes in flags are reported in."""

_EMBEDDED = ("prometheus", "alertmanager")

_LATER = {
    "reports": "reports",
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that was found to be right.

    `prometheus` and `alertmanager` are the embedded or named files as they stand; `folder` of each
    is where their own relative paths start. `sources` are all files that were read, to be watched.
    """

    config: Config
    prometheus: Document | None
    prometheus_folder: Path
    alertmanager: Document | None
    alertmanager_folder: Path
    warnings: tuple[str, ...]
    sources: tuple[Path, ...]
    document: Document
    """The whole of it as it stands, for the places of mistakes."""
    folder: Path
    """Where its own relative paths start."""


def load_config(
    path: Path | str | None = None,
    overrides: Mapping[str, str] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
) -> Loaded:
    """Read `path`, else `./tocsin.yaml` if it is there, else nothing; then apply the flags.

    `overrides` are dotted keys and the texts given for them: `{"listen.http": "127.0.0.1:0"}`.
    `environment` is what `${NAME}` is looked up in, the process's own when it is None. Raises
    ConfigError for the first mistake; nothing is applied by this function.
    """
    variables = os.environ if environment is None else environment
    file = _chosen(path)
    if file is None:
        document = Document(Entries(Place(DEFAULT_FILE, 1, 1), {}, {}))
    else:
        document = load(file, environment=variables, verbatim=_EMBEDDED)
    folder = file.resolve().parent if file else Path.cwd()
    document, exported = with_alert_config_apart(document, folder)
    _refuse_unknown_parts(document)
    document = _with_limits_inside(document)
    for key, text in (overrides or {}).items():
        document = Document(_overlaid(document.node, key.split("."), text))
    config = decode(document, Config)
    _check_auth(document, config)
    check_severities(document, config.incidents)
    _check_projects(document, config)
    prometheus = _embedded(document, "prometheus", folder)
    alertmanager = _embedded(document, "alertmanager", folder)
    data_folder = Path.cwd() if "data" in (overrides or {}) else folder
    config = msgspec.structs.replace(
        _with_absolute_files(config, folder),
        data=str((data_folder / Path(config.data).expanduser()).resolve()),
        prometheus=prometheus.document,
        alertmanager=alertmanager.document,
    )
    sources = [file.resolve()] if file else []
    return Loaded(
        config=config,
        prometheus=prometheus.document,
        prometheus_folder=prometheus.folder,
        alertmanager=alertmanager.document,
        alertmanager_folder=alertmanager.folder,
        warnings=_warnings(config),
        sources=(*sources, *exported, *prometheus.files, *alertmanager.files),
        document=document,
        folder=folder,
    )


def _chosen(path: Path | str | None) -> Path | None:
    if path is not None:
        return Path(path)
    return Path(DEFAULT_FILE) if Path(DEFAULT_FILE).is_file() else None


def _refuse_unknown_parts(document: Document) -> None:
    known = {*Config.__struct_fields__, "limits"}
    for key in document.node.nodes if isinstance(document.node, Entries) else ():
        if key in _LATER:
            problem = f"this version of Tocsin does not have {_LATER[key]} yet; remove the key"
            raise document.error(problem, key)
        if key not in known:
            problem = f"unknown key; known here: {', '.join(sorted(known))}"
            raise document.error(problem, key, nearest=nearest(key, known))


def _with_limits_inside(document: Document) -> Document:
    """`limits` at the top is another way to write `ingest.limits`."""
    limits, top = document.get("limits"), document.node
    if limits is None or not isinstance(top, Entries):
        return document
    ingest = top.nodes.get("ingest", Entries(limits.node.place, {}, {}))
    if document.get("ingest", "limits") is not None or not isinstance(ingest, Entries):
        raise document.error("these are given in ingest.limits already; keep one", "limits")
    place = document.place("limits")
    inside = Entries(
        ingest.place,
        {**ingest.nodes, "limits": limits.node},
        {**ingest.keys, "limits": place},
    )
    nodes = {key: node for key, node in top.nodes.items() if key != "limits"}
    return Document(Entries(top.place, {**nodes, "ingest": inside}, {"ingest": place, **top.keys}))


def _overlaid(node: Node, steps: list[str], text: str) -> Node:
    place = Place(FLAGS, 1, 1)
    if not steps:
        return Scalar(place, text)
    entries = node if isinstance(node, Entries) else Entries(node.place, {}, {})
    below = entries.nodes.get(steps[0], Entries(place, {}, {}))
    return Entries(
        entries.place,
        {**entries.nodes, steps[0]: _overlaid(below, steps[1:], text)},
        {**entries.keys, steps[0]: entries.keys.get(steps[0], place)},
    )


def _check_projects(document: Document, config: Config) -> None:
    try:
        check_projects(config.projects)
    except Rejected as error:
        raise document.error(str(error), "projects") from error


def _check_auth(document: Document, config: Config) -> None:
    if not config.auth.is_off:
        return
    syslog = config.logs.syslog
    for address in (
        *config.listen.addresses,
        *map(HostPort, (syslog.udp, syslog.tcp, syslog.tls)),
    ):
        if not address.is_loopback:
            raise document.error(
                f"login can be off only while every port is on loopback, but {address} is not; "
                "listen on 127.0.0.1 or turn login on",
                "auth",
            )


@dataclass(frozen=True, slots=True)
class _Embedded:
    document: Document | None
    folder: Path
    files: tuple[Path, ...] = ()


def _embedded(document: Document, key: str, folder: Path) -> _Embedded:
    """The content in place, or of the file that is named."""
    part = document.get(key)
    if part is None or (isinstance(part.node, Scalar) and not part.node.text):
        return _Embedded(None, folder)
    if not isinstance(part.node, Scalar):
        return _Embedded(part, folder)
    file = (folder / Path(part.node.text).expanduser()).resolve()
    try:
        return _Embedded(load(file), file.parent, (file,))
    except ConfigError as error:
        if not file.is_file():
            raise document.error(f"there is no file {file}", key) from error
        raise


def _with_absolute_files(config: Config, folder: Path) -> Config:
    """Make every relative `*_file` start from the configuration's folder."""
    changed: dict[str, object] = {}
    for name in config.__struct_fields__:
        section = getattr(config, name)
        if not isinstance(section, msgspec.Struct):
            continue
        files = {
            key: str(folder / value)
            for key in section.__struct_fields__
            if key.endswith("_file") and isinstance(value := getattr(section, key), str) and value
        }
        if files:
            changed[name] = msgspec.structs.replace(section, **files)
    return msgspec.structs.replace(config, **changed) if changed else config


def _warnings(config: Config) -> tuple[str, ...]:
    found = []
    if config.auth.is_off:
        found.append("login is off: everybody who reaches this machine's loopback may do anything")
    reachable = [a for a in config.listen.addresses if not a.is_loopback]
    if reachable and not config.listen.external_url.startswith("https://"):
        found.append(
            f"{', '.join(reachable)} can be reached from other machines without TLS: passwords and "
            "keys travel readably; put a TLS proxy in front and set listen.external_url"
        )
    return tuple(found)

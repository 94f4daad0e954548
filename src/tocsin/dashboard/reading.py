"""How does a file become a dashboard? Ours in YAML or JSON, and Grafana's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec
import yaml

from tocsin.dashboard.grafana import Untranslated, translated
from tocsin.kit import yaml as our_yaml
from tocsin.kit.document import ConfigError
from tocsin.kit.fault import Rejected
from tocsin.kit.typed import decode
from tocsin.model.dashboards import LARGEST_BYTES, UID, Dashboard

Form = Literal["yaml", "json"]


class DashboardFile(Dashboard, frozen=True, kw_only=True):
    """What a file holds: a dashboard, and its uid; by the file's name when it is left out."""

    uid: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """`uid` is empty when the file names none; `left_out` is what did not translate."""

    uid: str
    dashboard: Dashboard
    left_out: tuple[Untranslated, ...] = ()
    is_grafana: bool = False


def read(text: str, name: str = "the text") -> Read:
    """A dashboard of a text in either form. Raises Rejected with the place of a mistake."""
    if len(text.encode("utf-8", "replace")) > 4 * LARGEST_BYTES:
        raise Rejected(f"{name} is larger than {4 * LARGEST_BYTES:,} bytes")
    if not text.lstrip().startswith("{"):
        return _ours(_from_yaml(text, name), name)
    try:
        plain = msgspec.json.decode(text.encode("utf-8", "replace"))
    except RecursionError as error:
        raise Rejected(f"{name} is nested too deeply") from error
    except msgspec.DecodeError as error:
        raise Rejected(f"{name} is not JSON: {error}") from error
    return read_plain(plain, name)


def read_plain(plain: object, name: str = "the dashboard") -> Read:
    """As `read`, of what JSON means. Raises Rejected."""
    if not isinstance(plain, Mapping):
        raise Rejected(f"{name} holds no dashboard: an object with a title and panels")
    inner = plain.get("dashboard", plain)
    if isinstance(inner, Mapping) and _is_grafana(inner):
        made = translated(inner)
        return Read(made.uid, made.dashboard, made.left_out, is_grafana=True)
    if isinstance(inner, Mapping) and inner is not plain:  # as the API tells it
        plain = {**inner, "uid": plain.get("uid", "")}
    try:
        return _ours(msgspec.convert(plain, DashboardFile), name)
    except msgspec.ValidationError as error:
        raise Rejected(f"{name}: {error}") from error


def _is_grafana(plain: Mapping[str, object]) -> bool:
    if "schemaVersion" in plain or "templating" in plain or "rows" in plain:
        return True
    panels = plain.get("panels")
    return isinstance(panels, list) and any(
        isinstance(one, Mapping) and ("gridPos" in one or "targets" in one) for one in panels
    )


def _from_yaml(text: str, name: str) -> DashboardFile:
    try:
        return decode(our_yaml.loads(text, name), DashboardFile)
    except ConfigError as error:
        raise Rejected(str(error)) from error


def _ours(file: DashboardFile, name: str) -> Read:
    if file.uid and not UID.fullmatch(file.uid):
        raise Rejected(f"{name}: a uid has 1 to 40 letters, digits, - and _; not {file.uid[:50]!r}")
    fields = {key: getattr(file, key) for key in Dashboard.__struct_fields__}
    return Read(file.uid, Dashboard(**fields))


def written(uid: str, dashboard: Dashboard, form: Form = "yaml") -> str:
    """The text of a file that `read` reads; what has its default is left out."""
    fields = {key: getattr(dashboard, key) for key in Dashboard.__struct_fields__}
    content = msgspec.json.encode(DashboardFile(uid=uid, **fields))
    if form == "json":
        return msgspec.json.format(content, indent=2).decode() + "\n"
    plain = msgspec.json.decode(content)
    ordered = {"uid": plain.pop("uid"), **plain} if "uid" in plain else plain
    return yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=100)

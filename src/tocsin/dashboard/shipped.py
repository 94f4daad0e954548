"""Which dashboards does Tocsin bring? The files in `ready/`, each with the metrics it needs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import msgspec

from tocsin.model.dashboards import Dashboard

_FOLDER = Path(__file__).resolve().parent / "ready"


class Shipped(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of them; it is listed when one of the metrics `needs` is there."""

    uid: str
    needs: list[str]
    dashboard: Dashboard


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Shipped]:
    """All of them by uid."""
    files = sorted(_FOLDER.glob("*.json"))
    found = [msgspec.json.decode(file.read_bytes(), type=Shipped) for file in files]
    return {one.uid: one for one in found}

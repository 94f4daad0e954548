"""Where does an engine answer, and to whom?"""

from __future__ import annotations

import secrets

import msgspec

from tocsin.store.config import StoreConfig


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A ClickHouse HTTP address with its credentials; `embedded` when it is our own child."""

    url: str
    password: str = ""
    user: str = "default"
    embedded: bool = False

    def __repr__(self) -> str:
        return f"Endpoint(url={self.url!r}, user={self.user!r})"


class EngineOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the parent tells the engine's child, as one JSON line on its standard input.

    Never on the command line or in the environment, where other users could read the password.
    `body_limit` bounds a request's body before and after inflating, in bytes.
    """

    data_dir: str = ""
    listen_fd: int = -1
    password: str = msgspec.field(default_factory=lambda: secrets.token_urlsafe(24))
    memory_limit: int = 1 << 30
    query_memory_limit: int = 512 << 20
    query_seconds: float = 30.0
    query_threads: int = 2
    body_limit: int = 256 << 20
    purge_seconds: float = 10.0
    fsync: bool = False

    def __repr__(self) -> str:
        return f"EngineOptions(data_dir={self.data_dir!r})"


def engine_options(config: StoreConfig) -> EngineOptions:
    """What an embedded engine is told by the configuration."""
    return EngineOptions(
        memory_limit=int(config.memory_limit),
        query_memory_limit=int(min(config.query_memory_limit, config.memory_limit)),
        query_seconds=config.query_seconds,
        query_threads=config.query_threads,
        fsync=config.fsync,
    )


def remote_endpoint(config: StoreConfig) -> Endpoint | None:
    """The ClickHouse that the configuration names; None when the engine is embedded."""
    if config.url is None:
        return None
    return Endpoint(url=config.url, user=config.user, password=config.read_password())

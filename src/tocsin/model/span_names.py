"""Which attributes of spans mean the same, and which tell where a span is from?

OpenTelemetry renamed many when they became stable; programs send the old ones for years to come.
https://opentelemetry.io/docs/specs/semconv/
"""

from __future__ import annotations

from collections.abc import Mapping

SERVICE, HOST = "service.name", "host.name"
NO_SERVICE = "unknown_service"
"""What OpenTelemetry calls a service that did not say its name."""
ENVIRONMENTS = ("deployment.environment.name", "deployment.environment", "environment", "env")
USERS = ("user.id", "enduser.id", "user_id", "usr.id")

_SAME = (
    ("http.response.status_code", "http.status_code"),
    ("http.request.method", "http.method"),
    ("url.full", "http.url"),
    ("url.scheme", "http.scheme"),
    ("url.path", "http.target"),
    ("user_agent.original", "http.user_agent"),
    ("client.address", "http.client_ip", "net.sock.peer.addr"),
    ("server.address", "net.peer.name", "net.host.name"),
    ("server.port", "net.peer.port", "net.host.port"),
    ("network.peer.address", "net.peer.ip"),
    ("network.protocol.version", "http.flavor"),
    ("db.system.name", "db.system"),
    ("db.namespace", "db.name"),
    ("db.query.text", "db.statement"),
    ("db.operation.name", "db.operation"),
    ("db.collection.name", "db.sql.table"),
    ("messaging.destination.name", "messaging.destination"),
    ("messaging.operation.type", "messaging.operation"),
    ("rpc.response.status_code", "rpc.grpc.status_code"),
    ("code.function.name", "code.function"),
    ("code.file.path", "code.filepath"),
    ("code.line.number", "code.lineno"),
    ("thread.name", "thread_name"),
    ENVIRONMENTS[:2],
    USERS[:2],
)
_OTHERS = {name: (name, *(o for o in same if o != name)) for same in _SAME for name in same}


def same_as(name: str) -> tuple[str, ...]:
    """The name itself, and the others that OpenTelemetry had or has for the same attribute."""
    return _OTHERS.get(name, (name,))


def first(attributes: Mapping[str, str], names: tuple[str, ...]) -> str:
    """The value of the first of the names that has one; empty when none has."""
    for name in names:
        value = attributes.get(name)
        if value:
            return value
    return ""

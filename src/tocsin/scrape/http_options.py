"""How is an HTTP address reached? The part that scrape and discovery configurations share.

The keys are those of Prometheus's `http_config` (prometheus/common, config.HTTPClientConfig).
"""

from __future__ import annotations

import ssl
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypeAlias

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.kit.secret import Secret, read_secret

_TLS_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
TlsVersion: TypeAlias = Literal["TLS10", "TLS11", "TLS12", "TLS13"]


def _at_most_one(options: msgspec.Struct, *names: str) -> None:
    given = [name for name in names if getattr(options, name) not in (None, "")]
    if len(given) > 1:
        raise Rejected(f"{' and '.join(given)} exclude each other; keep one of them")
    for name in given:
        if name.endswith("_ref"):
            instead = f"{name.removesuffix('_ref')}_file"
            raise Rejected(f"{name} needs a secret manager, and there is none; use {instead}")


class TlsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`tls_config`: which certificates are trusted and shown."""

    ca: str | None = None
    ca_file: str | None = None
    cert: str | None = None
    cert_file: str | None = None
    key: Secret | None = None
    key_file: str | None = None
    ca_ref: str | None = None
    cert_ref: str | None = None
    key_ref: str | None = None
    server_name: str = ""
    insecure_skip_verify: bool = False
    min_version: TlsVersion | None = None
    max_version: TlsVersion | None = None

    def __post_init__(self) -> None:
        _at_most_one(self, "ca", "ca_file", "ca_ref")
        _at_most_one(self, "cert", "cert_file", "cert_ref")
        _at_most_one(self, "key", "key_file", "key_ref")
        has_cert, has_key = bool(self.cert or self.cert_file), bool(self.key or self.key_file)
        if has_cert != has_key:
            raise Rejected("a client certificate needs both cert or cert_file, and key or key_file")

    def context(self, folder: Path) -> ssl.SSLContext:
        """Reads the files anew; raises Rejected when one is missing or wrong."""
        context = ssl.create_default_context()
        if self.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.min_version:
            context.minimum_version = _TLS_VERSIONS[self.min_version]
        if self.max_version:
            context.maximum_version = _TLS_VERSIONS[self.max_version]
        try:
            if self.ca:
                context.load_verify_locations(cadata=self.ca)
            if self.ca_file:
                context.load_verify_locations(cafile=folder / self.ca_file)
            if self.cert or self.cert_file:
                self._show(context, folder)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(filter(None, (self.ca_file, self.cert_file, self.key_file)))
            raise Rejected(
                f"tls_config: cannot use {files or 'the certificate'}: {error}"
            ) from error
        return context

    def _show(self, context: ssl.SSLContext, folder: Path) -> None:
        """Load the client's certificate. OpenSSL reads files only: what stands in the
        configuration is one for a moment, in a folder that nobody else can read."""
        with TemporaryDirectory() as made:
            cert, key = Path(made, "cert.pem"), Path(made, "key.pem")
            cert.write_text(self.cert or "")
            key.write_text(self.key.reveal() if self.key else "")
            context.load_cert_chain(
                folder / self.cert_file if self.cert_file else cert,
                folder / self.key_file if self.key_file else key,
                password="",  # an encrypted key is an error: OpenSSL would ask on the terminal
            )


class BasicAuth(msgspec.Struct, frozen=True, kw_only=True):
    """`basic_auth`."""

    username: str = ""
    username_file: str | None = None
    username_ref: str | None = None
    password: Secret | None = None
    password_file: str | None = None
    password_ref: str | None = None

    def __post_init__(self) -> None:
        _at_most_one(self, "username", "username_file", "username_ref")
        _at_most_one(self, "password", "password_file", "password_ref")


class Authorization(msgspec.Struct, frozen=True, kw_only=True):
    """`authorization`: any scheme but Basic."""

    type: str = "Bearer"
    credentials: Secret | None = None
    credentials_file: str | None = None
    credentials_ref: str | None = None

    def __post_init__(self) -> None:
        _at_most_one(self, "credentials", "credentials_file", "credentials_ref")
        if self.type.strip().lower() == "basic":
            raise Rejected('type "Basic" belongs into basic_auth')


class ProxyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which proxy is asked."""

    proxy_url: str = ""
    no_proxy: str = ""
    proxy_from_environment: bool = False
    proxy_connect_header: dict[str, tuple[Secret, ...]] = {}


class OAuth2(ProxyOptions, frozen=True, kw_only=True):
    """`oauth2`: a token by client credentials (RFC 6749, section 4.4)."""

    client_id: str
    client_secret: Secret | None = None
    client_secret_file: str | None = None
    client_secret_ref: str | None = None
    client_certificate_key_id: str = ""
    client_certificate_key: Secret | None = None
    client_certificate_key_file: str | None = None
    client_certificate_key_ref: str | None = None
    signature_algorithm: str = ""
    iss: str = ""
    audience: str = ""
    claims: dict[str, object] = {}
    grant_type: str = "client_credentials"
    scopes: tuple[str, ...] = ()
    token_url: str
    endpoint_params: dict[str, str] = {}
    tls_config: TlsConfig = TlsConfig()

    def __post_init__(self) -> None:
        _at_most_one(self, "client_secret", "client_secret_file", "client_secret_ref")
        if self.grant_type not in ("", "client_credentials"):
            raise Rejected(f"grant_type {self.grant_type!r} is not supported yet")


class HttpHeader(msgspec.Struct, frozen=True, kw_only=True):
    """Values of one extra header."""

    values: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()
    files: tuple[str, ...] = ()


class HttpOptions(ProxyOptions, frozen=True, kw_only=True):
    """All that says how an HTTP server is asked."""

    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    oauth2: OAuth2 | None = None
    bearer_token: Secret | None = None
    bearer_token_file: str | None = None
    tls_config: TlsConfig = TlsConfig()
    follow_redirects: bool = True
    enable_http2: bool = True
    http_headers: dict[str, HttpHeader] = {}

    def __post_init__(self) -> None:
        ways = ("basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file")
        _at_most_one(self, *ways)
        if self.proxy_from_environment and self.proxy_url:
            raise Rejected("proxy_from_environment excludes proxy_url; remove one of them")
        if self.no_proxy and not self.proxy_url:
            raise Rejected("no_proxy needs proxy_url")
        for name in self.http_headers:
            if name.lower() in _RESERVED:
                raise Rejected(f"http_headers: the header {name!r} is set by Tocsin itself")

    def bearer(self, folder: Path) -> str | None:
        """The value of the Authorization header that `authorization` or `bearer_token` asks for."""
        given = self.authorization
        if given is not None:
            token = read_secret(given.credentials, given.credentials_file, base=folder)
            return f"{given.type.strip()} {(token or '').strip()}".strip()
        token = read_secret(self.bearer_token, self.bearer_token_file, base=folder)
        return None if token is None else f"Bearer {token.strip()}"

    def extra_headers(self, folder: Path) -> list[tuple[str, str]]:
        """`http_headers`, files read anew."""
        found: list[tuple[str, str]] = []
        for name, header in self.http_headers.items():
            found += [(name, value) for value in header.values]
            found += [(name, secret.reveal()) for secret in header.secrets]
            read = (read_secret(None, file, base=folder) for file in header.files)
            found += [(name, (value or "").strip()) for value in read]
        return found


_RESERVED = frozenset(
    (
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "user-agent",
        "www-authenticate",
        "x-prometheus-scrape-timeout-seconds",
    )
)

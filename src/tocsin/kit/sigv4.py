"""How does a request show Amazon's services who sends it? AWS Signature Version 4.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs, and for which service where."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str
    service: str

    def authorization(
        self, moment: dt.datetime, method: str, url: str, headers: Mapping[str, str], digest: str
    ) -> str:
        """The value of `Authorization`: it signs the method, the address (encoded, its query
        sorted), exactly these headers, and the body by its SHA-256 in hex. `moment` is that of
        `x-amz-date`."""
        parts = urlsplit(url)
        signed = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        request = "\n".join([method, parts.path or "/", parts.query, lines, names, digest])
        scope = f"{moment:%Y%m%d}/{self.region}/{self.service}/aws4_request"
        hashed = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", stamp(moment), scope, hashed])
        key = f"AWS4{self.secret_key}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.new(key, text.encode(), "sha256").hexdigest()
        credential = f"Credential={self.access_key}/{scope}"
        return f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"


def stamp(moment: dt.datetime) -> str:
    """A moment in UTC as `x-amz-date` has it."""
    return f"{moment:%Y%m%dT%H%M%SZ}"

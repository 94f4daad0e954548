"""How does a push service know who sends? By a signed token (RFC 8292): VAPID."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tocsin.oncall.webpush.encoding import text
from tocsin.oncall.webpush.encryption import CURVE, point

_SECONDS = 12 * 3600
"""RFC 8292, section 2: at most 24 hours."""
_HALF = 32


class Vapid:
    """Our identity towards push services: one key pair, made at the first start.

    `subject` is how their operators reach ours: `mailto:` or `https:`.
    """

    def __init__(self, private: str, subject: str) -> None:
        self._key = ec.derive_private_key(int(private, 16), CURVE)
        self._subject = subject

    @staticmethod
    def new_key() -> str:
        """A private key to be kept, as hex digits."""
        numbers = ec.generate_private_key(CURVE).private_numbers()
        return f"{numbers.private_value:064x}"

    @property
    def public(self) -> str:
        """What browsers are told when they subscribe (`applicationServerKey`)."""
        return text(point(self._key.public_key()))

    def authorization(self, endpoint: str, now_s: float) -> str:
        """The header for a message to that address."""
        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int(now_s) + _SECONDS,
            "sub": self._subject,
        }
        head = {"typ": "JWT", "alg": "ES256"}
        signed = f"{text(msgspec.json.encode(head))}.{text(msgspec.json.encode(claims))}"
        mark = self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(mark)
        whole = r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")
        return f"vapid t={signed}.{text(whole)}, k={self.public}"

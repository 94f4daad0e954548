"""How is a message made so that only one browser reads it? RFC 8291 in RFC 8188's aes128gcm.

The primitives are those of `cryptography`; the RFC's own example is a test.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tocsin.kit.fault import Rejected

CURVE = ec.SECP256R1()
POINT_BYTES = 65
AUTH_BYTES = 16
_SALT_BYTES = 16
_RECORD_BYTES = 4096
_LARGEST = _RECORD_BYTES - 86 - 17
"""RFC 8291, section 4: one record, with its header, its padding's end and its mark."""
_LAST = b"\x02"


def encrypted(
    plain: bytes,
    receiver: bytes,
    auth: bytes,
    *,
    sender: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes = b"",
) -> bytes:
    """The body of a push message for the browser of that public key (`p256dh`) and secret (`auth`).

    `sender` and `salt` are new ones for each message; a test gives those of the RFC. Raises
    Rejected for keys that are none, and for more than a record holds.
    """
    if len(plain) > _LARGEST:
        raise Rejected(f"a push message has at most {_LARGEST} bytes")
    key = public_key(receiver)
    if len(auth) != AUTH_BYTES:
        raise Rejected(f"the browser's auth secret has {len(auth)} bytes instead of {AUTH_BYTES}")
    sender = sender or ec.generate_private_key(CURVE)
    salt = salt or os.urandom(_SALT_BYTES)
    own = point(sender.public_key())
    shared = sender.exchange(ec.ECDH(), key)
    content_key, nonce = _keys(shared, auth, receiver, own, salt)
    header = salt + _RECORD_BYTES.to_bytes(4, "big") + bytes((len(own),)) + own
    return header + AESGCM(content_key).encrypt(nonce, plain + _LAST, None)


def decrypted(body: bytes, receiver: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """What a browser reads of such a body; what tests and the stand-in of a push service need."""
    salt, size = body[:_SALT_BYTES], body[_SALT_BYTES + 4]
    start = _SALT_BYTES + 5
    own = body[start : start + size]
    shared = receiver.exchange(ec.ECDH(), public_key(own))
    content_key, nonce = _keys(shared, auth, point(receiver.public_key()), own, salt)
    return AESGCM(content_key).decrypt(nonce, body[start + size :], None).rstrip(b"\0")[:-1]


def public_key(raw: bytes) -> ec.EllipticCurvePublicKey:
    """The point that 65 bytes are; raises Rejected when they are none."""
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, raw)
    except ValueError as error:
        raise Rejected("the browser's key p256dh is no point of P-256") from error


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    """The 65 bytes of a public key."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _keys(
    shared: bytes, auth: bytes, receiver: bytes, sender: bytes, salt: bytes
) -> tuple[bytes, bytes]:
    """RFC 8291, section 3.4; every HKDF has one round."""
    info = b"WebPush: info\0" + receiver + sender + b"\x01"
    material = _hmac(_hmac(auth, shared), info)
    basis = _hmac(salt, material)
    content_key = _hmac(basis, b"Content-Encoding: aes128gcm\0\x01")[:16]
    return content_key, _hmac(basis, b"Content-Encoding: nonce\0\x01")[:12]


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)

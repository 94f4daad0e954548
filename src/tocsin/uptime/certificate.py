"""Until when is the other end's certificate valid?"""

from __future__ import annotations

import ssl

from cryptography import x509

from tocsin.uptime.finding import Numbers


def note_certificate(secured: object, numbers: Numbers) -> None:
    """Put what a finished handshake shows into the numbers; nothing without TLS."""
    if not isinstance(secured, ssl.SSLObject | ssl.SSLSocket):
        return
    shown = secured.getpeercert(binary_form=True)
    if shown:
        ends = x509.load_der_x509_certificate(shown).not_valid_after_utc
        numbers.values["probe_ssl_earliest_cert_expiry"] = ends.timestamp()

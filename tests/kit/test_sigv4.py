from __future__ import annotations

import datetime as dt
import hashlib

from tocsin.kit.sigv4 import Signer

NOTHING = hashlib.sha256(b"").hexdigest()
MOMENT = dt.datetime(2015, 8, 30, 12, 36, tzinfo=dt.UTC)
SIGNER = Signer("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service")
HEADERS = {"Host": "example.amazonaws.com", "X-Amz-Date": "20150830T123600Z"}


def test_the_plainest_request_of_amazons_test_suite_is_signed_as_there() -> None:
    url = "https://example.amazonaws.com/"
    assert SIGNER.authorization(MOMENT, "GET", url, HEADERS, NOTHING) == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, "
        "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


def test_space_in_headers_is_folded() -> None:
    url = "https://example.amazonaws.com/"
    spaced = {**HEADERS, "Host": " example.amazonaws.com  "}
    assert SIGNER.authorization(MOMENT, "GET", url, spaced, NOTHING) == SIGNER.authorization(
        MOMENT, "GET", url, HEADERS, NOTHING
    )


def test_a_signer_hides_its_secret() -> None:
    assert "wJalr" not in repr(SIGNER)

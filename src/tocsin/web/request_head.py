"""What do good clients write into a request's head that our parser (llhttp) does not take?"""

from __future__ import annotations

import re

_H2C = re.compile(rb"\r\nupgrade:[ \t]*h2c[ \t]*(?=\r\n)", re.IGNORECASE)


def readable(data: bytes) -> bytes:
    """The first bytes of a request with its head made readable; what follows the head stays.

    Letters beyond ASCII in the request line are percent-encoded: shell scripts write them into URLs
    as they are. An offer to go on with HTTP/2 (RFC 7540, section 3.2: Java's HttpClient makes it
    with every request) is left out, for the parser would skip the body of such a request.
    """
    end = data.find(b"\r\n\r\n")
    head, rest = (data, b"") if end < 0 else (data[: end + 2], data[end + 2 :])
    line, newline, fields = head.partition(b"\n")
    if not line.isascii():
        line = b"".join(b"%%%02X" % byte if byte > 0x7F else bytes((byte,)) for byte in line)
    elif b"h2c" not in fields.lower():
        return data
    return _H2C.sub(b"", line + newline + fields) + rest

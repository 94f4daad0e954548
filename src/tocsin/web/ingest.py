"""Where does data come in over HTTP?"""

from __future__ import annotations

from tocsin.web.api import datadog, otlp, remote_write, tocsin_push
from tocsin.web.routing import Addresses

ADDRESSES: Addresses = (
    *remote_write.ADDRESSES,
    *otlp.ADDRESSES,
    *tocsin_push.ADDRESSES,
    *datadog.ADDRESSES,
)

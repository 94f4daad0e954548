"""A bucket over S3's REST API: put, get and list, signed with AWS Signature Version 4.

The embedded engine cannot back up to S3 by itself (its build leaves out the thread pool that it
needs), and its table functions hold whole files in memory; these are streams.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
from yarl import URL

from tocsin.kit.clock import Clock
from tocsin.kit.fault import Rejected, Temporary
from tocsin.kit.sigv4 import Signer, stamp

_CHUNK = 1 << 20
_NO_BODY = hashlib.sha256(b"").hexdigest()
_NAMESPACE = {"s3": "http://s3.amazonaws.com/doc/2006-03-01/"}


class S3(msgspec.Struct, frozen=True):
    """A place in a bucket. `endpoint` is the service's address, `https://s3.amazonaws.com`."""

    endpoint: str
    bucket: str
    prefix: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def __repr__(self) -> str:
        return f"S3({self})"

    def url(self, name: str) -> str:
        """The address of a file below the prefix, path-style."""
        parts = [self.endpoint.rstrip("/"), self.bucket, self.prefix, name]
        return "/".join(part for part in parts if part)


class Bucket:
    """Files of one place. Raises Temporary when the service is away, Rejected when it refuses."""

    def __init__(self, place: S3, session: aiohttp.ClientSession, clock: Clock) -> None:
        self._place = place
        self._session = session
        self._clock = clock

    async def put(self, name: str, data: bytes) -> None:
        """Write a whole file."""
        async with self._request("PUT", name, body=data, digest=hashlib.sha256(data).hexdigest()):
            return

    async def put_file(self, name: str, path: Path) -> None:
        """Write a file from disk."""
        digest = await asyncio.to_thread(_digest, path)
        with path.open("rb") as file:
            async with self._request("PUT", name, body=file, digest=digest):
                return

    async def get(self, name: str) -> bytes | None:
        """A whole file; None when it is not there."""
        async with self._request("GET", name, absent_is_fine=True) as response:
            return None if response.status == 404 else await response.read()

    async def get_file(self, name: str, path: Path) -> None:
        """Copy a file to disk."""
        async with self._request("GET", name) as response:
            with path.open("wb") as file:
                async for chunk in response.content.iter_chunked(_CHUNK):
                    await asyncio.to_thread(file.write, chunk)

    async def names(self, folder: str) -> AsyncIterator[str]:
        """Names of all files below a folder, relative to the place."""
        prefix = "/".join(part for part in (self._place.prefix, folder) if part) + "/"
        query = {"list-type": "2", "prefix": prefix}
        while True:
            async with self._request("GET", None, query=query) as response:
                page = ET.fromstring(await response.read())
            for key in page.findall("s3:Contents/s3:Key", _NAMESPACE):
                text = key.text or ""
                yield text.removeprefix(self._place.prefix).lstrip("/")
            token = page.findtext("s3:NextContinuationToken", "", _NAMESPACE)
            if not token:
                return
            query = query | {"continuation-token": token}

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        name: str | None,
        *,
        body: object = None,
        digest: str = _NO_BODY,
        query: Mapping[str, str] | None = None,
        absent_is_fine: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        place = self._place
        bucket = f"{place.endpoint.rstrip('/')}/{place.bucket}"
        url = quote(bucket if name is None else place.url(name), safe="/:")
        pairs = sorted((quote(k, safe=""), quote(v, safe="")) for k, v in (query or {}).items())
        line = "&".join(f"{key}={value}" for key, value in pairs)
        headers = sign(place, method, url, line, digest, self._clock.now())
        # A type of its own, or aiohttp guesses one after the signature is made.
        headers["Content-Type"] = "application/octet-stream"
        whole = URL(f"{url}?{line}" if line else url, encoded=True)
        try:
            async with self._session.request(method, whole, headers=headers, data=body) as response:
                if response.status >= 300 and not (absent_is_fine and response.status == 404):
                    raise await self._refusal(method, name, response)
                yield response
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Temporary(f"{place.endpoint} cannot be reached: {error!r}", 10.0) from error

    async def _refusal(
        self, method: str, name: str | None, response: aiohttp.ClientResponse
    ) -> Temporary | Rejected:
        words = (await response.text(errors="replace"))[:300]
        text = f"{method} {self._place}/{name or ''} was answered {response.status}: {words}"
        return Temporary(text, 10.0) if response.status >= 500 else Rejected(text)


def sign(place: S3, method: str, url: str, query: str, digest: str, now: float) -> dict[str, str]:
    """The headers of a signed request; `url` and `query` are encoded, the query sorted.

    AWS Signature Version 4: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    """
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    headers = {
        "host": urlsplit(url).netloc,
        "x-amz-content-sha256": digest,
        "x-amz-date": stamp(moment),
    }
    signer = Signer(place.access_key, place.secret_key, place.region, "s3")
    whole = f"{url}?{query}" if query else url
    headers["Authorization"] = signer.authorization(moment, method, whole, headers, digest)
    del headers["host"]
    return headers


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

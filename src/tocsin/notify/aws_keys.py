"""With whose keys is Amazon asked? As its own programs find them, but for a machine's own role.

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

import configparser
import datetime as dt
import hashlib
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

import msgspec

from tocsin.kit.fault import Permanent, Rejected
from tocsin.kit.secret import Secret
from tocsin.kit.sigv4 import Signer, stamp
from tocsin.notify.wire import Request

_FORM = "application/x-www-form-urlencoded; charset=utf-8"
_STS = "{https://sts.amazonaws.com/doc/2011-06-15/}"


class SigV4Config(msgspec.Struct, frozen=True, kw_only=True):
    """`sigv4`: who asks, and in which region. Without `access_key` the keys come from the
    environment (`AWS_ACCESS_KEY_ID` …) or from `profile` of `~/.aws/credentials`; with `role_arn`
    they are exchanged for those of that role."""

    region: str = ""
    access_key: str = ""
    secret_key: Secret | None = None
    profile: str = ""
    role_arn: str = ""
    external_id: str = ""
    use_fips_sts_endpoint: bool = False
    service_name: str = ""

    def __post_init__(self) -> None:
        if bool(self.access_key) != bool(self.secret_key):
            raise Rejected("access_key and secret_key belong together")


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """A pair of keys; those of a role have a token and an end, in seconds since the epoch."""

    access_key: str
    secret_key: Secret
    token: Secret | None = None
    ends: float | None = None


def found_keys(config: SigV4Config, environment: Mapping[str, str]) -> Keys:
    """The keys, role aside; raises Rejected with the remedy when there are none."""
    if config.secret_key:
        return Keys(access_key=config.access_key, secret_key=config.secret_key)
    if not config.profile and environment.get("AWS_ACCESS_KEY_ID"):
        return _keys(environment)
    profile = config.profile or environment.get("AWS_PROFILE", "default")
    home = Path(environment.get("HOME", ""), ".aws", "credentials")
    file = Path(environment.get("AWS_SHARED_CREDENTIALS_FILE") or home)
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        raise Rejected(f"{file} cannot be read as AWS credentials") from error
    if not parser.has_option(profile, "aws_access_key_id"):
        raise Rejected(
            "there are no AWS keys; write access_key and secret_key under sigv4, set "
            f"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write the profile {profile!r} in "
            f"{file}"
        )
    return _keys(parser[profile])


def signed(
    keys: Keys, scope: tuple[str, str], url: str, fields: Mapping[str, str], now: float
) -> Request:
    """These fields as a form, signed for (service, region)."""
    body = _form(fields)
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    headers = {
        "Content-Length": str(len(body)),
        "Content-Type": _FORM,
        "Host": urlsplit(url).netloc,
        "X-Amz-Date": stamp(moment),
    }
    if keys.token:
        headers["X-Amz-Security-Token"] = keys.token.reveal()
    service, region = scope
    signer = Signer(keys.access_key, keys.secret_key.reveal(), region, service)
    digest = hashlib.sha256(body).hexdigest()
    authorization = signer.authorization(moment, "POST", url, headers, digest)
    return Request(url, body, {**headers, "Authorization": authorization})


def asking_for_role(
    config: SigV4Config, keys: Keys, region: str, environment: Mapping[str, str], now: float
) -> Request:
    """What exchanges the keys for those of the role.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """
    host = f"sts{'-fips' if config.use_fips_sts_endpoint else ''}.{region}.{domain(region)}"
    url = environment.get("AWS_ENDPOINT_URL_STS") or f"https://{host}"
    fields = {
        "Action": "AssumeRole",
        "RoleArn": config.role_arn,
        "RoleSessionName": f"tocsin-{int(now)}",
        "Version": "2011-06-15",
    }
    if config.external_id:
        fields["ExternalId"] = config.external_id
    return signed(keys, ("sts", region), url.rstrip("/") + "/", fields, now)


def keys_of_role(body: bytes) -> Keys:
    """What the answer gives; raises Permanent when it gives nothing."""
    try:
        part = ET.fromstring(body).find(f".//{_STS}Credentials")
        if part is None:
            raise Permanent("AWS STS gives no keys")
        text = {child.tag.removeprefix(_STS): child.text or "" for child in part}
        return Keys(
            access_key=text["AccessKeyId"],
            secret_key=Secret(text["SecretAccessKey"]),
            token=Secret(text["SessionToken"]),
            ends=dt.datetime.fromisoformat(text["Expiration"]).timestamp(),
        )
    except (ET.ParseError, KeyError, ValueError) as error:
        raise Permanent("AWS STS's answer is not what its API gives") from error


def domain(region: str) -> str:
    """Where a region's services are."""
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def _keys(source: Mapping[str, str]) -> Keys:
    named = {name.lower(): value for name, value in source.items()}
    token = named.get("aws_session_token", "")
    return Keys(
        access_key=named["aws_access_key_id"],
        secret_key=Secret(named.get("aws_secret_access_key", "")),
        token=Secret(token) if token else None,
    )


def _form(fields: Mapping[str, str]) -> bytes:
    pairs = (f"{quote(name, safe='')}={quote(fields[name], safe='')}" for name in sorted(fields))
    return "&".join(pairs).encode().replace(b"%20", b"+")

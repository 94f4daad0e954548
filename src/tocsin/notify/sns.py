"""`sns_configs`: Amazon's Simple Notification Service, to a topic, a phone or another target.

https://prometheus.io/docs/alerting/latest/configuration/#sns_configs
https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

from __future__ import annotations

import datetime as dt
import hashlib
from urllib.parse import quote, urlsplit

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.kit.secret import Secret
from tocsin.kit.sigv4 import Signer, stamp
from tocsin.notify.given import exactly_one
from tocsin.notify.http_sender import Filling, HttpConfig, http_kind
from tocsin.notify.pagerduty import dedup_key
from tocsin.notify.wire import Request, truncated_bytes

_LARGEST_BYTES = 256 << 10
_LARGEST_SMS_BYTES = 1600
_LONGEST_SUBJECT = 100
_FORM = "application/x-www-form-urlencoded; charset=utf-8"


class SigV4Config(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and in which region; without one it is that of the topic or target."""

    region: str = ""
    access_key: str = ""
    secret_key: Secret | None = None
    profile: str = ""
    role_arn: str = ""

    def __post_init__(self) -> None:
        if self.profile or self.role_arn:
            raise Rejected(
                "profile and role_arn are not supported yet; write access_key and secret_key of a "
                "user that may publish"
            )
        if not self.access_key or not self.secret_key:
            raise Rejected("access_key and secret_key must be given")


class SnsConfig(HttpConfig, frozen=True, kw_only=True):
    """One entry of `sns_configs`."""

    api_url: str = ""
    sigv4: SigV4Config
    topic_arn: str = ""
    phone_number: str = ""
    target_arn: str = ""
    subject: str = '{{ template "sns.default.subject" . }}'
    message: str = '{{ template "sns.default.message" . }}'
    attributes: dict[str, str] = msgspec.field(default_factory=dict)
    use_aws_http_client: bool = False

    def __post_init__(self) -> None:
        exactly_one(self, "topic_arn", "phone_number", "target_arn")
        if not (self.sigv4.region or self.api_url) and self.phone_number:
            raise Rejected("sigv4.region must be given with phone_number")


def _requests(config: SnsConfig, fill: Filling) -> list[Request]:
    arn = fill(config.topic_arn or config.target_arn)
    region = config.sigv4.region or _region_of(arn)
    host = f"sns.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
    url = (fill(config.api_url) or f"https://{host}").rstrip("/") + "/"
    body = _form(_fields(config, fill, arn))
    return [_signed(config.sigv4, region, url, body, fill)]


def _fields(config: SnsConfig, fill: Filling, arn: str) -> dict[str, str]:
    fields = {"Action": "Publish", "Version": "2010-03-31"}
    if config.topic_arn:
        fields["TopicArn"] = arn
        if arn.endswith(".fifo"):
            fields["MessageDeduplicationId"] = fields["MessageGroupId"] = dedup_key(fill.notice)
    elif config.target_arn:
        fields["TargetArn"] = arn
    else:
        fields["PhoneNumber"] = fill(config.phone_number)
    whole = fill(config.message)
    most = _LARGEST_SMS_BYTES if config.phone_number else _LARGEST_BYTES
    fields["Message"] = truncated_bytes(whole, most)
    attributes = {fill(name): fill(value) for name, value in config.attributes.items()}
    if fields["Message"] != whole:
        attributes["truncated"] = "true"
    for place, (name, value) in enumerate(sorted(attributes.items()), 1):
        start = f"MessageAttributes.entry.{place}."
        fields[start + "Name"] = name
        fields[start + "Value.DataType"] = "String"
        fields[start + "Value.StringValue"] = value
    if not attributes:
        fields["MessageAttributes"] = ""  # so does Amazon's own library
    subject = fill(config.subject)
    if subject:
        fields["Subject"] = subject
    return fields


def _form(fields: dict[str, str]) -> bytes:
    pairs = (f"{quote(name, safe='')}={quote(fields[name], safe='')}" for name in sorted(fields))
    return "&".join(pairs).encode().replace(b"%20", b"+")


def _signed(config: SigV4Config, region: str, url: str, body: bytes, fill: Filling) -> Request:
    moment = dt.datetime.fromtimestamp(fill.making.clock.now(), dt.UTC)
    headers = {
        "Content-Length": str(len(body)),
        "Content-Type": _FORM,
        "Host": urlsplit(url).netloc,
        "X-Amz-Date": stamp(moment),
    }
    secret = config.secret_key.reveal() if config.secret_key else ""
    signer = Signer(config.access_key, secret, region, "sns")
    digest = hashlib.sha256(body).hexdigest()
    signature = signer.authorization(moment, "POST", url, headers, digest)
    return Request(url, body, {**headers, "Authorization": signature})


def _region_of(arn: str) -> str:
    """`arn:aws:sns:REGION:ACCOUNT:NAME`."""
    parts = arn.split(":")
    if len(parts) < 6 or not parts[3]:
        raise Rejected(f"{arn!r} names no region; write sigv4.region")
    return parts[3]


KIND = http_kind("sns", SnsConfig, _requests)

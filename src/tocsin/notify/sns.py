"""`sns_configs`: Amazon's Simple Notification Service, to a topic, a phone or another target.

https://prometheus.io/docs/alerting/latest/configuration/#sns_configs
https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

from __future__ import annotations

import asyncio
import os

import msgspec

from tocsin.kit.document import Document
from tocsin.kit.fault import Rejected
from tocsin.model.notices import Notice
from tocsin.notify.aws_keys import (
    Keys,
    SigV4Config,
    asking_for_role,
    domain,
    found_keys,
    keys_of_role,
    signed,
)
from tocsin.notify.given import exactly_one
from tocsin.notify.http_sender import Filling, HttpConfig, Line, filling, read
from tocsin.notify.kind import Made, Making, SenderKind
from tocsin.notify.pagerduty import dedup_key
from tocsin.notify.wire import truncated, truncated_bytes

_LARGEST_BYTES = 256 << 10
_LARGEST_SMS_BYTES = 1600
_LONGEST_SUBJECT = 99
_SPARE_SECONDS = 300.0
"""Keys of a role are asked for anew so long before they end."""


class SnsConfig(HttpConfig, frozen=True, kw_only=True):
    """One entry of `sns_configs`."""

    api_url: str = ""
    sigv4: SigV4Config = SigV4Config()
    topic_arn: str = ""
    phone_number: str = ""
    target_arn: str = ""
    subject: str = '{{ template "sns.default.subject" . }}'
    message: str = '{{ template "sns.default.message" . }}'
    attributes: dict[str, str] = msgspec.field(default_factory=dict)
    use_aws_http_client: bool = False

    def __post_init__(self) -> None:
        exactly_one(self, "topic_arn", "phone_number", "target_arn")


class Sns:
    """Publishes, with keys of its own or those of a role, which it asks for now and then."""

    def __init__(self, config: SnsConfig, making: Making) -> None:
        self._config = config
        self._making = making
        self._line = Line(config, making)
        self._role_keys: Keys | None = None

    async def send(self, notice: Notice) -> None:
        """Raises as `notify.kind.Sender`."""
        config, now = self._config, self._making.clock.now()
        fill = filling(notice, self._making)
        region, url, fields = await asyncio.to_thread(_publish, config, fill)
        service = config.sigv4.service_name or "sns"
        keys = await self._keys(region)
        await self._line.ask(signed(keys, (service, region), url, fields, now))

    async def _keys(self, region: str) -> Keys:
        config, now = self._config.sigv4, self._making.clock.now()
        if not config.role_arn:
            return await asyncio.to_thread(found_keys, config, os.environ)
        kept = self._role_keys
        if kept is None or kept.ends is None or kept.ends - _SPARE_SECONDS < now:
            own = await asyncio.to_thread(found_keys, config, os.environ)
            answer = await self._line.ask(asking_for_role(config, own, region, os.environ, now))
            kept = self._role_keys = keys_of_role(answer.body)
        return kept


def _publish(config: SnsConfig, fill: Filling) -> tuple[str, str, dict[str, str]]:
    """Region, address and fields of a message."""
    arn = fill(config.topic_arn or config.target_arn)
    region = config.sigv4.region or _region_of(arn) or os.environ.get("AWS_REGION", "")
    if not region:
        raise Rejected("there is no AWS region; write sigv4.region or set AWS_REGION")
    url = fill(config.api_url) or f"https://sns.{region}.{domain(region)}"
    return region, url.rstrip("/") + "/", _fields(config, fill, arn)


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
        fields["Subject"] = truncated(subject, _LONGEST_SUBJECT)
    return fields


def _region_of(arn: str) -> str:
    """`arn:aws:sns:REGION:ACCOUNT:NAME`; "" when it names none."""
    parts = arn.split(":")
    return parts[3] if len(parts) > 5 else ""


def _make(part: Document, making: Making) -> Made:
    config = read(part, making, SnsConfig, ())
    if config.phone_number and not (config.sigv4.region or os.environ.get("AWS_REGION")):
        raise part.error("sigv4.region (or AWS_REGION) must be given with phone_number")
    return Made(Sns(config, making), config.tells_ends)


KIND = SenderKind("sns", _make)

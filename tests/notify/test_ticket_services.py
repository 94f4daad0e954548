"""What on-call services and ticket systems are told; Opsgenie, VictorOps and SNS are compared
with the real Alertmanager beside this."""

from __future__ import annotations

import json

import pytest

from tests.notify.making import alert, made, making, notice
from tests.notify.servers import Seen
from tests.notify.telling import body, told
from tocsin.kit.clock import FakeClock
from tocsin.kit.document import ConfigError
from tocsin.kit.fault import Permanent, Rejected, Temporary

JIRA = (
    "{api_url: 'URL/rest/api/2/', project: OPS, issue_type: Bug, description: d, "
    "labels: [z, '{{ .GroupLabels.alertname }}'], resolve_transition: Close, "
    "reopen_transition: Reopen, reopen_duration: 1h, wont_fix_resolution: Wont, "
    "fields: {customfield_1: {value: '{{ .Status }}'}, customfield_2: '10', "
    "customfield_3: ['{{ .CommonLabels.service }}', 3]}}"
)
OVER = notice(alert(instance="1", ends=True))
NONE = b'{"issues":[]}'
TRANSITIONS = b'{"transitions":[{"id":"11","name":"Close"},{"id":"12","name":"Reopen"}]}'


def found(category: str) -> bytes:
    status = {"name": "s", "statusCategory": {"key": category}}
    return json.dumps({"issues": [{"key": "OPS-1", "fields": {"status": status}}]}).encode()


def asked(seen: list[Seen]) -> list[tuple[str, str]]:
    return [(one.method, one.path.removeprefix("/rest/api/2")) for one in seen]


async def test_jira_gets_one_issue_for_a_group() -> None:
    critical = notice(alert(severity="critical"))
    paths = {"/rest/api/2/search": NONE, "/rest/api/2/issue": b'{"key":"OPS-1"}'}
    search, create = await told("jira", JIRA, about=critical, by_path=paths)
    assert asked([search, create]) == [("POST", "/search"), ("POST", "/issue")]
    query = body(search)
    assert isinstance(query, dict)
    label = query["jql"].partition('labels="')[2].partition('"')[0]
    assert label.startswith("ALERT{")
    assert search.body.decode().replace(label, "LABEL") == (
        '{"fields":["status"],"jql":"resolution != \\"Wont\\" and (resolutiondate is EMPTY OR '
        'resolutiondate \\u003e= -60m) and project=\\"OPS\\" and labels=\\"LABEL\\" order by '
        'status ASC,resolutiondate DESC","maxResults":2}\n'
    )
    assert create.body.decode().replace(label, "LABEL") == (
        '{"fields":{"customfield_1":{"value":"firing"},"customfield_2":10,"customfield_3":'
        '["api",3],"description":"d","issuetype":{"name":"Bug"},"labels":["LABEL","Down","z"],'
        '"priority":{"name":"High"},"project":{"key":"OPS"},"summary":'
        '"[FIRING:1] Down (api critical)"}}\n'
    )


@pytest.mark.parametrize(
    ("is_over", "category", "wanted"),
    [
        pytest.param(False, "new", [], id="an open issue is brought up to date"),
        pytest.param(False, "done", ["12"], id="a closed one is opened again"),
        pytest.param(True, "new", ["11"], id="an open one is closed when it is over"),
        pytest.param(True, "done", [], id="a closed one stays closed"),
    ],
)
async def test_jiras_issue_follows_the_alerts(
    is_over: bool, category: str, wanted: list[str]
) -> None:
    paths = {
        "/rest/api/2/search": found(category),
        "/rest/api/2/issue/OPS-1/transitions": TRANSITIONS,
        "/rest/api/2/issue": b"",
    }
    seen = await told("jira", JIRA, about=OVER if is_over else None, by_path=paths)
    moves = [("GET", "/issue/OPS-1/transitions"), ("POST", "/issue/OPS-1/transitions")]
    start = [("POST", "/search"), ("PUT", "/issue/OPS-1")]
    assert asked(seen) == start + (moves if wanted else [])
    assert [body(one) for one in seen[3:]] == [{"transition": {"id": id}} for id in wanted]


async def test_jira_opens_nothing_for_what_is_over() -> None:
    seen = await told("jira", JIRA, about=OVER, by_path={"/rest/api/2/search": NONE})
    assert asked(seen) == [("POST", "/search")]


async def test_jira_keeps_what_people_wrote_when_it_is_asked_to() -> None:
    text = JIRA.replace("description: d", "description: {template: d, enable_update: false}")
    paths = {"/rest/api/2/search": found("new"), "/rest/api/2/issue": b""}
    seen = await told("jira", text, by_path=paths)
    fields = body(seen[1])
    assert isinstance(fields, dict)
    assert "description" not in fields["fields"]
    assert "summary" in fields["fields"]


async def test_jiras_cloud_is_searched_in_version_3() -> None:
    text = JIRA.replace("{api_url", "{api_type: cloud, api_url", 1)
    paths = {"/rest/api/3/search/jql": NONE, "/rest/api/2/issue": b""}
    seen = await told("jira", text, by_path=paths)
    assert [one.path for one in seen] == ["/rest/api/3/search/jql", "/rest/api/2/issue"]


async def test_version_3_wants_a_document() -> None:
    text = JIRA.replace("/2/", "/3/").replace("description: d", "description: '%s'")
    paths = {"/rest/api/3/search": NONE, "/rest/api/3/issue": b""}
    seen = await told("jira", text % '{"type":"doc","version":1}', by_path=paths)
    fields = body(seen[1])
    assert isinstance(fields, dict)
    assert fields["fields"]["description"] == {"type": "doc", "version": 1}
    with pytest.raises(Rejected, match="document in JSON"):
        await told("jira", text % "words", by_path=paths)


async def test_a_transition_that_is_not_there_is_named_with_those_that_are() -> None:
    paths = {
        "/rest/api/2/search": found("new"),
        "/rest/api/2/issue/OPS-1/transitions": b'{"transitions":[{"id":"1","name":"Done"}]}',
        "/rest/api/2/issue": b"",
    }
    with pytest.raises(Permanent, match="OPS-1 has no transition 'Close'; those it has: 'Done'"):
        await told("jira", JIRA, about=OVER, by_path=paths)


async def test_jira_may_be_busy() -> None:
    with pytest.raises(Temporary) as caught:
        await told("jira", JIRA, answers=[(429, {"Retry-After": "9"}, b"")])
    assert caught.value.retry_after == 9


@pytest.mark.parametrize(
    ("severities", "priority"),
    [
        (("info", "critical", "warning"), "High"),
        (("info", "warning"), "Medium"),
        (("info",), "Low"),
        (("other",), None),
    ],
)
async def test_jiras_priority_is_that_of_the_worst(
    severities: tuple[str, ...], priority: str | None
) -> None:
    about = notice(*(alert(severity=severity) for severity in severities))
    paths = {"/rest/api/2/search": NONE, "/rest/api/2/issue": b""}
    seen = await told("jira", JIRA, about=about, by_path=paths)
    sent = body(seen[1])
    assert isinstance(sent, dict)
    assert sent["fields"].get("priority") == ({"name": priority} if priority else None)


async def test_incidentio_gets_the_webhooks_message_with_its_own_version() -> None:
    [seen] = await told("incidentio", "{url: URL/v2/alerts, alert_source_token: hush}")
    assert seen.headers["authorization"] == "Bearer hush"
    [hook] = await told("webhook", "{url: URL}")
    assert seen.body == hook.body.replace(b'"version":"4"', b'"version":"1"')


async def test_incidentio_gets_one_alert_of_too_many() -> None:
    many = notice(*(alert(big="x" * 6000, number=str(number)) for number in range(100)))
    [seen] = await told("incidentio", "{url: URL, alert_source_token: hush}", about=many)
    sent = body(seen)
    assert isinstance(sent, dict)
    assert (len(sent["alerts"]), sent["truncatedAlerts"]) == (1, 99)


async def test_a_services_own_key_goes_before_the_login_of_global() -> None:
    shared = "{http_config: {basic_auth: {username: u, password: p}}}"
    [seen] = await told("opsgenie", "{api_url: URL, api_key: K}", shared=shared)
    assert seen.headers["authorization"] == "GenieKey K"


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("jira", "{project: P, issue_type: B}", "write api_url here or jira_api_url in global"),
        ("jira", "{api_url: u, project: P}", 'the key "issue_type" is missing'),
        ("opsgenie", "{}", "write api_key here or opsgenie_api_key in global"),
        ("opsgenie", "{api_key: k, responders: [{type: team}]}", "one of id, name and username"),
        ("opsgenie", "{api_key: k, responders: [{id: a, type: x}]}", "escalation"),
        ("victorops", "{api_key: k, routing_key: r, custom_fields: {entity_id: x}}", "entity_id"),
        ("incidentio", "{url: u, http_config: {}}", "alert_source_token"),
        ("sns", "{topic_arn: a, phone_number: b}", "exclude each other"),
        ("sns", "{phone_number: b}", "must be given with phone_number"),
        ("sns", "{topic_arn: a, sigv4: {access_key: k}}", "belong together"),
    ],
)
def test_mistakes_are_told(clock: FakeClock, kind: str, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made(kind, text, making(clock))
    assert words in str(caught.value)

from __future__ import annotations

from tocsin.kit.clock import FakeClock
from tocsin.kit.yaml import loads
from tocsin.notify.template_advice import template_advice
from tocsin.notify.templates import Templates

RECEIVER = """
text: '{{ .Status }'
fields:
- {title: fine, value: '{{ template "slack.default.title" . }}'}
- {title: hush, value: '{{ shout .Status }}'}
plain: '{ no template }'
"""


def test_texts_that_are_no_templates_are_told_with_their_places(clock: FakeClock) -> None:
    advice = template_advice(loads(RECEIVER, "am.yml"), Templates({}, clock, ""))
    assert [line.partition(": ")[0] for line in advice] == ["am.yml:2:7", "am.yml:5:24"]
    assert "function 'shout' not defined" in advice[1]

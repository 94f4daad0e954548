"""Which labels do Datadog's tags make?"""

from __future__ import annotations

from tocsin.ingest import naming

_MAX_TAGS = 128


def tag_labels(tags: object) -> dict[str, str]:
    """`k:v` as a label, a bare tag as the label `tag`; repeated keys are joined by commas."""
    found: dict[str, list[str]] = {}
    if not isinstance(tags, list):
        return {}
    for tag in tags[:_MAX_TAGS]:
        if not isinstance(tag, str) or not tag:
            continue
        key, colon, value = tag.partition(":")
        name = naming.label_name(key) if colon else "tag"
        if not name or name.startswith("__"):
            continue
        values = found.setdefault(name, [])
        if (text := value if colon else tag) and text not in values:
            values.append(text)
    return {name: ",".join(values) for name, values in found.items() if values}

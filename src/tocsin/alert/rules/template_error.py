"""What does Prometheus say of a template that fails? Go's words for the errors of gotpl.

https://pkg.go.dev/text/template says them as
`template: NAME:LINE:COLUMN: executing "NAME" at <NODE>: REASON`; columns count from 0.
"""

from __future__ import annotations

import re

import gotpl

from tocsin.kit.template_reach import in_go_s_words

_CALLED = re.compile(r"function '([^']+)' failed: (.*)", re.S)
_COUNTED = re.compile(r"wrong number of args for (\S+): ")
_NO_FIELD = re.compile(r"can't evaluate field (\S+?)(?:;| in type |$)")
_NO_TEMPLATE = re.compile(r"template '([^']*)' is not defined$")
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|`[^`]*`|\s+|.', re.S)
_CHAIN = re.compile(r"(?:\$\w*|\.\w+)")
_DOT = (
    "struct { Labels map[string]string; ExternalLabels map[string]string;"
    " ExternalURL string; Value float64 }"
)


def go_s_words(error: gotpl.TemplateExecutionError, source: str) -> str:
    """The error as Prometheus tells it, of a template whose whole source this is."""
    if error.position is None:
        return in_go_s_words(str(error))
    reason, at = in_go_s_words(error.message), error.position
    node = ""
    if called := _CALLED.match(reason):
        at, node = _stage(source, at, called[1])
        reason = f"error calling {called[1]}: {called[2]}"
    elif counted := _COUNTED.match(reason):
        at, _ = _stage(source, at, counted[1])
        node = counted[1]
    elif missing := _NO_FIELD.match(reason):
        at, node, kind = _field(source, at, missing[1])
        reason = f"can't evaluate field {missing[1]} in type {kind}" if kind else reason
    elif gone := _NO_TEMPLATE.match(reason):
        at += len(source.encode()[at:].partition(b'"')[0])
        node = f'{{{{template "{gone[1]}"}}}}'
        reason = f'template "{gone[1]}" not defined'
    head = f"template: {error.source_name}:{_place(source, at)}: "
    shown = f" at <{node}>" if node else ""
    return f'{head}executing "{error.template_name}"{shown}: {reason}'


def _place(source: str, at: int) -> str:
    """Line from 1 and column from 0, of a place in bytes."""
    before = source.encode()[:at]
    line = before.count(b"\n") + 1
    column = at - before.rfind(b"\n") - 1
    return f"{line}:{column}"


def _stage(source: str, at: int, name: str) -> tuple[int, str]:
    """Where the call of a function stands in the pipeline that begins there, and its words."""
    text = source.encode()[at:].decode(errors="replace")
    found = re.search(rf"(?<![\w.$\"]){re.escape(name)}(?!\w)", text.split("}}")[0])
    begin = found.start() if found else 0
    return at + len(text[:begin].encode()), _words_of(text[begin:])


def _words_of(text: str) -> str:
    """One command, with a blank wherever there is space."""
    depth, words = 0, []
    for token in _TOKEN.findall(text):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth < 0 or (depth == 0 and token in "|}" and token):
            break
        words.append(" " if token.isspace() else token)
    return "".join(words).removesuffix(" -").strip()


def _field(source: str, at: int, name: str) -> tuple[int, str, str]:
    """Where Go places a field that is not there, the whole chain, and the type without it."""
    text = source.encode()[at:].decode(errors="replace")
    found = re.search(rf"[$.][\w.]*\.{re.escape(name)}(?!\w)[\w.]*|\.{re.escape(name)}(?!\w)", text)
    if found is None:
        return at, "", ""
    chain = found[0]
    at += len(text[: found.start()].encode())
    if chain == f".{name}" or chain.startswith(f".{name}."):
        return at, chain, _DOT
    kind = "float64" if chain.startswith(("$value.", ".Value.")) else "string"
    first = _CHAIN.match(chain)
    return at + (first.end() if first else 0), chain, kind

"""How is an application's own `alertConfig` read: in place, or from the program that exports it?

`alertConfig: {severityLevels, alertRules}` is another way to write `severities` and `alerts`. As a
text it is the path of a file: YAML, JSON, or a program of JavaScript or TypeScript, of which the
object literal behind `alertConfig =` is read and nothing is run.
"""

from __future__ import annotations

import re
from pathlib import Path

from tocsin.kit.document import ConfigError, Document, Entries, Place, Scalar, nearest
from tocsin.kit.yaml import loads

_KEY = "alertConfig"
_PARTS = {"severityLevels": "severities", "alertRules": "alerts"}
_LARGEST_FILE_BYTES = 1 << 20

_ASSIGNED = re.compile(r"\balertConfig\b\s*(?::[^={]*)?=\s*(?=\{)")
_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)
    |(?P<brace>[{}])""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPE = re.compile(
    r"\\(u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|.)", re.DOTALL
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}


def with_alert_config_apart(document: Document, folder: Path) -> tuple[Document, tuple[Path, ...]]:
    """The configuration with `alertConfig` taken apart, and the files that were read for it.

    Relative paths start from `folder`. Raises ConfigError for what is wrong in either file.
    """
    named, top = document.get(_KEY), document.node
    if named is None or not isinstance(top, Entries):
        return document, ()
    given = named
    files: tuple[Path, ...] = ()
    if isinstance(named.node, Scalar) and named.node.text:
        file = (folder / Path(named.node.text).expanduser()).resolve()
        given, files = _read(document, file), (file,)
    if not isinstance(given.node, Entries):
        raise document.error("expected {severityLevels, alertRules}, or the path of a file", _KEY)
    nodes, keys = dict(top.nodes), dict(top.keys)
    del nodes[_KEY]
    for name, node in given.node.nodes.items():
        if name not in _PARTS:
            words = f"unknown key; known here: {', '.join(_PARTS)}"
            raise given.error(words, name, nearest=nearest(name, _PARTS))
        key = _PARTS[name]
        if key in top.nodes:
            raise given.error(f"these are given in {key} already; keep one", name)
        nodes[key], keys[key] = node, given.node.keys[name]
    return Document(Entries(top.place, nodes, keys)), files


def _read(document: Document, file: Path) -> Document:
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST_FILE_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        problem = f"cannot read the file {file}: {error.strerror}"
        raise document.error(problem, _KEY) from error
    except UnicodeDecodeError as error:
        raise document.error(f"expected UTF-8 text in {file}", _KEY) from error
    if len(content) > _LARGEST_FILE_BYTES:
        raise document.error(f"{file} is larger than {_LARGEST_FILE_BYTES} bytes", _KEY)
    if file.suffix in (".yaml", ".yml", ".json"):
        found = loads(text, str(file))
        return found.get(_KEY) or found
    return loads(literal_as_yaml(text, str(file)), str(file))


def literal_as_yaml(program: str, name: str) -> str:
    """The object literal behind `alertConfig =` as YAML, on the lines and columns where it stands.

    Comments become spaces and texts are quoted as YAML quotes them; values that are computed are
    not understood. Raises ConfigError when there is no such literal or it does not end.
    """
    start = _ASSIGNED.search(program)
    if start is None:
        raise ConfigError(Place(name, 1, 1), "", "expected `alertConfig = {…}` in this program")
    at, depth = start.end(), 0
    parts = [_blank(program[:at])]
    while (token := _TOKEN.search(program, at)) is not None:
        parts.append(program[at : token.start()])
        at = token.end()
        if token.lastgroup == "comment":
            parts.append(_blank(token[0]))
        elif token.lastgroup == "text":
            parts.append(_quoted(token[0]))
        else:
            parts.append(token[0])
            depth += 1 if token[0] == "{" else -1
            if depth == 0:
                return "".join(parts)
    line = program.count("\n", 0, start.start()) + 1
    raise ConfigError(Place(name, line, 1), "", "the object of `alertConfig` does not end")


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _quoted(text: str) -> str:
    """A text of JavaScript in YAML's double quotes; in one line, so that columns mostly stay."""
    inner = _ESCAPE.sub(_meant, text[1:-1])
    safe = inner.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda one: f"\\x{ord(one[0]):02x}", safe) + '"'


def _meant(escape: re.Match[str]) -> str:
    code = escape[2] or escape[3] or escape[4]
    if code and int(code, 16) <= 0x10FFFF:
        return chr(int(code, 16))
    return _ESCAPES.get(escape[1], escape[1])

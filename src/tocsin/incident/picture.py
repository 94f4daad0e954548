"""Is that file a picture that a browser may show? Judged by its content, never by its name."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from tocsin.kit.fault import Rejected

_KINDS = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.S),
}
_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp"}
_LONGEST_NAME = 100
_UNSAFE = re.compile(r"[^\w.\- ]+")


def media_type(content: bytes) -> str:
    """What it is. Raises Rejected for anything but PNG, JPEG, GIF and WebP: SVG and HTML carry
    scripts."""
    for kind, begins in _KINDS.items():
        if begins.match(content):
            return kind
    raise Rejected("that is no PNG, JPEG, GIF or WebP picture; other files are linked instead")


def file_name(name: str, kind: str) -> str:
    """A name to keep it by, without folders, with the suffix of what it is."""
    stem = PurePosixPath(name.replace("\\", "/")).stem
    return (_UNSAFE.sub("_", stem).strip(" .")[:_LONGEST_NAME] or "picture") + _SUFFIXES[kind]

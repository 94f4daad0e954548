"""Which ES modules does a page need, and under which names do they find each other?

An import map gives bare names their vendored module, extensionless paths their file, and every
module its content-hashed address, so that plain ES modules need no build step. The editor's part is
large, so it is named only where there is an editor.
"""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import re
from functools import lru_cache
from pathlib import Path

from tocsin.web.pages.assets import STATIC, url

_EDITOR = "elements/tc-promql.js"
_IMPORTED = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["']([^"'\n]+)["']""")


@lru_cache(maxsize=2)
def import_map(*, editor: bool = False) -> str:
    """The import map of a page, as the exact text whose hash the policy allows."""
    packages = _packages()
    imports: dict[str, str] = {}
    seen: set[str] = set()
    left = [name for name in _ours() if editor or name not in (_EDITOR, "elements/tc-explore.js")]
    imports.update({f"/static/{name}": url(name) for name in left})
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        for wanted in _IMPORTED.findall((STATIC / name).read_text("utf-8")):
            found = _file(name, wanted, packages)
            if found:
                key, file = found
                imports[key] = url(file)
                left.append(file)
    return json.dumps({"imports": dict(sorted(imports.items()))}, separators=(",", ":"))


@lru_cache(maxsize=1)
def content_security_policy() -> str:
    """The policy of every page: ours alone, nothing inline but the import maps, by their hashes."""
    allowed = " ".join(f"'sha256-{_hash(import_map(editor=flag))}'" for flag in (False, True))
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {allowed}",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "font-src 'self'",
            "connect-src 'self'",
            "manifest-src 'self'",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _ours() -> list[str]:
    paths = (path.relative_to(STATIC) for path in STATIC.rglob("*.js"))
    return sorted(path.as_posix() for path in paths if path.parts[0] != "vendor")


def _packages() -> dict[str, str]:
    listed = json.loads((STATIC / "vendor/manifest.json").read_bytes())
    return {one["package"]: f"vendor/{one['module']}" for one in listed if one["module"]}


def _file(importer: str, wanted: str, packages: dict[str, str]) -> tuple[str, str] | None:
    """The name that a browser looks up for an import, and the file it means; None when unknown."""
    if not wanted.startswith((".", "/")):
        return (wanted, packages[wanted]) if wanted in packages else None
    name = posixpath.normpath(posixpath.join(posixpath.dirname(importer), wanted))
    name = name.removeprefix("/static/")
    for candidate in (name, f"{name}.js", f"{name}/index.js"):
        if Path(STATIC / candidate).is_file():
            return f"/static/{name}", candidate
    return None

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tests.web.browser import Browser
from tocsin.kit.fault import NotFound
from tocsin.web.pages import assets, modules
from tocsin.web.pages.render import environment

_IMPORT = re.compile(r"^import .*?[\"']([^\"']+)[\"'];$", re.MULTILINE)
OURS = sorted(
    path
    for path in assets.STATIC.rglob("*.js")
    if "vendor" not in path.relative_to(assets.STATIC).parts
)


def _browser() -> Browser:
    routes = [Route(one.path, one.handler, methods=list(one.methods)) for one in assets.ADDRESSES]
    return Browser(Starlette(routes=routes), "tocsin.test", "http")


def test_the_policy_allows_the_import_map_as_it_is_sent() -> None:
    for arguments in ("", "editor=true"):
        sent = environment().from_string(f"{{{{ import_map({arguments}) }}}}").render()
        digest = base64.b64encode(hashlib.sha256(sent.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in modules.content_security_policy()
    assert "unsafe" not in modules.content_security_policy()


def test_only_a_page_with_an_editor_names_the_editors_modules() -> None:
    plain, editor = modules.import_map(), modules.import_map(editor=True)
    assert "codemirror" not in plain
    assert "codemirror" in editor
    assert len(plain) < 4000
    addresses = list(json.loads(editor)["imports"].values())
    assert len(addresses) == len(set(addresses))


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_every_module_imports_what_the_import_map_knows(path: Path) -> None:
    imports = json.loads(modules.import_map(editor=True))["imports"]
    folder = f"/static/{path.parent.relative_to(assets.STATIC).as_posix()}"
    for name in _IMPORT.findall(path.read_text("utf-8")):
        wanted = posixpath.normpath(f"{folder}/{name}") if name.startswith(".") else name
        assert wanted in imports, f"{name} is not in the import map"


def test_every_vendored_file_is_what_its_package_published() -> None:
    listed = {"manifest.json"}
    for package in json.loads((assets.STATIC / "vendor/manifest.json").read_bytes()):
        assert package["licence"] in {"MIT", "Apache-2.0", "0BSD", "BlueOak-1.0.0"}
        assert any(name.startswith("LICENSE") for name in package["sha256"])
        for name, digest in package["sha256"].items():
            file = assets.STATIC / "vendor" / package["package"] / name
            assert hashlib.sha256(file.read_bytes()).hexdigest() == digest, file
            listed.add(f"{package['package']}/{name}")
    there = {
        path.relative_to(assets.STATIC / "vendor").as_posix()
        for path in (assets.STATIC / "vendor").rglob("*")
        if path.is_file()
    }
    assert there == listed


async def test_a_file_with_its_digest_is_kept_for_ever_and_one_without_is_asked_for_again() -> None:
    browser = _browser()
    for_ever = await browser.get(assets.url("css/tokens.css"))
    assert "immutable" in for_ever.header("cache-control")
    plain = await browser.get("/static/css/tokens.css")
    assert plain.header("cache-control") == "no-cache"
    again = await browser.get("/static/css/tokens.css", if_none_match=plain.header("etag"))
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "name", ["../server.py", "css/../../server.py", "/etc/passwd", "css", "nothing.css", ""]
)
def test_nothing_outside_the_folder_is_served(name: str) -> None:
    with pytest.raises(NotFound):
        assets.asset(name)

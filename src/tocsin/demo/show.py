"""The demo: Tocsin, and beside it an application to watch."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from tocsin.app.config import load_config
from tocsin.app.run import Running, run
from tocsin.demo.inbox import WEBHOOKS
from tocsin.demo.rules import RULES, config_of
from tocsin.demo.switches import KINDS
from tocsin.demo.troupe import Troupe
from tocsin.state.tokens import Scope
from tocsin.state.users import Users

DEFAULT_DATA = Path("tocsin-demo")
_LOGIN = "login.json"
_TOKEN = "demo: browsers and services"
_JOBS = ("shop", "worker", "partner")
_PROMETHEUS = """\
global:
  scrape_interval: 5s
  evaluation_interval: 5s
rule_files: [rules.yml]
scrape_configs:
""" + "".join(
    f"  - job_name: {job}\n    file_sd_configs:\n"
    f"      - files: [targets-{job}.json]\n        refresh_interval: 5s\n"
    for job in _JOBS
)


def folder_of(data: Path) -> Path:
    """Where the demo keeps what belongs to its application."""
    return data / "demo"


def show(data: Path, flags: Mapping[str, str], ready_file: Path | None) -> None:
    """Run Tocsin on `data` with the demo's application until told to end."""
    folder = folder_of(data)
    folder.mkdir(parents=True, exist_ok=True)
    inbox, shop = _address(folder, "inbox"), _address(folder, "shop")
    config = _written(folder / "tocsin.yaml", config_of(inbox, shop))
    _written(folder / "rules.yml", RULES)
    _written(folder / "prometheus.yml", _PROMETHEUS)
    for job in _JOBS:
        _write_targets(folder, job, [])
    all_flags = {"data": str(data.resolve()), **flags}

    @contextlib.asynccontextmanager
    async def beside(running: Running) -> AsyncIterator[None]:
        troupe = Troupe(folder)
        try:
            await _begin(troupe, folder, running, inbox, shop)
            yield
        finally:
            await troupe.close()

    loaded = load_config(config, all_flags)
    run(loaded, config_path=config, flags=all_flags, ready_file=ready_file, beside=beside)


def _address(folder: Path, name: str) -> str:
    """The address of the inbox or the shop: the same at each start, in the configuration as well,
    unless something else has taken its port meanwhile."""
    file, config = folder / f"{name}.url", folder / "tocsin.yaml"
    known = file.read_text().strip() if file.exists() else ""
    if known and _is_free(_port(known)):
        return known
    found = f"http://127.0.0.1:{free_port()}"
    if known and config.exists():
        # Without the scheme: the host and port may stand by themselves.
        before, after = known.removeprefix("http://"), found.removeprefix("http://")
        _replace(config, config.read_text().replace(before, after))
    _replace(file, f"{found}\n")
    return found


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _write_targets(folder: Path, job: str, groups: list[dict[str, object]]) -> None:
    _replace(folder / f"targets-{job}.json", json.dumps(groups, indent=1))


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    fresh.replace(path)


def _written(path: Path, text: str) -> Path:
    if not path.exists():
        path.write_text(text)
    return path


async def _begin(troupe: Troupe, folder: Path, running: Running, inbox: str, shop: str) -> None:
    await troupe.open_inbox(_port(inbox))
    for channel in WEBHOOKS:  # configurations that an older demo wrote read these
        _replace(folder / f"inbox-{channel}.url", f"{inbox}/{channel}\n")
    tokens = running.tocsin.parts.people.tokens
    for token in await tokens.all():
        if token.name == _TOKEN and token.revoked_at is None:
            await tokens.revoke(token.id)
    key, _ = await tokens.create(_TOKEN, scopes=[Scope.INGEST], created_by="demo")
    addresses = await troupe.open(running.addresses.http, key, shop_port=_port(shop))
    for job, address in addresses.items():
        _write_targets(folder, job, [{"targets": [address], "labels": {"service": job}}])
    await troupe.send_people(addresses["shop"], running.addresses.http, key)
    _announce(running, await _login(folder, running), inbox)


async def _login(folder: Path, running: Running) -> str:
    """The login to print: the first one stays valid, and known to its owner, until changed."""
    users: Users = running.tocsin.parts.people.users
    file = folder / _LOGIN
    if running.tocsin.loaded.config.auth.is_off:
        return "nobody needs to log in"
    if first := running.tocsin.one_time_password:
        user = next(user for user in await users.all() if user.name == first.user)
        await users.set_password(user.id, first.password)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            json.dump({"name": first.user, "password": first.password}, out)
    if not file.exists():
        return "log in as you set it up"
    known = json.loads(file.read_text())
    if await users.check(known["name"], known["password"]) is None:
        return f"log in as {known['name']} with the password you chose"
    return f"log in as {known['name']} with the password {known['password']}"


def _announce(running: Running, login: str, inbox: str) -> None:
    switches = "|".join(KINDS)
    sys.stdout.write(
        f"\n  Tocsin is ready:   {running.addresses.http}\n"
        f"  Login:             {login}\n"
        f"  Who is told what:  {inbox}\n"
        f"  For everybody:     {running.addresses.http}/status\n"
        f"  Break something:   tocsin demo break {switches}\n"
        "  Stop:              Ctrl-C\n\n"
    )
    sys.stdout.flush()

"""Mistakes of the status page's mail are told when the file is read, failures when they happen."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.notify.servers import mail_server
from tocsin.app.config import Loaded, load_config
from tocsin.app.status_mailer import status_mailer
from tocsin.app.status_page import check_status_page
from tocsin.kit.clock import FakeClock
from tocsin.kit.document import ConfigError
from tocsin.kit.fault import Fault
from tocsin.scrape.fetch import Fetcher
from tocsin.statuspage.letters import Letter

LETTER = Letter("eve@example.com", "Down", "We look.", "<p>We look.</p>")


def _loaded(folder: Path, mail: str) -> Loaded:
    file = folder / "tocsin.yaml"
    file.write_text(
        f"status_page:\n  components: [{{name: API}}]\n  mail: {{from: s@example.com, {mail}}}\n"
    )
    return load_config(file, {})


def test_a_password_whose_file_is_missing_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    mail = "smarthost: 'mail:25', auth_username: s, auth_password_file: mail.password"
    loaded = _loaded(tmp_path, mail)
    with pytest.raises(ConfigError, match=r"auth_password_file: there is no file .*mail\.password"):
        check_status_page(loaded, clock)
    (tmp_path / "mail.password").write_text("secret\n")
    check_status_page(loaded, clock)


async def test_mails_that_fail_are_in_the_log_once_in_a_while(
    tmp_path: Path, clock: FakeClock
) -> None:
    with mail_server() as mails:
        loaded = _loaded(tmp_path, f"smarthost: '127.0.0.1:{mails.port}', require_tls: false")
        mailer = status_mailer(loaded, Fetcher(clock, tmp_path, connections=1), clock)
        assert mailer is not None
        mails.answer = "451 full"
        with capture_logs() as said:
            for _ in range(3):
                with pytest.raises(Fault, match="full"):
                    await mailer.send(LETTER)
            await clock.advance(301)
            with pytest.raises(Fault, match="full"):
                await mailer.send(LETTER)
    assert [one["event"] for one in said] == ["status_mail_not_sent"] * 2

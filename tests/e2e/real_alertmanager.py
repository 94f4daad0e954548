"""The real Alertmanager, with a configuration of the test's."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.programs import beside, path_of
from tests.notify.servers import http_receiver
from tests.waiting import eventually


@contextmanager
def alertmanager(folder: Path, config: str, external_url: str) -> Iterator[str]:
    """Its address, on a port that was free a moment ago; skips the test when it is missing."""
    with http_receiver() as free:
        port = free.port
    file = folder / "am.yml"
    file.write_text(config)
    command = [path_of("prometheus-alertmanager", "alertmanager"), f"--config.file={file}"]
    command += [f"--storage.path={folder / 'data'}", "--cluster.listen-address="]
    command += [f"--web.listen-address=127.0.0.1:{port}", f"--web.external-url={external_url}"]
    with beside(command, folder):
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(url + "/-/ready"))
        yield url


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return int(response.status) == 200
    except OSError:
        return False

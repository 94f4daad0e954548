"""The real Alertmanager, with a configuration of the test's."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.programs import address_in, beside, path_of
from tests.waiting import eventually


@contextmanager
def alertmanager(folder: Path, config: str, external_url: str) -> Iterator[str]:
    """Its address; skips the test when it is missing."""
    file = folder / "am.yml"
    file.write_text(config)
    command = [path_of("prometheus-alertmanager", "alertmanager"), f"--config.file={file}"]
    command += [f"--storage.path={folder / 'data'}", "--cluster.listen-address="]
    command += ["--web.listen-address=127.0.0.1:0", f"--web.external-url={external_url}"]
    with beside(command, folder) as log:
        url = f"http://{eventually(lambda: address_in(log))}"
        eventually(lambda: _answers(url + "/-/ready"))
        yield url


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return int(response.status) == 200
    except OSError:
        return False

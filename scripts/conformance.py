"""Run PromQL's own test files against a fresh Tocsin and hold it to the published score.

usage: conformance.py SUITE [--json FILE]

SUITE is the folder with the runner and the test files. Cases that are known to fail, each with its
cause, stand in docs/promql-conformance.tsv; a case that fails and is not listed there, or is listed
and passes, fails this script.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
KNOWN = HERE.parent / "docs" / "promql-conformance.tsv"
READY_SECONDS = 60.0
CONFIG = """\
retention: {raw_days: 120}
scrape: {host: false, itself: false}
query: {experimental_functions: true}
"""


def main() -> int:
    suite = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="tocsin-conformance-") as name:
        folder = Path(name)
        (folder / "tocsin.yaml").write_text(CONFIG)
        server, url = start(folder)
        try:
            results = folder / "results.json"
            runner = [
                sys.executable,
                str(suite / "promql.py"),
                "--url",
                url,
                "--json",
                str(results),
            ]
            subprocess.run(runner, check=False, timeout=1500)
            verdict = compare(json.loads(results.read_text()))
        finally:
            server.terminate()
            server.wait(20)
    return verdict


def start(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A Tocsin of its own on free ports; returns it with its address."""
    ready = folder / "ready.json"
    command = [sys.executable, "-m", "tocsin", "serve", "--config", str(folder / "tocsin.yaml")]
    command += ["--data", str(folder / "data"), "--http", "127.0.0.1:0", "--auth", "off"]
    command += ["--otlp-http", "off", "--otlp-grpc", "off", "--ready-file", str(ready)]
    server = subprocess.Popen(command)
    end = time.monotonic() + READY_SECONDS
    while not ready.exists():
        if server.poll() is not None or time.monotonic() > end:
            server.kill()
            raise SystemExit("Tocsin did not start; its messages are above")
        time.sleep(0.05)
    return server, str(json.loads(ready.read_text())["http"])


def compare(results: dict[str, object]) -> int:
    """0 when exactly the known cases fail."""
    cases = results["cases"]
    if not isinstance(cases, list):
        raise SystemExit("the runner wrote no cases")
    known = {line.split("\t")[0] for line in KNOWN.read_text().splitlines()[1:] if line.strip()}
    failed = {case_key(case) for case in cases if case["ok"] is False}
    for case in sorted(failed - known):
        print(f"fails, and is not listed as known: {case}")
    for case in sorted(known - failed):
        print(f"passes, and is listed as failing: {case}")
    print(f"{results['passed']} passed, {len(failed)} failed")
    return int(failed != known)


def case_key(case: dict[str, object]) -> str:
    return f"{case['file']}:{case['line']}:{case['mode']}"


if __name__ == "__main__":
    sys.exit(main())

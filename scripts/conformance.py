"""Run PromQL's own test files against Tocsin and hold it to the published score.

usage: conformance.py SUITE [--file NAME ...] [--publish]

SUITE is the folder with the runner and the test files. All files run against one server, each
block of a file at a time of its own. Queries that name absolute times, or whose result is one,
mean something else there; files that have such cases, or any failure, run once more as they stand:
from 1970 on, with a fresh server for each block. The second run counts for them.

Cases that are known to fail, each with its cause, stand in docs/promql-conformance.tsv; a case
that fails and is not listed there, or is listed and passes, fails this script, and so does one that
was not run although it needs no native histograms or start timestamps. `--publish` writes the
score into docs/promql-conformance.md.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
KNOWN = HERE.parent / "docs" / "promql-conformance.tsv"
PAGE = HERE.parent / "docs" / "promql-conformance.md"
TABLE = re.compile(r"(?<=<!-- score -->\n).*(?=<!-- end of score -->)", re.DOTALL)
READY_SECONDS = 60.0
RUN_SECONDS = 900.0
CONFIG = """\
retention: {raw_days: 25000}
scrape: {host: false, itself: false}
query: {experimental_functions: true}
"""
SERVE = ["--auth", "off", "--otlp-http", "off", "--otlp-grpc", "off"]
NOT_RUN = ("native-histograms", "start-timestamps")
SCORED = ("core", "experimental")

Case = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", type=Path)
    parser.add_argument("--file", action="append", default=[])
    parser.add_argument("--publish", action="store_true")
    asked = parser.parse_args()
    suite = asked.suite.resolve()
    with tempfile.TemporaryDirectory(prefix="tocsin-conformance-") as name:
        folder = Path(name)
        (folder / "tocsin.yaml").write_text(CONFIG)
        cases = on_one_server(suite, folder, asked.file)
        shifted = sorted({case["file"] for case in cases if needs_own_times(case)})
        if shifted:
            print(f"once more at the files' own times: {', '.join(shifted)}", flush=True)
            cases = [case for case in cases if case["file"] not in shifted]
            cases += on_fresh_servers(suite, folder, shifted)
    if asked.publish:
        PAGE.write_text(TABLE.sub(lambda _: table(cases), PAGE.read_text()))
    return verdict(cases, whole=not asked.file)


def needs_own_times(case: Case) -> bool:
    """Whether the run on one server says nothing about the case."""
    return case["ok"] is False or case["category"] == "absolute-time"


def on_one_server(suite: Path, folder: Path, files: list[str]) -> list[Case]:
    """Every block beside the others on a server of its own times."""
    server, url = start(folder)
    try:
        return run(suite, folder, files, ["--url", url])
    finally:
        server.terminate()
        server.wait(20)


def on_fresh_servers(suite: Path, folder: Path, files: list[str]) -> list[Case]:
    """Every block on a server that has nothing else, at the times that the file says."""
    serve = [sys.executable, "-m", "tocsin", "serve", "--config", str(folder / "tocsin.yaml")]
    command = [*serve, "--data", "{dir}", "--http", "127.0.0.1:{port}", *SERVE]
    # The second one starts while the first one works.
    return run(suite, folder, files, ["--fresh-cmd", shlex.join(command), "--jobs", "2"])


def run(suite: Path, folder: Path, files: list[str], how: list[str]) -> list[Case]:
    results = folder / "results.json"
    results.unlink(missing_ok=True)
    chosen = [word for name in files for word in ("--file", name)]
    command = [sys.executable, str(suite / "promql.py"), *how, *chosen, "--json", str(results)]
    ended = subprocess.run(command, check=False, timeout=RUN_SECONDS, stdout=subprocess.DEVNULL)
    if not results.exists():
        raise SystemExit(f"the runner ended with {ended.returncode} and wrote no results")
    cases: list[Case] = json.loads(results.read_text())["cases"]
    return cases


def start(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A Tocsin of its own on free ports; returns it with its address."""
    ready = folder / "ready.json"
    command = [sys.executable, "-m", "tocsin", "serve", "--config", str(folder / "tocsin.yaml")]
    command += ["--data", str(folder / "data"), "--http", "127.0.0.1:0", *SERVE]
    server = subprocess.Popen([*command, "--ready-file", str(ready)])
    end = time.monotonic() + READY_SECONDS
    while not ready.exists():
        if server.poll() is not None or time.monotonic() > end:
            server.kill()
            raise SystemExit("Tocsin did not start; its messages are above")
        time.sleep(0.05)
    return server, str(json.loads(ready.read_text())["http"])


def verdict(cases: list[Case], *, whole: bool) -> int:
    """0 when exactly the known cases fail and nothing was left out."""
    known = {line.split("\t")[0] for line in KNOWN.read_text().splitlines()[1:] if line.strip()}
    failed = {case_key(case) for case in cases if case["ok"] is False}
    left_out = [case_key(case) for case in cases if needs_own_times(case) and case["ok"] is None]
    for case in sorted(failed - known):
        print(f"fails, and is not listed as known: {case}")
    for case in sorted(known - failed if whole else ()):
        print(f"passes, and is listed as failing: {case}")
    for case in sorted(left_out):
        print(f"was not run: {case}")
    print(table(cases))
    return int(bool(failed - known or left_out or (whole and known - failed)))


def table(cases: list[Case]) -> str:
    """Passed and all cases by file and category."""
    passed: Counter[tuple[str, str]] = Counter()
    every: Counter[tuple[str, str]] = Counter()
    for case in cases:
        for name in (case["file"], "all"):
            key = name, case["category"]
            every[key] += 1
            passed[key] += case["ok"] is True
    rows = ["| file | core | experimental | not run |", "| --- | --- | --- | --- |"]
    names = sorted({name for name, _ in every} - {"all"})
    for name in [*names, "all"]:
        cells = [
            f"{passed[name, kind]} of {every[name, kind]}" if every[name, kind] else "–"
            for kind in SCORED
        ]
        left = sum(every[name, kind] for kind in NOT_RUN)
        rows.append(f"| {name} | {cells[0]} | {cells[1]} | {left or '–'} |")
    return "\n".join(rows) + "\n"


def case_key(case: Case) -> str:
    return f"{case['file']}:{case['line']}:{case['mode']}"


if __name__ == "__main__":
    sys.exit(main())

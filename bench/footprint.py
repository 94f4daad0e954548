"""What does an idle Tocsin take, and how fast does it start and stop?

usage: python -m bench.footprint [SECONDS]

Everything that is on by default is on (login apart), the demo is off; after SECONDS (60) of rest
the memory of each process is printed. Then it is stopped and started again on the same data.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from bench.memory import HEAD, of_tree

_LIMIT_MIB = 300
_READY_SECONDS = 60.0


def main() -> None:
    rest = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    with tempfile.TemporaryDirectory(prefix="tocsin-footprint-") as folder:
        for start in ("first start", "second start"):
            measure(Path(folder), start, rest)


def measure(folder: Path, start: str, rest: float) -> None:
    """Start, rest, print, stop."""
    process, seconds = started(folder)
    try:
        print(f"{start}: ready after {seconds:.2f} s; resting {rest:g} s", flush=True)
        time.sleep(rest)
        parent = psutil.Process(process.pid)
        memory = of_tree([parent, *parent.children(recursive=True)])
        print(HEAD)
        for one in memory:
            print(one.line())
        verdict = "within" if memory[-1].rss_bytes <= _LIMIT_MIB << 20 else "beyond"
        print(f"{verdict} the {_LIMIT_MIB} MiB that the whole tree may have resident")
    finally:
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(30)
        print(f"Ctrl-C ended it in {time.monotonic() - began:.2f} s\n", flush=True)


def started(folder: Path) -> tuple[subprocess.Popen[bytes], float]:
    """A Tocsin on free ports, and how long it took until it answered."""
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "tocsin", "serve", "--data", str(folder / "data")),
        *("--http", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0"),
        *("--auth", "off", "--ready-file", str(ready)),
    ]
    began = time.monotonic()
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not ready.exists():
        if process.poll() is not None or time.monotonic() - began > _READY_SECONDS:
            raise SystemExit("Tocsin did not start")
        time.sleep(0.01)
    return process, time.monotonic() - began


if __name__ == "__main__":
    main()

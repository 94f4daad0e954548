"""Sends prepared bodies over HTTP, from a process of its own, as shippers do.

Run by `bench.beside_engine`: reads a pickled `Order` from its standard input, and prints how many
requests were answered within its time, and when it began.
"""

from __future__ import annotations

import http.client
import pickle
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

MARK = b"0000000000000000"
"""Stands for a number that is another one in each request."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is sent: one of `bodies` after the other, each time with another number in place of
    `MARK`, in the path or at the beginning of the body; `expected` is what each answer begins
    with."""

    host: str
    port: int
    path: str
    bodies: list[bytes]
    senders: int
    seconds: float
    first: int
    expected: bytes
    headers: dict[str, str] = field(default_factory=dict)


def sent(order: Order) -> tuple[int, float]:
    """Have another process send; how many requests it sent, and when it began, as
    `time.perf_counter` has it. To be run in a thread."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.log_senders"],
        input=pickle.dumps(order),
        stdout=subprocess.PIPE,
        check=True,
    )
    count, began = done.stdout.split()
    return int(count), float(began)


def _send(order: Order, number: int, until: float) -> int:
    connection = http.client.HTTPConnection(order.host, order.port)
    count = 0
    while time.perf_counter() < until:
        own = f"{order.first + number + count * order.senders:0{len(MARK)}d}"
        body = order.bodies[(number + count * order.senders) % len(order.bodies)]
        head, _, rest = body.partition(b"\n")
        connection.request(
            "POST",
            order.path.replace(MARK.decode(), own),
            head.replace(MARK, own.encode()) + b"\n" + rest,
            order.headers,
        )
        answer = connection.getresponse()
        told = answer.read()
        assert answer.status == 200, told[:500]
        assert told.startswith(order.expected), told[:500]
        count += 1
    return count


def main() -> None:
    """Read the order, send, and print."""
    order: Order = pickle.load(sys.stdin.buffer)
    began = time.perf_counter()  # of the machine, the same for all processes
    until = began + order.seconds
    counts = [0] * order.senders

    def run(number: int) -> None:
        counts[number] = _send(order, number, until)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(order.senders)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    print(sum(counts), began)


if __name__ == "__main__":
    main()

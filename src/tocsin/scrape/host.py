"""How does this machine fare? The basics of node_exporter under its own names, without it."""

from __future__ import annotations

import asyncio
import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final, TypeAlias

import psutil

from tocsin.kit.fault import Temporary
from tocsin.scrape.fetch import Answer
from tocsin.scrape.http_options import HttpOptions

HOST_JOB: Final = "node"
HOST: Final = "host"
"""The value of target.BUILT_IN that stands for this machine."""

_Row: TypeAlias = tuple[dict[str, str], float]
_NOT_FILLED: Final = frozenset(
    (
        "autofs",
        "binfmt_misc",
        "cgroup2",
        "devpts",
        "erofs",
        "iso9660",
        "proc",
        "squashfs",
        "sysfs",
        "tracefs",
        "udf",
    )
)
"""Filesystems without room by their nature: an alert on free space must not fire for them."""

_OTHERS_MOUNTS: Final = re.compile(r"/(dev|proc|sys|run/credentials|var/lib/docker)(/|$)")
"""As node_exporter leaves out by default: containers' and the kernel's own."""


class HostGetter:
    """Answers a scrape with the machine's own numbers."""

    async def get(
        self,
        url: str,
        options: HttpOptions,
        headers: Mapping[str, str],
        *,
        timeout: float,
        limit_bytes: int,
    ) -> Answer:
        """The exposition; raises Temporary when the system does not answer in time."""
        try:
            async with asyncio.timeout(timeout):
                body = await asyncio.to_thread(exposition)
        except TimeoutError as error:
            raise Temporary(f"the system did not answer within {timeout:g} s") from error
        return Answer(200, "text/plain; version=0.0.4", body, len(body))


def exposition() -> bytes:
    """The numbers as text 0.0.4. What the system does not tell is left out."""
    lines: list[str] = []
    for name, kind, help_text, rows in _families():
        lines += (f"# HELP {name} {help_text}", f"# TYPE {name} {kind}")
        for labels, value in rows:
            pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            lines.append(f"{name}{{{pairs}}} {value!r}" if pairs else f"{name} {value!r}")
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


_Family: TypeAlias = tuple[str, str, str, Iterable[_Row]]


def _families() -> Iterator[_Family]:
    yield "node_boot_time_seconds", "gauge", "Unix time of last boot.", [({}, psutil.boot_time())]
    uname = platform.uname()
    about = {
        "sysname": uname.system,
        "release": uname.release,
        "machine": uname.machine,
        "nodename": uname.node,
    }
    yield "node_uname_info", "gauge", "The machine and its system.", [(about, 1.0)]
    yield "node_cpu_seconds_total", "counter", "Seconds the CPUs spent per mode.", list(_cpu())
    with suppress(OSError):
        for name, value in zip(("1", "5", "15"), os.getloadavg(), strict=True):
            yield f"node_load{name}", "gauge", f"{name}m load average.", [({}, value)]
    yield from _memory()
    yield from _filesystems()
    yield from _disks()
    yield from _network()


def _cpu() -> Iterator[_Row]:
    for number, times in enumerate(psutil.cpu_times(percpu=True)):
        for mode in ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"):
            seconds = getattr(times, mode, None)
            if seconds is not None:
                yield {"cpu": str(number), "mode": mode}, float(seconds)


def _memory() -> Iterator[_Family]:
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    facts = {
        "MemTotal": memory.total,
        "MemAvailable": memory.available,
        "MemFree": memory.free,
        "Buffers": getattr(memory, "buffers", None),
        "Cached": getattr(memory, "cached", None),
        "SwapTotal": swap.total,
        "SwapFree": swap.free,
    }
    for name, value in facts.items():
        if value is not None:
            yield f"node_memory_{name}_bytes", "gauge", f"Memory: {name}.", [({}, float(value))]


def _filesystems() -> Iterator[_Family]:
    rows: dict[str, list[_Row]] = {name: [] for name in ("size", "free", "avail")}
    seen: set[str] = set()
    for part in psutil.disk_partitions(all=False) or _root():
        if part.mountpoint in seen or not _is_storage(part.fstype, part.mountpoint):
            continue
        seen.add(part.mountpoint)
        with suppress(OSError):
            facts = os.statvfs(part.mountpoint)
            if not facts.f_blocks:
                continue
            labels = {
                "device": part.device,
                "fstype": part.fstype,
                "mountpoint": part.mountpoint,
            }
            rows["size"].append((labels, float(facts.f_blocks * facts.f_frsize)))
            rows["free"].append((labels, float(facts.f_bfree * facts.f_frsize)))
            rows["avail"].append((labels, float(facts.f_bavail * facts.f_frsize)))
    for name, found in rows.items():
        yield f"node_filesystem_{name}_bytes", "gauge", f"Filesystem {name}, in bytes.", found


def _is_storage(fstype: str, mountpoint: str) -> bool:
    """Single files that a container runtime mounts (/etc/hosts) are none."""
    if fstype in _NOT_FILLED or _OTHERS_MOUNTS.match(mountpoint):
        return False
    return os.path.isdir(mountpoint)


def _root() -> list[psutil._ntuples.sdiskpart]:
    """In a container no device may be listed; the root is there all the same."""
    return [part for part in psutil.disk_partitions(all=True) if part.mountpoint == "/"]


def _disks() -> Iterator[_Family]:
    disks = psutil.disk_io_counters(perdisk=True) or {}
    if not disks:
        return
    facts = {
        "node_disk_read_bytes_total": ("read_bytes", 1.0),
        "node_disk_written_bytes_total": ("write_bytes", 1.0),
        "node_disk_reads_completed_total": ("read_count", 1.0),
        "node_disk_writes_completed_total": ("write_count", 1.0),
        "node_disk_read_time_seconds_total": ("read_time", 0.001),
        "node_disk_write_time_seconds_total": ("write_time", 0.001),
        "node_disk_io_time_seconds_total": ("busy_time", 0.001),
    }
    for name, (field, scale) in facts.items():
        rows = [
            ({"device": device}, getattr(counts, field) * scale)
            for device, counts in disks.items()
            if hasattr(counts, field)
        ]
        yield name, "counter", f"Disk: {field}.", rows


def _network() -> Iterator[_Family]:
    devices = psutil.net_io_counters(pernic=True)
    facts = {
        "node_network_receive_bytes_total": "bytes_recv",
        "node_network_transmit_bytes_total": "bytes_sent",
        "node_network_receive_packets_total": "packets_recv",
        "node_network_transmit_packets_total": "packets_sent",
        "node_network_receive_errs_total": "errin",
        "node_network_transmit_errs_total": "errout",
        "node_network_receive_drop_total": "dropin",
        "node_network_transmit_drop_total": "dropout",
    }
    for name, field in facts.items():
        rows = [({"device": nic}, float(getattr(counts, field))) for nic, counts in devices.items()]
        yield name, "counter", f"Network: {field}.", rows

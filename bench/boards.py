"""A thousand open boards on one web process: how long from a commit to each of them, and in how much memory.

    python bench/boards.py [--streams 1000] [--acts 20] [--waiting 10000]

Works on servers and data of its own. Readers and acts run here, in one process beside the web process,
so on a small machine they take some of the time that they measure.
"""

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from django.utils import timezone

from bench import office as offices
from bench import pages, places
from dispatch import flow
from dispatch.models import FileType, Queue

MARK = re.compile(rb"id: [^\n]*-(\d+)-\d+\n")


@dataclass(frozen=True)
class Result:
    streams: int
    acts: int
    p50: float  # seconds from commit to receipt
    p99: float
    longest: float
    frame_bytes: int
    megabytes_before: float  # resident memory of the web process
    megabytes: float


class Readers:
    """Open streams that note when which version came."""

    def __init__(self, host: str, port: int, path: str) -> None:
        self.host, self.port, self.path = host, port, path
        self.came: dict[int, list[float]] = {}
        self.frame_bytes = 0

    async def open(self, number: int) -> list[asyncio.Task[None]]:
        tasks = []
        for _ in range(number):
            reader, writer = await asyncio.open_connection(self.host, self.port)
            writer.write(f"GET {self.path} HTTP/1.1\r\nHost: {self.host}\r\nAccept: text/event-stream\r\n\r\n".encode())
            tasks.append(asyncio.create_task(self._read(reader, writer)))
        return tasks

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A frame has come when its blank line has."""
        with suppress(ConnectionError):
            while frame := await reader.readuntil(b"\n\n"):
                if found := MARK.search(frame):
                    self.came.setdefault(int(found[1]), []).append(time.time())
                    self.frame_bytes = len(frame)
        writer.close()

    async def got(self, version: int, number: int, *, patience: float = 10) -> list[float]:
        """When each of so many readers had this version or a later one."""
        deadline = time.time() + patience
        while time.time() < deadline:
            times = [at for came, times in self.came.items() if came >= version for at in times]
            if len(times) >= number:
                return times
            await asyncio.sleep(0.02)
        raise TimeoutError(f"version {version} came to {len(times)} of {number} boards in {patience:g} s")


def measure(*, streams: int, acts: int, waiting: int) -> Result:
    """On the bare database, with a web process of its own."""
    office = offices.make(f"boards-{os.getpid()}", people=12, now=timezone.now())
    offices.add_files(office, waiting, now=timezone.now())
    offices.settle()
    port = pages.free_port()
    with places.member("web", places.BARE, HOST="127.0.0.1", PORT=str(port)) as web:
        pages.await_port(port)
        path = f"/live/board/{office.team.slug}/?wall={office.team.queue.wall_secret}"
        before = _megabytes(web.pid)
        readers = Readers("127.0.0.1", port, path)
        times, after = asyncio.run(_watch(readers, office, streams=streams, acts=acts, pid=web.pid))
    p50, p99 = statistics.quantiles(times, n=100)[49], statistics.quantiles(times, n=100)[98]
    return Result(streams, acts, p50, p99, max(times), readers.frame_bytes, before, after)


async def _watch(
    readers: Readers, office: offices.Office, *, streams: int, acts: int, pid: int
) -> tuple[list[float], float]:
    tasks = await readers.open(streams)
    await readers.got(0, streams, patience=60)
    times: list[float] = []
    for number in range(acts):
        await asyncio.sleep(0.6 + number % 7 * 0.05)  # out of step with the looks
        readers.came.clear()
        version, committed_at = await asyncio.to_thread(_act, office, number)
        times += [at - committed_at for at in await readers.got(version, streams)]
    memory = _megabytes(pid)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return times, memory


def _act(office: offices.Office, number: int) -> tuple[int, float]:
    """A file comes in; the team's version after it, and the moment its transaction was in."""
    kind = FileType.objects.get(pk=office.types[0])
    flow.log(reference=f"LIVE-{os.getpid()}-{number}", file_type=kind, by=None, now=timezone.now())
    return Queue.objects.get(team=office.team).version, time.time()


def _megabytes(pid: int) -> float:
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(shown.stdout) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, number in (("streams", 1000), ("acts", 20), ("waiting", 10_000)):
        parser.add_argument(f"--{name}", type=int, default=number)
    asked = parser.parse_args()
    with places.own_servers():
        places.prepare()
        found = measure(**vars(asked))
    print(
        f"{found.streams} boards, {found.acts} changes, {found.frame_bytes / 1000:.1f} kB each: from commit to receipt "
        f"p50 {found.p50:.2f} s, p99 {found.p99:.2f} s, longest {found.longest:.2f} s; web process "
        f"{found.megabytes_before:.0f} MB before, {found.megabytes:.0f} MB with all"
    )


if __name__ == "__main__":
    main()

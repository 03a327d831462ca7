"""How `visavis serve` holds under load, as JSON: throughput with and without batching, stops, hang-ups.

    python benchmarks/serve_load.py runs/demo --seconds 60 --out results/serve-load.json

64 clients on loopback ask for one image each, again and again, from this process; the server is another.
"""

import argparse
import asyncio
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import visavis
from visavis.files import to_json, write_json

HOST = "127.0.0.1"
MOST_CLIENTS = 512
HANG_UPS = 1000


@dataclass
class Seen:
    """What the clients saw.  ``lost``: asked in full, never answered in full."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    lost: int = 0
    refused: int = 0
    """Connections that were not accepted."""

    def told(self, wall: float) -> dict[str, Any]:
        """The figures."""
        times = sorted(self.seconds) or [float("nan")]
        return {
            "answers": len(self.seconds),
            "statuses": self.statuses,
            "lost": self.lost,
            "per_second": round(len(self.seconds) / wall, 1),
            "p50_ms": round(1000 * statistics.median(times), 2),
            "p99_ms": round(1000 * times[int(0.99 * (len(times) - 1))], 2),
            "wall_seconds": round(wall, 2),
        }


class Server:
    """A `visavis serve` of its own process."""

    def __init__(self, run: str, *options: str) -> None:
        command = [sys.executable, "-m", "visavis", "serve", run, "--json", "--device", "cpu", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        text, depth = "", 0
        assert self.process.stdout is not None
        for line in self.process.stdout:
            text += line
            depth += line.count("{") - line.count("}")
            if not depth:
                break
        self.port = int(json.loads(text)["url"].rpartition(":")[2])

    def resident(self) -> int:
        """Bytes of memory that the process has now."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def counted(self) -> dict[str, float]:
        """What ``/metrics`` tells, by name with labels."""
        with urllib.request.urlopen(f"http://{HOST}:{self.port}/metrics", timeout=60) as answer:
            rows = answer.read().decode().splitlines()
        return {
            name: float(value)
            for name, _, value in (row.rpartition(" ") for row in rows if not row.startswith("#"))
        }

    def stop(self) -> int:
        """End it; its exit status."""
        self.process.terminate()
        return self.process.wait(60)


def asked(port: int, seed: int) -> bytes:
    """One request for one image."""
    body = json.dumps({"n": 1, "seed": seed}).encode()
    return (
        f"POST /v1/sample HTTP/1.1\r\nHost: {HOST}:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, bool, bytes]:
    """Status, whether the connection stays, and the body."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head[9:12])
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
    return status, b"connection: close" not in head, await reader.readexactly(length)


async def client(port: int, place: int, until: float, seen: Seen) -> None:
    """Ask until it is time; a connection is kept as long as the server keeps it."""
    seed, connection = place * 1_000_000, None
    while time.monotonic() < until:
        if connection is None:
            try:
                connection = await asyncio.open_connection(HOST, port)
            except OSError:
                seen.refused += 1
                return
        reader, writer = connection
        began, seed = time.monotonic(), seed + 1
        try:
            writer.write(asked(port, seed))
            await writer.drain()
            status, stays, _ = await answer(reader)
        except (OSError, asyncio.IncompleteReadError):
            seen.lost += 1
            return
        seen.seconds.append(time.monotonic() - began)
        seen.statuses[status] = seen.statuses.get(status, 0) + 1
        if not stays:
            writer.close()
            connection = None
    if connection is not None:
        connection[1].close()


async def load(port: int, clients: int, seconds: float) -> dict[str, Any]:
    """Clients that ask for so long."""
    seen, began = Seen(), time.monotonic()
    await asyncio.gather(*(client(port, i, began + seconds, seen) for i in range(clients)))
    return seen.told(time.monotonic() - began)


async def ended_under_load(
    server: Server, clients: int, seconds: float, how: signal.Signals
) -> dict[str, Any]:
    """A signal in the middle of the load.  After SIGTERM nothing that was accepted may be lost."""
    seen, began = Seen(), time.monotonic()
    work = [asyncio.create_task(client(server.port, i, began + 60, seen)) for i in range(clients)]
    await asyncio.sleep(seconds)
    server.process.send_signal(how)
    await asyncio.gather(*work)
    told = seen.told(time.monotonic() - began)
    return told | {
        "connections_refused": seen.refused,
        "exit": await asyncio.to_thread(server.process.wait, 60),
    }


async def hang_ups(port: int, count: int) -> None:
    """Clients that leave before the answer; every other one amid its request, in its head or in its body."""

    async def one(seed: int) -> None:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(HOST, port)
            request = asked(port, seed)
            sent = {1: len(request) // 2, 3: len(request) - 3}.get(seed % 4, len(request))
            writer.write(request[:sent])
            await writer.drain()
            writer.close()

    for first in range(0, count, 100):
        await asyncio.gather(*(one(first + i) for i in range(min(100, count - first))))


def processor() -> str:
    """What /proc/cpuinfo calls it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def sampled(first: dict[str, float], last: dict[str, float]) -> dict[int, int]:
    """Answers of /v1/sample by status between two looks at the metrics; 499: its client had left."""
    start = 'visavis_requests_total{path="/v1/sample",status="'
    return {
        int(name.removeprefix(start).rstrip('"}')): int(count - first.get(name, 0))
        for name, count in last.items()
        if name.startswith(start)
    }


def batched(run: str, clients: int, seconds: float) -> dict[str, Any]:
    """The load with batching, the memory before and after, and clients that leave.

    Warm is a server that has had a third of the load and clients that left: until then each thread, each
    size of batch and each connection gets its memory for the first time.
    """
    server = Server(run, "--port", "0")
    asyncio.run(load(server.port, clients, seconds / 3))
    asyncio.run(hang_ups(server.port, HANG_UPS))
    asyncio.run(load(server.port, clients, 2))
    before = server.resident()
    found = asyncio.run(load(server.port, clients, seconds))
    first = server.counted()
    asyncio.run(hang_ups(server.port, HANG_UPS))
    after_hang_ups = asyncio.run(load(server.port, clients, 2))
    after, last = server.resident(), server.counted()
    return found | {
        "resident_before": before,
        "resident_after": after,
        "resident_ratio": round(after / before, 3),
        "hang_ups": {
            "asked_in_full": HANG_UPS - HANG_UPS // 2,
            "asked_in_part": HANG_UPS // 2,
            "statuses": {
                status: count - after_hang_ups["statuses"].get(status, 0)
                for status, count in sampled(first, last).items()
            },
            "dropped": int(last["visavis_engine_dropped"] - first["visavis_engine_dropped"]),
        },
        f"after_{HANG_UPS}_hang_ups": after_hang_ups,
        "exit": server.stop(),
    }


def killed(run: str, clients: int, seconds: float) -> dict[str, Any]:
    """kill -9 in the middle of the load, and what a new server at the same port answers."""
    server = Server(run, "--port", "0")
    before = asyncio.run(ended_under_load(server, clients, seconds, signal.SIGKILL))
    began = time.monotonic()
    again = Server(run, "--port", str(server.port))
    back = time.monotonic() - began
    found = asyncio.run(load(again.port, clients, min(2, seconds)))
    return found | {"before": before, "back_after_seconds": round(back, 2), "exit": again.stop()}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--clients", type=int, default=64, help=f"1 to {MOST_CLIENTS}")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each load (at most 300)")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if not 1 <= given.clients <= MOST_CLIENTS:
        parser.error(f"--clients {given.clients} (allowed: 1 to {MOST_CLIENTS})")
    seconds = min(given.seconds, 300.0)
    short = min(5, seconds)
    on = batched(given.run, given.clients, seconds)
    server = Server(given.run, "--port", "0", "--batch", "1")
    asyncio.run(load(server.port, given.clients, min(2, seconds)))
    off = asyncio.run(load(server.port, given.clients, seconds)) | {"exit": server.stop()}
    server = Server(given.run, "--port", "0")
    stop = asyncio.run(ended_under_load(server, given.clients, short, signal.SIGTERM))
    result = {
        "run": given.run,
        "recipe": visavis.load(given.run).description.recipe.get("name"),
        "clients": given.clients,
        "batching": on,
        "no_batching": off,
        "ratio": round(on["per_second"] / off["per_second"], 2),
        "sigterm_under_load": stop,
        "after_kill_9": killed(given.run, given.clients, short),
        "record": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "torch": __import__("torch").__version__,
            "visavis": visavis.__version__,
            "date": time.strftime("%Y-%m-%d"),
        },
    }
    print(to_json(result, indent=2))
    if given.out is not None:
        write_json(given.out, result)


if __name__ == "__main__":
    main()

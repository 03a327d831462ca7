"""What every request passes: the key, the size of its body, its time, and what is counted of it."""

import asyncio
import base64
import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.responses import JSONResponse

from visavis.serve.engine import Engine
from visavis.serve.limits import Limits

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
OPEN = ("/health", "/ready")
"""What needs no key."""
ROUTES = ("/v1/sample", "/v1/translate", "/v1/reconstruct", "/v1/compare", "/v1/models")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "testserver")
PAGES = "/models/"
"""What a browser asks for: it can be asked for a key as a password, and a page may take long to be made."""


class Metrics:
    """What is counted, as Prometheus reads it."""

    def __init__(self, engine: Engine) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "visavis_requests", "Answers by path and status", ["path", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "visavis_request_seconds",
            "From a request's head to its answer's end",
            registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        waiting = Gauge("visavis_queue_jobs", "Jobs that wait", registry=self.registry)
        waiting.set_function(lambda: len(engine))
        for name, about in (
            ("jobs", "Jobs made"),
            ("batches", "Batches made"),
            ("images", "Images made"),
            ("dropped", "Jobs dropped, as their clients had left"),
            ("refused", "Jobs refused, as the queue was full"),
            ("failed", "Jobs that failed"),
            ("seconds", "Seconds spent making"),
        ):
            gauge = Gauge(f"visavis_engine_{name}", f"{about}, since the start", registry=self.registry)
            gauge.set_function(partial(_count, engine, name))


def _count(engine: Engine, name: str) -> float:
    return float(getattr(engine.told, name))


class BodyTooLargeError(Exception):
    """A body beyond the limit, found while it came."""


class Guard:
    """ASGI around the application.  ``draining``: answers close their connections, the door shuts soon."""

    def __init__(self, app: App, limits: Limits, key: str | None, local: bool, metrics: Metrics) -> None:
        self.app, self.limits, self.key, self.local, self.metrics = app, limits, key, local, metrics
        self.draining = False
        self.most = 2 * limits.upload_bytes + 100_000  # two pictures and what stands around them

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began, status = time.monotonic(), 0
        left = self.most

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise BodyTooLargeError
            return message

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self.draining:
                    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        try:
            refusal = self._refusal(scope)
            async with asyncio.timeout(None if _is_page(scope) else self.limits.seconds):
                await (refusal or self.app)(scope, counted, told)
        except BodyTooLargeError:
            if not status:
                await self._too_large()(scope, receive, told)
        except TimeoutError:
            if not status:
                text = f"this took more than {self.limits.seconds:g} s; ask for less"
                await _answer(503, text, {"Retry-After": "5"})(scope, receive, told)
        finally:
            path = scope["path"] if scope["path"] in (*ROUTES, *OPEN, "/metrics", "/") else "other"
            self.metrics.requests.labels(path, str(status)).inc()
            self.metrics.seconds.observe(time.monotonic() - began)

    def _refusal(self, scope: Scope) -> App | None:
        """The answer to a request that may not pass."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if self.local and host and host.rpartition(":")[0] not in LOOPBACK and host not in LOOPBACK:
            return _answer(403, "this service answers to its own machine only")
        if self.key is not None and scope["path"] not in OPEN and not self._knows(headers):
            text = "a key is needed: Authorization: Bearer KEY"
            way = (
                'Basic realm="visavis, the key as password", charset="UTF-8"' if _is_page(scope) else "Bearer"
            )
            return _answer(401, text, {"WWW-Authenticate": way})
        length = headers.get(b"content-length", "0")
        if length.isdecimal() and int(length) > self.most:
            return self._too_large()
        return None

    def _knows(self, headers: dict[bytes, str]) -> bool:
        way, _, told = headers.get(b"authorization", "").partition(" ")
        given = told or way or headers.get(b"x-api-key", "")
        sent = _password(told) if way.lower() == "basic" else given.encode("latin-1")
        return hmac.compare_digest(sent, (self.key or "").encode())

    def _too_large(self) -> App:
        text = f"the request is too large (allowed: {self.limits.upload_bytes} bytes a picture)"
        return _answer(413, text, {"Connection": "close"})


def _is_page(scope: Scope) -> bool:
    return scope["path"] == "/" or bool(scope["path"].startswith(PAGES))


def _password(told: str) -> bytes:
    """What a browser sends of a name and a password: the password."""
    try:
        return base64.b64decode(told, validate=True).partition(b":")[2]
    except ValueError:
        return b""


def _answer(status: int, text: str, headers: dict[str, str] | None = None) -> App:
    return JSONResponse({"detail": text}, status, headers)

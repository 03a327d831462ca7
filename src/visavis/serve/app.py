"""The service: models over HTTP, on FastAPI.

Needs the extra ``serve``.  Every request that makes something becomes a job of the :class:`Engine`.
"""

import asyncio
import concurrent.futures
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field

import visavis
from visavis.errors import UserError, unknown
from visavis.models.model import Model
from visavis.serve.answers import TYPES, Format
from visavis.serve.demo import Demo
from visavis.serve.engine import BusyError, ClosedError, Engine, Job
from visavis.serve.guard import Guard, Metrics
from visavis.serve.limits import Limits
from visavis.serve.uploads import TooLargeError, picture
from visavis.serve.work import compare_job, reconstruct_job, sample_job, translate_job

LARGEST_SEED = 2**53 - 1
"""What JSON's numbers and the page's hold exactly."""
GONE = 499
"""The status of a request whose client has left, for the log only."""


class SampleRequest(BaseModel):
    """What to make."""

    model_config = ConfigDict(extra="forbid", strict=True)
    model: str | None = Field(None, description="a name of /v1/models; by default the first")
    n: int = Field(1, ge=1, description="images of the seed")
    seed: int = Field(0, ge=0, le=LARGEST_SEED)
    seeds: list[Annotated[int, Field(ge=0, le=LARGEST_SEED)]] = Field(
        [], description="the first image of each of these, instead of n of one"
    )
    label: str | None = Field(None, description="a class, where the model is conditional; else all in turn")
    format: Format = "png"


class Compared(BaseModel):
    """A margin is above 0 where the first looks more real; a similarity is higher for what is more alike."""

    kind: str
    value: float


class Refusal(BaseModel):
    """Why not, in one line."""

    detail: str


class Served(BaseModel):
    """A model of the service."""

    name: str
    task: str
    abilities: list[str]
    channels: int
    resolution: int
    classes: list[str]
    conditional: bool
    images: int = Field(description="seen in training")
    recipe: str


FormFormat = Annotated[Format, Form(description="empty: png", json_schema_extra={"enum": [*TYPES, ""]})]
"""The format in a form, where what is empty is as if it were not there."""
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": about}
    for status, about in (
        (400, "No such form"),
        (401, "No key, or a wrong one"),
        (404, "No such model"),
        (413, "Too large"),
        (422, "Not understood, or beyond the model's abilities"),
        (429, "Too much to do; Retry-After says when to ask again"),
        (503, "Took too long, or stopping"),
    )
}
PICTURES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in TYPES.values()},
        "description": "A picture, a sheet, or an .npz",
    }
}


class Service:
    """The models by name, the engine, and what a request needs of both."""

    def __init__(self, models: Mapping[str, Model], limits: Limits) -> None:
        self.models, self.limits = dict(models), limits
        self.engine = Engine(limits.queue, limits.batch)
        self.accepting = True

    def model(self, name: str | None) -> tuple[str, Model]:
        """A model and its name; the first by default.  Raises :class:`MissingError`."""
        if name is None:
            name = next(iter(self.models))
        if name not in self.models:
            raise MissingError(str(unknown("model", name[:80], self.models)))
        return name, self.models[name]

    async def make(self, job: Job, request: Request) -> Any:
        """What a job comes to; the job is dropped if the client leaves or its time is over."""
        loop = asyncio.get_running_loop()
        made: asyncio.Future[Any] = loop.create_future()
        job.future.add_done_callback(lambda done: loop.call_soon_threadsafe(_hand_over, done, made))
        self.engine.submit(job)
        watch = loop.create_task(_until_left(request, made))
        try:
            return await made
        finally:
            job.dropped = not job.future.done()
            watch.cancel()

    def describe(self, name: str) -> Served:
        """A row of ``/v1/models``."""
        model = self.models[name]
        return Served(
            name=name,
            task=model.description.task,
            abilities=list(model.abilities),
            channels=model.shape.channels,
            resolution=model.shape.resolution,
            classes=list(model.classes),
            conditional=model.description.conditional,
            images=model.description.images,
            recipe=str(model.description.recipe.get("name", "")),
        )


class MissingError(UserError):
    """A model that is not served."""


class LeftError(Exception):
    """The client has left."""


def _hand_over(done: "concurrent.futures.Future[Any]", made: "asyncio.Future[Any]") -> None:
    """From the engine's thread to the one that answers, where somebody still waits."""
    if made.done():
        return
    if error := done.exception():
        made.set_exception(error)
    else:
        made.set_result(done.result())


async def _until_left(request: Request, made: "asyncio.Future[Any]") -> None:
    """Wait until the client leaves, and then nobody waits for what is made any longer."""
    try:
        while (await request.receive())["type"] != "http.disconnect":
            pass
    finally:
        if not made.done():
            made.set_exception(LeftError())


def create_app(
    models: Mapping[str, Model],
    limits: Limits | None = None,
    key: str | None = None,
    local: bool = True,
    runs: Mapping[str, Path] | None = None,
) -> "Application":
    """The service of ``models``; ``runs``: where they came from, for their pages.

    ``key``: what clients must know; ``local``: answer to names of this machine only.
    """
    service = Service(models, limits or Limits())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        service.accepting = False
        await asyncio.to_thread(service.engine.stop)

    app = FastAPI(
        title="visavis",
        version=visavis.__version__,
        description="Trained image generators: sample, translate, reconstruct, compare.",
        lifespan=lifespan,
        docs_url=None,  # their pages are fetched from elsewhere
        redoc_url=None,
    )
    metrics = Metrics(service.engine)
    _errors(app)
    _made(app, service)
    _told(app, service, metrics)
    _pages(app, {name: Demo(path, name) for name, path in (runs or {}).items()})
    return Application(Guard(app, service.limits, key, local, metrics), service, app)


class Application:
    """The ASGI application with what its starter needs of it."""

    def __init__(self, guard: Guard, service: Service, api: FastAPI) -> None:
        self.guard, self.service, self.api = guard, service, api

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection's request."""
        await self.guard(scope, receive, send)

    def drain(self) -> None:
        """From here on say that the service is leaving, while it still answers."""
        self.service.accepting = False
        self.guard.draining = True


def _errors(app: FastAPI) -> None:
    """Each mistake as one line, with the status that fits."""

    def refuse(status: int, request: Request, error: Exception) -> Response:
        headers = {"Retry-After": str(error.seconds)} if isinstance(error, BusyError) else None
        return JSONResponse({"detail": " ".join(str(error).split())}, status, headers)

    def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return JSONResponse({"detail": f"{place}: {first['msg']}"}, 422)

    for kind, status in ((UserError, 422), (MissingError, 404), (TooLargeError, 413), (BusyError, 429)):
        app.add_exception_handler(kind, partial(refuse, status))
    app.add_exception_handler(RequestValidationError, invalid)  # type: ignore[arg-type]  # its kind of error
    app.add_exception_handler(ClosedError, lambda request, error: _stopping())
    app.add_exception_handler(LeftError, lambda request, error: Response(status_code=GONE))


def _stopping() -> Response:
    return JSONResponse({"detail": "the service is stopping; ask again soon"}, 503, {"Retry-After": "5"})


def _made(app: FastAPI, service: Service) -> None:
    """What is made for a client."""
    limits = service.limits
    both = PICTURES | REFUSALS

    async def upload(given: UploadFile, name: str) -> Any:
        data = await given.read(limits.upload_bytes + 1)
        return await asyncio.to_thread(picture, data, name, limits)

    @app.post("/v1/sample", responses=both, response_class=Response)
    async def sample(asked: SampleRequest, request: Request) -> Response:
        """Images of a seed, or one of each of several seeds."""
        if max(asked.n, len(asked.seeds)) > limits.images:
            raise UserError(
                f"{max(asked.n, len(asked.seeds))} images (allowed: 1 to {limits.images}); ask for fewer"
            )
        name, model = service.model(asked.model)
        model.sample  # noqa: B018  # an absent ability is told first
        job = sample_job(model, name, asked.n, asked.seed, asked.seeds, asked.label, asked.format)
        return Response(await service.make(job, request), media_type=TYPES[asked.format])

    @app.post("/v1/translate", responses=both, response_class=Response)
    async def translate(
        request: Request,
        image: Annotated[UploadFile, File(description="PNG, JPEG or WebP")],
        model: Annotated[str | None, Form()] = None,
        direction: Annotated[str | None, Form(description="a-to-b or b-to-a")] = None,
        fit: Annotated[str | None, Form(description="tile, whole or resize")] = None,
        format: FormFormat = "png",
    ) -> Response:
        """What a translator makes of a picture."""
        name, chosen = service.model(model)
        chosen.translate  # noqa: B018
        job = translate_job(chosen, name, await upload(image, "image"), direction, fit, format)
        return Response(await service.make(job, request), media_type=TYPES[format])

    @app.post("/v1/reconstruct", responses=both, response_class=Response)
    async def reconstruct(
        request: Request,
        image: Annotated[UploadFile, File(description="PNG, JPEG or WebP")],
        model: Annotated[str | None, Form()] = None,
        label: Annotated[str | None, Form()] = None,
        format: FormFormat = "png",
    ) -> Response:
        """A picture through an autoencoder, at its resolution."""
        name, chosen = service.model(model)
        chosen.reconstruct  # noqa: B018
        job = reconstruct_job(chosen, name, await upload(image, "image"), label, format)
        return Response(await service.make(job, request), media_type=TYPES[format])

    @app.post("/v1/compare", responses=REFUSALS)
    async def compare(
        request: Request,
        a: Annotated[UploadFile, File(description="PNG, JPEG or WebP")],
        b: Annotated[UploadFile, File(description="PNG, JPEG or WebP")],
        model: Annotated[str | None, Form()] = None,
        label: Annotated[str | None, Form()] = None,
    ) -> Compared:
        """What a pair critic says of two pictures."""
        name, chosen = service.model(model)
        chosen.compare  # noqa: B018
        job = compare_job(chosen, name, await upload(a, "a"), await upload(b, "b"), label)
        return Compared(**await service.make(job, request))


def _told(app: FastAPI, service: Service, metrics: Metrics) -> None:
    """What is told of the service."""

    @app.get("/v1/models", responses={401: REFUSALS[401]})
    async def models() -> list[Served]:
        """The models that are served."""
        return [service.describe(name) for name in service.models]

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Whether the process lives."""
        return {"status": "ok"}

    @app.get("/ready", responses={503: REFUSALS[503]})
    async def ready() -> Response:
        """Whether it takes work."""
        return JSONResponse({"status": "ready"}) if service.accepting else _stopping()

    @app.get("/metrics", response_class=Response)
    async def counted() -> Response:
        """Counts for Prometheus."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _pages(app: FastAPI, pages: Mapping[str, Demo]) -> None:
    """The models' pages; made when they are first asked for."""
    names: Sequence[str] = list(pages)
    turn = asyncio.Lock()  # visitors of a page that is being made would take every thread

    @app.get("/", include_in_schema=False)
    async def root() -> Response:
        if not names:
            raise MissingError("no page here; see /v1/models")
        return RedirectResponse(f"/models/{names[0]}/")

    @app.get("/models/{name}/{path:path}", include_in_schema=False)
    async def page(name: str, path: str) -> Response:
        if name not in pages:
            raise MissingError(str(unknown("model", name[:80], pages)))
        async with turn:
            found = await asyncio.to_thread(pages[name].answer, f"/{path}")
        if found is None:
            raise MissingError(f"no '{path[:80]}' here")
        return Response(found.body, media_type=found.kind)

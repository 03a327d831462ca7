"""What hypothesis makes of the service's own OpenAPI, right and wrong: no answer is a server's error."""
# ruff: noqa: E402  # what may be absent is looked for first

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from small_models import autoencoder, both_ways, generator_and_critic

for package in ("fastapi", "multipart", "prometheus_client", "schemathesis"):
    pytest.importorskip(package, reason=f"{package} is not installed")

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

from visavis.serve.app import create_app
from visavis.serve.limits import Limits

SMALL = Limits(images=8, upload_bytes=20_000, pixels=10_000)
APPLICATION = create_app(
    {"digits": generator_and_critic(), "vae": autoencoder(), "cycle": both_ways()}, SMALL
)


@asynccontextmanager
async def _for_all_cases(app: object) -> AsyncIterator[None]:
    """Each case would start the application and stop it."""
    yield


APPLICATION.api.router.lifespan_context = _for_all_cases
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", APPLICATION)


@SCHEMA.parametrize()
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_nothing_that_is_asked_breaks_it(case: schemathesis.Case) -> None:
    case.call_and_validate(checks=[not_a_server_error])

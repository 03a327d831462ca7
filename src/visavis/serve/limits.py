"""What the service allows a client."""

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from visavis.core import Config


class Limits(Config):
    """Bounds of the service; what is beyond them is refused with a status that says so."""

    queue: PositiveInt = 256
    """Jobs that may wait; then 429."""
    batch: PositiveInt = 64
    """Images that are made at a time; 1: each request alone."""
    images: PositiveInt = 64
    """Images of one request."""
    upload_bytes: PositiveInt = 8_000_000
    pixels: PositiveInt = 16_000_000
    """Of an uploaded picture, as its head tells before anything is decoded."""
    seconds: PositiveFloat = 30.0
    """From a request's first byte to its answer."""
    drain_seconds: NonNegativeInt = 1
    """How long after SIGTERM answers still close their connections one by one, before the door shuts."""

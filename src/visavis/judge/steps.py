"""What a judgement is doing now, told to whoever wants to show it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

if TYPE_CHECKING:
    from visavis.metrics.features import Extractor


class Steps(Protocol):
    """Somebody who is told."""

    def begin(self, what: str, total: int | None = None) -> None:
        """Another step begins, of ``total`` images if that is known."""
        ...

    def advance(self, n: int) -> None:
        """So many images more are done in this step."""
        ...


class Silent:
    """Nobody is told."""

    def begin(self, what: str, total: int | None = None) -> None:
        """Say nothing."""

    def advance(self, n: int) -> None:
        """Say nothing."""


SILENT = Silent()


def counted(extractor: Extractor, steps: Steps) -> Extractor:
    """An extractor that tells how many images it has read."""
    if isinstance(steps, Silent):
        return extractor
    read = extractor.read

    def telling(x: Tensor) -> tuple[Tensor, Tensor | None]:
        found = read(x)
        steps.advance(len(x))
        return found

    return replace(extractor, read=telling)

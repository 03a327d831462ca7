"""A user's mistake, told in one line: what was given, what is allowed, how to mend it.  Imports no torch."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """A mistake that the user can mend; the command line prints it as one line and exits with 2."""


def unknown(what: str, given: str, allowed: Iterable[str]) -> UserError:
    """The error for a name in no table: ``unknown loss 'hing'; did you mean 'hinge'? (allowed: …)``."""
    names = [str(name) for name in allowed]
    close = get_close_matches(given, names, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return UserError(f"unknown {what} '{given}'; {hint}(allowed: {', '.join(names)})")

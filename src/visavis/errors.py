"""A user's mistake, told in one line: what was given, what is allowed, how to mend it.  Imports no torch."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

_SHOWN = 20
_FEW_MORE = 5  # rather shown than counted


class UserError(ValueError):
    """A mistake that the user can mend; the command line prints it as one line and exits with 2."""


def unknown(what: str, given: str, allowed: Iterable[str], mend: str = "") -> UserError:
    """The error for a name in no table: ``unknown loss 'hing'; did you mean 'hinge'? (allowed: …); mend``."""
    names = [str(name) for name in allowed]
    close = get_close_matches(given, names, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    last = f"; {mend}" if mend else ""
    return UserError(f"unknown {what} '{given}'{hint} (allowed: {listed(names)}){last}")


def listed(names: Collection[str]) -> str:
    """Names for one line of text: ``a, b, c``; of very many the first and how many there are."""
    if len(names) <= _SHOWN + _FEW_MORE:
        return ", ".join(names)
    return f"{', '.join(list(names)[:_SHOWN])}, … ({len(names)} in all)"

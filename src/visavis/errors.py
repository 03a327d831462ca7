"""A user's mistake, told in one line: what was given, what is allowed, how to mend it.  Imports no torch."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

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


def in_plain_words(mistake: Mapping[str, Any], path: str) -> str:
    """What pydantic says of a mistake in the field ``path``, for people who never heard of it."""
    kind, context = mistake["type"], mistake.get("ctx", {})
    if kind == "extra_forbidden":
        return "no such field; leave it out"
    if kind == "missing":
        return f"missing; give --{path}"
    if kind == "union_tag_not_found":
        return "its 'kind' is missing, which says what it is"
    if kind == "union_tag_invalid":
        tags = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
        return str(unknown("kind", str(context["tag"]), tags))
    if kind in ("model_type", "model_attributes_type", "dict_type", "mapping_type"):
        return f"takes fields, not a value; give them one by one, as in --{path}.FIELD VALUE"
    return str(mistake["msg"]).removeprefix("Value error, ")

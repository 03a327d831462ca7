"""Packages that only some users need: what to install, in one line."""

from importlib.util import find_spec

from visavis.errors import UserError


def need(extra: str, *packages: str) -> None:
    """Raise :class:`UserError` where one of ``packages`` is missing, which the extra ``extra`` installs."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise UserError(f"this needs {', '.join(missing)}; install it with: pip install 'visavis[{extra}]'")

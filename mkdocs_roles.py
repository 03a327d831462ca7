"""A hook of mkdocs: names in docstrings keep their code, and lose the role before it (``:class:``)."""

import re
from typing import Any

ROLE = re.compile(r":(?:func|class|meth|mod|data|attr):(?=<code>)")


def on_page_content(html: str, **_: Any) -> str:
    """The page without roles."""
    return ROLE.sub("", html)

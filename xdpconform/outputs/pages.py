# SPDX-License-Identifier: MIT
"""What every page shares: templates that escape, one style, and a policy that lets nothing else in.

Whatever a NIC, a recording or a profile says reaches a page as text.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from xdpconform.interfaces import shown

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def templates(package: str) -> Environment:
    """The templates of a package: each text is escaped, and made printable, on its way out."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(package, ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: shown(value) if type(value) is str else value,
        auto_reload=False,
    )


@cache
def stylesheet(package: str, name: str) -> str:
    """A style sheet after what all pages share, without comments."""
    base = (files("xdpconform.outputs") / "base.css").read_text(encoding="utf-8")
    text = base + (files(package) / name).read_text(encoding="utf-8")
    return re.sub(r"/\*.*?\*/\s*", "", text, flags=re.DOTALL).strip()


def policy(style: str, script: str = "") -> Markup:
    """The content security policy of a page that holds a style sheet, and at most one script.

    Source: https://www.w3.org/TR/CSP3/#grammardef-hash-source.
    """
    scripts = f" script-src '{_hash(script)}';" if script else ""
    return ours(
        f"default-src 'none'; style-src '{_hash(style)}';{scripts} base-uri 'none';"
        " form-action 'none'"
    )


def ours(text: str) -> Markup:
    """A text of our own, for a template to put into a page as it is."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - nothing of a stranger's


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"

# SPDX-License-Identifier: MIT
"""What a driver, a kernel or a folder is called on a page, in a link and as a file.

All of them are words of strangers: nothing in them leaves its folder, overwrites another's page
or runs.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from xdpconform.errors import InputError
from xdpconform.interfaces import shown
from xdpconform.profiles.kernel import KernelVersion

CLIPPED: Final = 80
"""Characters of a name in a table."""
_PLAIN: Final = re.compile(r"(?!xdp-)[a-z0-9][a-z0-9_.+-]{0,59}|XDP-[A-Z]{1,16}-[0-9]{1,4}")
_PARTS: Final = re.compile(r"[0-9]+|[^0-9]+")


@lru_cache(maxsize=4096)  # every cell asks
def page_name(*words: str) -> str:
    """The file name of a page, ``.html`` included; two things never share one.

    What is plain stays as it is. All else gets a digest behind ``~``, which no plain name has.
    Plain names differ in more than case, for the sake of file systems that do not tell it apart.
    """
    filled = [word for word in words if word]
    if len(filled) == 1 and _PLAIN.fullmatch(filled[0]) and words[0]:
        return f"{filled[0]}.html"
    digest = sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    slug = re.sub(r"[^a-z0-9]+", "-", "-".join(filled)[:40].lower()).strip("-")
    return f"{slug}~{digest}.html"


def driver_label(driver: str, variant: str) -> str:
    """A driver and its variant, as profiles are named: ``tun:TAP``."""
    name = driver or "unknown driver"
    return f"{name}:{variant}" if variant else name


def clipped(text: str, length: int = CLIPPED) -> str:
    """Text of a stranger, fit for a page: no control characters, and not too long."""
    # What is cut first need not be escaped.
    text = shown(text[: length + 1])
    return text if len(text) <= length else f"{text[: length - 1]}…"


def href(path: str, start: str) -> str:
    """A link from a folder to a file, right also from ``file://``."""
    return quote(os.fsencode(os.path.relpath(path, start)), safe="/")


def kernel_order(release: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts releases by their numbers: 6.8 before 6.12, and 6.12-rc1 before 6.12."""
    key = [
        # By length first: numbers of any size, without reading them.
        (2, len(digits := part.lstrip("0")), digits)
        if part[0].isdigit()
        else (0 if part.startswith("-rc") else 3, 0, part)
        for part in _PARTS.findall(release)
    ]
    return (*key, (1, 0, ""))


def series(release: str) -> str:
    """The first two numbers of a release: ``6.12``."""
    try:
        return str(KernelVersion.parse(release))
    except InputError:
        return "other"

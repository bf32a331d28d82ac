# SPDX-License-Identifier: MIT
"""The kernel selftests' way to name a NIC: NETIF, in the environment or in net.config.

tools/testing/selftests/drivers/net/README.rst: the environment wins over the file. A kernel lab
sets NETIF for everything it runs; only a run of our suites may act on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from xdpconform.errors import InputError

SIZE_LIMIT = 1 << 16


def netif(environment: Mapping[str, str], config: Path) -> list[str]:
    """The NIC that NETIF names; none if nothing does.

    Raises:
        InputError: net.config is there and cannot be read.
    """
    if environment.get("NETIF"):
        return [environment["NETIF"]]
    try:
        if not config.is_file():
            return []
        with config.open(encoding="utf-8", errors="surrogateescape") as file:
            text = file.read(SIZE_LIMIT)
    except OSError as error:
        raise InputError(f"{config}: cannot be read: {error.strerror}") from error
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip() == "NETIF" and value.strip():
            return [value.partition(" #")[0].strip().strip("\"'")]
    return []


def suites_folder() -> Path:
    """Where the shipped suites are: in the package, or in a checkout beside it."""
    package = Path(__file__).parent
    installed = package / "suites"
    return installed if installed.is_dir() else package.parent / "suites"


def about_suites(words: Iterable[str], folder: Path) -> bool:
    """Whether pytest's words name the shipped suites, or the checkout that they stand in."""
    suites = suites_folder().resolve()
    checkout = () if suites.parent == Path(__file__).resolve().parent else (suites.parent,)
    for word in words:
        name = word.partition("::")[0]
        path = (folder / name).resolve()
        if f"{name}.".startswith("xdpconform.suites.") or path in (suites, *checkout):
            return True
        if suites in path.parents:
            return True
    return False

# SPDX-License-Identifier: MIT
"""The kernel selftests' way to name a NIC: NETIF, in the environment or in net.config.

tools/testing/selftests/drivers/net/README.rst: the environment wins over the file.
"""

from __future__ import annotations

from collections.abc import Mapping
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
            return [value.strip().strip("\"'")]
    return []

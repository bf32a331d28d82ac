# SPDX-License-Identifier: MIT
"""The kernel selftests' way to name a NIC and its peer, in the environment or in net.config.

tools/testing/selftests/drivers/net/README.rst: the environment wins over the file. A kernel lab
sets NETIF for everything it runs; only a run of our suites may act on it, and on REMOTE_TYPE only
one that sends frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from xdpconform.errors import InputError

SIZE_LIMIT = 1 << 16

TYPES = ("netns", "ssh")
"""What REMOTE_TYPE can be."""


class Remote(NamedTuple):
    """The other end of the NIC's cable, as the selftests' names describe it."""

    type: str
    """REMOTE_TYPE: ``netns``, a network namespace of this host"""
    args: str
    """REMOTE_ARGS: the namespace's name"""
    v4: str | None = None
    """REMOTE_V4: an address of the interface there"""
    v6: str | None = None
    """REMOTE_V6"""
    local_v4: str | None = None
    """LOCAL_V4: an address of the NIC"""
    local_v6: str | None = None
    """LOCAL_V6"""


def netif(environment: Mapping[str, str], config: Path) -> list[str]:
    """The NIC that NETIF names; none if nothing does.

    Raises:
        InputError: net.config is there and cannot be read.
    """
    if environment.get("NETIF"):
        return [environment["NETIF"]]
    name = _read(config).get("NETIF")
    return [name] if name else []


def remote(environment: Mapping[str, str], config: Path) -> Remote | None:
    """The other end that REMOTE_TYPE and its kin name; None where nothing does.

    Args:
        environment: what counts before the file.
        config: net.config, which need not be there.

    Raises:
        InputError: net.config cannot be read, or the names do not fit together.
    """
    given = _read(config) | {name: value for name, value in environment.items() if value}
    kind = given.get("REMOTE_TYPE")
    if not kind:
        return None
    if kind == "ssh":
        raise InputError(
            "REMOTE_TYPE=ssh: a peer at another host cannot be used yet; it comes with remote"
            " hosts. What works now: REMOTE_TYPE=netns with REMOTE_ARGS=NAME of a network"
            " namespace, --peer IFNAME for a second port of this host, or --loopback"
        )
    if kind not in TYPES:
        raise InputError(f"REMOTE_TYPE={kind}: it is one of {', '.join(TYPES)}")
    if not given.get("REMOTE_ARGS"):
        raise InputError(
            "REMOTE_TYPE=netns without REMOTE_ARGS: give the name of the network namespace, one of"
            " those that `ip netns` lists"
        )
    return Remote(
        kind,
        given["REMOTE_ARGS"],
        _address(given, "REMOTE_V4", 4),
        _address(given, "REMOTE_V6", 6),
        _address(given, "LOCAL_V4", 4),
        _address(given, "LOCAL_V6", 6),
    )


def _address(given: Mapping[str, str], name: str, version: int) -> str | None:
    from ipaddress import ip_address

    text = given.get(name)
    if not text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        address = None
    if address is None or address.version != version:
        raise InputError(f"{name}={text}: an IPv{version} address is needed, without a length")
    return str(address)


def _read(config: Path) -> dict[str, str]:
    """The names of net.config; the first that is not empty counts of each."""
    try:
        if not config.is_file():
            return {}
        with config.open(encoding="utf-8", errors="surrogateescape") as file:
            text = file.read(SIZE_LIMIT)
    except OSError as error:
        raise InputError(f"{config}: cannot be read: {error.strerror}") from error
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and value.strip():
            found.setdefault(key.strip(), value.partition(" #")[0].strip().strip("\"'"))
    return found


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

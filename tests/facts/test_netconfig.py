# SPDX-License-Identifier: MIT
"""NETIF and REMOTE_TYPE: the kernel selftests' way to name a NIC and its peer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from xdpconform.errors import InputError
from xdpconform.netconfig import SIZE_LIMIT, Remote, netif, remote

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("environment", "text", "wanted"),
    [
        ({}, None, []),
        ({}, "", []),
        ({"NETIF": "eth1"}, None, ["eth1"]),
        ({"NETIF": "eth1"}, "NETIF=eth2\n", ["eth1"]),
        ({"NETIF": ""}, "NETIF=eth2\n", ["eth2"]),
        ({"netif": "eth1"}, None, []),
        ({}, "NETIF=eth2", ["eth2"]),
        ({}, "  NETIF  =  eth2  \n", ["eth2"]),
        ({}, 'NETIF="eth2"\n', ["eth2"]),
        ({}, "NETIF='eth2'\n", ["eth2"]),
        ({}, "NETIF=eth2\r\nREMOTE_TYPE=ssh\r\n", ["eth2"]),
        ({}, "REMOTE_TYPE=ssh\nNETIF=eth2\nNETIF=eth3\n", ["eth2"]),
        ({}, "NETIF=\nNETIF=eth3\n", ["eth3"]),
        ({}, "#NETIF=eth2\n", []),
        ({}, "NETIFS=eth2\nXNETIF=eth3\n", []),
        ({}, "NETIF eth2\n", []),
        ({}, "NETIF=a=b\n", ["a=b"]),
        ({}, "#" * SIZE_LIMIT + "\nNETIF=eth2\n", []),
    ],
)
def test_netif(
    tmp_path: Path, environment: dict[str, str], text: str | None, wanted: list[str]
) -> None:
    """The environment goes before net.config, whose first NETIF that is not empty counts."""
    config = tmp_path / "net.config"
    if text is not None:
        config.write_bytes(text.encode())
    assert wanted == netif(environment, config)


def test_not_utf8(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 come as argv would give them."""
    config = tmp_path / "net.config"
    config.write_bytes(b"# \xff\nNETIF=b\xffr\n")
    assert ["b\udcffr"] == netif({}, config)


def test_folder(tmp_path: Path) -> None:
    """A folder of that name is no file to read."""
    (tmp_path / "net.config").mkdir()
    assert [] == netif({}, tmp_path / "net.config")


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is there and cannot be read is an error that names it."""
    config = tmp_path / "net.config"
    config.write_text("NETIF=eth2")

    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(config), "open", refuse)
    with pytest.raises(InputError) as caught:
        netif({}, config)
    assert f"{config}: cannot be read: Permission denied" == str(caught.value)


NETNS = {"REMOTE_TYPE": "netns", "REMOTE_ARGS": "far"}


@pytest.mark.parametrize(
    ("environment", "text", "wanted"),
    [
        ({}, None, None),
        ({}, "NETIF=eth2\nREMOTE_V4=10.0.0.2\n", None),
        ({"REMOTE_TYPE": ""}, None, None),
        (NETNS, None, Remote("netns", "far")),
        ({}, "REMOTE_TYPE=netns\nREMOTE_ARGS='far'\n", Remote("netns", "far")),
        (NETNS, "REMOTE_TYPE=ssh\nREMOTE_ARGS=root@host\n", Remote("netns", "far")),
        ({"REMOTE_ARGS": "far"}, "REMOTE_TYPE=netns\nREMOTE_ARGS=x\n", Remote("netns", "far")),
        ({"REMOTE_ARGS": ""}, "REMOTE_TYPE=netns\nREMOTE_ARGS=x\n", Remote("netns", "x")),
        (
            NETNS | {"REMOTE_V4": "10.0.0.2", "LOCAL_V6": "FD00:0::1"},
            "REMOTE_V6=fd00::2 # there\nLOCAL_V4=10.0.0.1\n",
            Remote("netns", "far", "10.0.0.2", "fd00::2", "10.0.0.1", "fd00::1"),
        ),
    ],
)
def test_remote(
    tmp_path: Path, environment: dict[str, str], text: str | None, wanted: Remote | None
) -> None:
    """The peer is read from the environment, then from net.config; without a type there is none."""
    config = tmp_path / "net.config"
    if text is not None:
        config.write_text(text)
    assert wanted == remote(environment, config)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (
            {"REMOTE_TYPE": "ssh", "REMOTE_ARGS": "root@host"},
            (
                "REMOTE_TYPE=ssh: a peer at another host cannot be used yet; it comes with remote"
                " hosts. What works now: REMOTE_TYPE=netns with REMOTE_ARGS=NAME of a network"
                " namespace, --peer IFNAME for a second port of this host, or --loopback"
            ),
        ),
        ({"REMOTE_TYPE": "telnet"}, "REMOTE_TYPE=telnet: it is one of netns, ssh"),
        (
            {"REMOTE_TYPE": "netns"},
            (
                "REMOTE_TYPE=netns without REMOTE_ARGS: give the name of the network namespace,"
                " one of those that `ip netns` lists"
            ),
        ),
        (
            NETNS | {"REMOTE_V4": "10.0.0.2/24"},
            "REMOTE_V4=10.0.0.2/24: an IPv4 address is needed, without a length",
        ),
        (
            NETNS | {"LOCAL_V6": "10.0.0.2"},
            "LOCAL_V6=10.0.0.2: an IPv6 address is needed, without a length",
        ),
    ],
)
def test_remote_refused(tmp_path: Path, environment: dict[str, str], expected: str) -> None:
    """What cannot be a peer is refused, with what can."""
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        remote(environment, tmp_path / "net.config")

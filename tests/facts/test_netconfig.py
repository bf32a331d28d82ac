# SPDX-License-Identifier: MIT
"""NETIF: the kernel selftests' way to name a NIC."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from xdpconform.errors import InputError
from xdpconform.netconfig import SIZE_LIMIT, netif

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

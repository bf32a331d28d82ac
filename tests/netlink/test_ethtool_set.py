# SPDX-License-Identifier: MIT
"""Requests of the ethtool family that change a device, byte for byte."""

from __future__ import annotations

import re

import pytest

from xdpconform.errors import InputError
from xdpconform.netlink.ethtool_set import channels_set, features_set
from xdpconform.netlink.genl import Family
from xdpconform.netlink.transaction import Request

ETHTOOL = Family(21, "ethtool", 1, {}, {})
HEADER = "1400 0180 0800 0100 07000000 0800 0300 02000000"  # ifindex 7, no reply
REQUESTS: dict[str, tuple[Request, str, str]] = {
    "one-feature-on": (
        features_set(ETHTOOL, 7, {"rx-gro": True}),
        "ethtool features-set rx-gro on",
        "0c010000" + HEADER + "1c00 0380 1800 0380 1400 0180 0b00 0200 72782d67726f00 00 0400 0300",
    ),
    "features-in-order": (
        features_set(ETHTOOL, 7, {"rx-gro": True, "loopback": False}),
        "ethtool features-set loopback off, rx-gro on",
        "0c010000" + HEADER + "3000 0380 2c00 0380"
        "1400 0180 0d00 0200 6c6f6f706261636b00 000000"
        "1400 0180 0b00 0200 72782d67726f00 00 0400 0300",
    ),
    "one-kind-of-channels": (
        channels_set(ETHTOOL, 7, combined=4),
        "ethtool channels-set combined-count 4",
        "12010000" + HEADER + "0800 0900 04000000",
    ),
    "every-kind-of-channels": (
        channels_set(ETHTOOL, 7, rx=1, tx=2, other=3, combined=0),
        "ethtool channels-set rx-count 1, tx-count 2, other-count 3, combined-count 0",
        "12010000" + HEADER + "0800 0600 01000000 0800 0700 02000000"
        "0800 0800 03000000 0800 0900 00000000",
    ),
}


@pytest.mark.parametrize(("request_", "what", "data"), REQUESTS.values(), ids=REQUESTS)
def test_request(request_: Request, what: str, data: str) -> None:
    """A request is acknowledged, has no reply, and the bytes that ethtool netlink asks for."""
    assert (what, 21, 4) == (request_.what, request_.type, request_.flags)
    assert bytes.fromhex(data) == request_.payload


def test_nothing_to_set() -> None:
    """A request that would change nothing is refused before it is sent."""
    for make, expected in (
        (lambda: features_set(ETHTOOL, 7, {}), "features-set: name at least one feature"),
        (
            lambda: channels_set(ETHTOOL, 7),
            "channels-set: give a number of rx, tx, other or combined queues",
        ),
    ):
        with pytest.raises(InputError, match=f"^ethtool {re.escape(expected)}$"):
            make()

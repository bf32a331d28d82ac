# SPDX-License-Identifier: MIT
"""What an AF_XDP socket's error says."""

from __future__ import annotations

import errno

import pytest

from xdpconform.probes.xsk import XskError

TEXTS = [
    (
        (errno.EPERM, "socket", 0.0),
        (
            "eth1 queue 3: AF_XDP socket: the kernel said EPERM (Operation not permitted);"
            " needs root (CAP_NET_RAW)"
        ),
    ),
    (
        (errno.EBUSY, "bind", 1.04),
        (
            "eth1 queue 3: AF_XDP bind: the kernel said EBUSY (Device or resource busy) for 1.0 s;"
            " another socket has this queue, or its memory is somebody's: close it"
            " (ss --xdp -ap shows who)"
        ),
    ),
    (
        (errno.EOPNOTSUPP, "bind", 0.0),
        (
            "eth1 queue 3: AF_XDP bind: the kernel said EOPNOTSUPP (Operation not supported);"
            " the driver has no zero copy, or not of frames in several buffers: claims xsk-zerocopy"
            " and xdp-zc-max-segs say so"
        ),
    ),
    (
        (errno.ENETDOWN, "send", 0.0),
        (
            "eth1 queue 3: AF_XDP send: the kernel said ENETDOWN (Network is down);"
            " switch the interface on (ip link set up)"
        ),
    ),
    (
        (errno.EIO, "bind", 0.0),
        "eth1 queue 3: AF_XDP bind: the kernel said EIO (Input/output error)",
    ),
]


@pytest.mark.parametrize(("given", "expected"), TEXTS)
def test_text(given: tuple[int, str, float], expected: str) -> None:
    """It says where, at which step, what the kernel said, and what to do where that is known."""
    code, step, waited = given

    assert expected == str(XskError(code, step, "eth1", 3, waited=waited))

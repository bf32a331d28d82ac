# SPDX-License-Identifier: MIT
"""What iproute2 does not do: GRO on and off, in a namespace."""

from __future__ import annotations

import fcntl
import socket
import struct
from array import array

from xdpconform.sources import Kernel
from xdpconform.sources.kernel import SIOCETHTOOL

ETHTOOL_SGRO = 0x2C  # include/uapi/linux/ethtool.h


def set_gro(netns: str, ifname: str, *, on: bool) -> None:
    """Like ``ethtool -K IFNAME gro on``."""
    value = array("B", struct.pack("=II", ETHTOOL_SGRO, on))  # struct ethtool_value
    request = struct.pack("16sP", ifname.encode(), value.buffer_info()[0])

    def switch() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            fcntl.ioctl(sock, SIOCETHTOOL, request)

    with Kernel(netns) as kernel:
        kernel.within(switch)

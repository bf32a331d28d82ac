# SPDX-License-Identifier: MIT
"""Testbeds: namespaces, ports, wires and frames, and what is changed comes back."""

from xdpconform.probes.testbed.frames import Frames
from xdpconform.probes.testbed.namespace import Namespace
from xdpconform.probes.testbed.port import Port
from xdpconform.probes.testbed.settings import Settings
from xdpconform.probes.testbed.testbed import Aside, Testbed
from xdpconform.probes.testbed.wire import PacketWire, TapWire, Wire

__all__ = [
    "Aside",
    "Frames",
    "Namespace",
    "PacketWire",
    "Port",
    "Settings",
    "TapWire",
    "Testbed",
    "Wire",
]

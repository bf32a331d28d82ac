# SPDX-License-Identifier: MIT
"""Kernels made of values, with any NIC and any misbehaviour: an oracle for the decoder."""

from xdpconform.mock.age import Age
from xdpconform.mock.fault import Fault, Outcome
from xdpconform.mock.faults import FAULTS, fault_named
from xdpconform.mock.kernel import MockChannel, MockKernel
from xdpconform.mock.nic import Channels, Claims, DrvInfo, Features, MockNic
from xdpconform.mock.specs import mock_of, parse

__all__ = [
    "FAULTS",
    "Age",
    "Channels",
    "Claims",
    "DrvInfo",
    "Fault",
    "Features",
    "MockChannel",
    "MockKernel",
    "MockNic",
    "Outcome",
    "fault_named",
    "mock_of",
    "parse",
]

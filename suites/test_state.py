# SPDX-License-Identifier: MIT
"""What the NIC claims while a program comes and goes, and while other things change."""

from __future__ import annotations

import pytest

from xdpconform.judge import attach
from xdpconform.nic import FLAGS, Nic
from xdpconform.plugin import Certify
from xdpconform.probes.attach import around, change
from xdpconform.probes.bench import Bench
from xdpconform.profiles import Match

EVERY_FLAG = [name for names in FLAGS.values() for name in names]


@pytest.mark.requirement("XDP-STATE-01", level="attach")
@pytest.mark.parametrize("flag", EVERY_FLAG)
def test_attached(
    certify: Certify, nic: Nic, profile: Match | None, bench: Bench, flag: str
) -> None:
    """While a native program is attached, the driver claims what it should.

    Many drivers claim ndo-xmit only then. Source: net/core/xdp.c, xdp_set_features_flag.
    """
    certify(attach.claims_attached(nic, profile, bench.see(around), flag))


@pytest.mark.requirement("XDP-STATE-02", level="attach")
def test_segments_attached(certify: Certify, nic: Nic, profile: Match | None, bench: Bench) -> None:
    """While a native program is attached, xdp-zc-max-segs is what it should be.

    Source: Documentation/networking/af_xdp.rst.
    """
    certify(attach.claims_attached(nic, profile, bench.see(around)))


@pytest.mark.requirement("XDP-STATE-03", level="attach")
def test_change_told(certify: Certify, bench: Bench) -> None:
    """A listener on the group mgmt is told of each change of claims that a program brings.

    The last notification says what is claimed in the end. Source: net/core/xdp.c,
    xdp_set_features_flag, and net/core/netdev-genl.c, netdev_genl_dev_notify.
    """
    certify(attach.change_told(bench.see(around)))


@pytest.mark.requirement("XDP-STATE-04", level="attach")
@pytest.mark.parametrize("what", ["link", "gro", "mtu"])
def test_unchanged(
    certify: Certify, nic: Nic, profile: Match | None, bench: Bench, what: str
) -> None:
    """The claims are right while the link goes down and up, GRO is switched and the MTU changes.

    Everything is as before afterwards. Source: net/core/xdp.c, xdp_set_features_flag, and its
    callers.
    """
    certify(attach.unchanged(nic, profile, bench.see(change, what)))


@pytest.mark.requirement("XDP-STATE-05", level="attach")
def test_restored(certify: Certify, bench: Bench) -> None:
    """After a program has come and gone everything is as it was.

    Claims, MTU, features, channels, promiscuity: what the kernel shows of the NIC. Source:
    net/core/dev.c, dev_xdp_detach_link.
    """
    certify(attach.restored(bench.see(around)))

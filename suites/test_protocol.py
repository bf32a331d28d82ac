# SPDX-License-Identifier: MIT
"""The netdev family answers as Documentation/netlink/specs/netdev.yaml says."""

from __future__ import annotations

import errno

import pytest

from xdpconform.judge import lifecycle, protocol
from xdpconform.nic import Nic
from xdpconform.plugin import Certify


@pytest.mark.requirement("XDP-PROTO-01")
def test_family(certify: Certify, nic: Nic) -> None:
    """The kernel has the generic netlink family netdev, version 1.

    It lists dev-get as do and as dump, and the multicast group mgmt. Source:
    net/core/netdev-genl-gen.c.
    """
    certify(protocol.family(nic))


@pytest.mark.requirement("XDP-PROTO-02")
def test_one_reply(certify: Certify, nic: Nic) -> None:
    """dev-get of one device is answered by one message about that device.

    Source: net/core/netdev-genl.c, netdev_nl_dev_get_doit.
    """
    certify(protocol.one_reply(nic))


@pytest.mark.requirement("XDP-PROTO-03")
def test_attributes(certify: Certify, nic: Nic) -> None:
    """Every attribute that must be in a device's reply is there once, also with the value 0.

    These are ifindex and xdp-features, from Linux 6.7 on xdp-rx-metadata-features, and from 6.8 on
    xsk-features. Source: net/core/netdev-genl.c, netdev_nl_dev_fill.
    """
    certify(protocol.attributes(nic))


@pytest.mark.requirement("XDP-PROTO-04")
def test_dump_agrees(certify: Certify, nic: Nic) -> None:
    """The dump of all devices lists the device once, with the same claims.

    Source: net/core/netdev-genl.c, netdev_nl_dev_get_dumpit.
    """
    certify(protocol.dump_agrees(nic))


@pytest.mark.requirement("XDP-PROTO-05")
def test_acknowledgement(certify: Certify, nic: Nic) -> None:
    """A request with NLM_F_ACK is answered first and then acknowledged with error 0.

    Source: net/netlink/af_netlink.c, netlink_rcv_skb.
    """
    certify(protocol.acknowledged(nic))


@pytest.mark.requirement("XDP-PROTO-06")
def test_no_such_device(certify: Certify, nic: Nic) -> None:
    """dev-get of an ifindex that no device has is refused with ENODEV.

    Source: net/core/netdev-genl.c, netdev_nl_dev_get_doit.
    """
    certify(protocol.refused(nic, "no-such-device", errno.ENODEV))


@pytest.mark.requirement("XDP-PROTO-07")
def test_ifindex_range(certify: Certify, nic: Nic) -> None:
    """dev-get of ifindex 0 is refused with ERANGE, and the error points at ifindex.

    The specification gives ifindex a minimum of 1. Source: netdev.yaml, attribute-set dev.
    """
    certify(protocol.refused(nic, "ifindex-0", errno.ERANGE, attribute="ifindex"))


@pytest.mark.requirement("XDP-PROTO-08")
def test_ifindex_missing(certify: Certify, nic: Nic) -> None:
    """dev-get without ifindex is refused with EINVAL, and the error names ifindex.

    The extended acknowledgement carries NLMSGERR_ATTR_MISS_TYPE. Source:
    net/core/netdev-genl.c, GENL_REQ_ATTR_CHECK.
    """
    certify(protocol.refused(nic, "no-ifindex", errno.EINVAL, missing="ifindex"))


@pytest.mark.requirement("XDP-PROTO-09")
@pytest.mark.parametrize("question", ["ifindex-16-bit", "ifindex-64-bit"])
def test_ifindex_width(certify: Certify, nic: Nic, question: str) -> None:
    """dev-get with an ifindex that is not 32 bits wide is refused with EINVAL.

    The error points at ifindex. Source: lib/nlattr.c, validate_nla.
    """
    certify(protocol.refused(nic, question, errno.EINVAL, attribute="ifindex"))


@pytest.mark.requirement("XDP-PROTO-10")
def test_unknown_attribute(certify: Certify, nic: Nic) -> None:
    """dev-get with an attribute that it does not know is refused with EINVAL.

    The error points at that attribute. Source: lib/nlattr.c, __nla_validate_parse.
    """
    certify(protocol.refused(nic, "unknown-attribute", errno.EINVAL, attribute="attribute 200"))


@pytest.mark.requirement("XDP-PROTO-11")
@pytest.mark.parametrize("question", ["reserved-flag", "reserved-header"])
def test_reserved_bits(certify: Certify, nic: Nic, question: str) -> None:
    """A request with reserved bits set is refused with EINVAL.

    Reserved are nlmsg_flags that mean nothing here, and the reserved field of genlmsghdr. Source:
    net/netlink/genetlink.c, genl_header_check.
    """
    certify(protocol.refused(nic, question, errno.EINVAL))


@pytest.mark.requirement("XDP-PROTO-12")
@pytest.mark.parametrize("question", ["unknown-command", "notification"])
def test_unknown_command(certify: Certify, nic: Nic, question: str) -> None:
    """A command that is none, or that is a notification, is refused with EOPNOTSUPP.

    Source: net/netlink/genetlink.c, genl_family_rcv_msg.
    """
    certify(protocol.refused(nic, question, errno.EOPNOTSUPP))


@pytest.mark.requirement("XDP-PROTO-13")
def test_life_is_told(certify: Certify, nic: Nic) -> None:
    """A listener on the group mgmt is told of each device that comes and goes.

    dev-add-ntf and dev-del-ntf carry the attributes of dev-get. Seen with a veth pair in a network
    namespace made for it. Source: net/core/netdev-genl.c, netdev_genl_netdevice_event.
    """
    certify(lifecycle.life(nic))


@pytest.mark.requirement("XDP-PROTO-14")
def test_change_is_told(certify: Certify, nic: Nic) -> None:
    """A listener on the group mgmt is told when a device's xdp-features change.

    The last notification about a device says what dev-get says of it. Seen with a veth pair in a
    network namespace made for it. Source: net/core/xdp.c, xdp_set_features_flag.
    """
    certify(lifecycle.change(nic))

# SPDX-License-Identifier: MIT
"""The rest of rtnetlink's links: a port's state and counters, and the requests that change it.

Numbers from include/uapi/linux/if_link.h, behaviour from net/core/rtnetlink.c. A request here is
also what an undo is made of: it says all that it needs, and its answer is an acknowledgement only.
"""

from __future__ import annotations

from struct import Struct

from xdpconform.errors import InputError, WireError
from xdpconform.netlink.constants import NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL
from xdpconform.netlink.rtnl import (
    IFF_UP,
    IFINFOMSG,
    IFLA_IFNAME,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINKINFO,
    IFLA_MTU,
    IFLA_XDP,
    IFLA_XDP_ATTACHED,
    IFNAMSIZ,
    LINK_NAMES,
    RTM_GETLINK,
    RTM_NEWLINK,
    VETH_INFO_PEER,
    XDP_ATTACHED,
)
from xdpconform.netlink.transaction import Request
from xdpconform.netlink.tuples import NamedTuple
from xdpconform.netlink.wire import (
    U8,
    U32,
    Attribute,
    Message,
    pull_attributes,
    pull_number,
    pull_string,
    push_attribute,
    push_string,
    push_u32,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

RTM_SETLINK: Final = 19
RTM_NEWNSID: Final = 88
RTGENMSG: Final = Struct("=Bxxx")  # rtgen_family, aligned

NETNSA_NSID: Final = 1  # include/uapi/linux/net_namespace.h
NETNSA_FD: Final = 3

IFLA_ADDRESS: Final = 1
IFLA_OPERSTATE: Final = 16
IFLA_NET_NS_PID: Final = 19
IFLA_AF_SPEC: Final = 26
IFLA_NET_NS_FD: Final = 28
IFLA_PROMISCUITY: Final = 30
IFLA_NUM_TX_QUEUES: Final = 31
IFLA_NUM_RX_QUEUES: Final = 32
IFLA_CARRIER: Final = 33
IFLA_CARRIER_CHANGES: Final = 35
IFLA_TARGET_NETNSID: Final = 46
IFLA_NEW_IFINDEX: Final = 49
IFLA_MIN_MTU: Final = 50
IFLA_MAX_MTU: Final = 51
IFLA_PERM_ADDRESS: Final = 54

IFLA_XDP_PROG_ID: Final = 4
IFLA_XDP_DRV_PROG_ID: Final = 5
IFLA_XDP_SKB_PROG_ID: Final = 6
IFLA_XDP_HW_PROG_ID: Final = 7

IF_OPER_UNKNOWN: Final = 0  # include/uapi/linux/if.h: of a driver that does not tell
IF_OPER_UP: Final = 6

AF_INET6: Final = 10
IFLA_INET6_ADDR_GEN_MODE: Final = 8
IN6_ADDR_GEN_MODE_NONE: Final = 1

NAMES: Final = LINK_NAMES | {
    IFLA_ADDRESS: "address",
    IFLA_MTU: "mtu",
    IFLA_LINKINFO: "linkinfo",
    IFLA_NET_NS_PID: "net-ns-pid",
    IFLA_AF_SPEC: "af-spec",
    IFLA_NET_NS_FD: "net-ns-fd",
    IFLA_NUM_TX_QUEUES: "num-tx-queues",
    IFLA_NUM_RX_QUEUES: "num-rx-queues",
    IFLA_TARGET_NETNSID: "target-netnsid",
    IFLA_NEW_IFINDEX: "new-ifindex",
}
"""Of the attributes that requests have, as in Documentation/netlink/specs/rt-link.yaml."""

MAC_LIMIT: Final = 32  # MAX_ADDR_LEN, include/linux/netdevice.h


class PortState(NamedTuple):
    """What a port is set to; None for what the kernel did not say."""

    ifindex: int
    name: str
    up: bool
    """IFF_UP: somebody switched it on."""
    mtu: int | None = None
    min_mtu: int | None = None
    max_mtu: int | None = None
    """0: the driver sets no limit."""
    carrier: bool | None = None
    """Whether there is a link; false also while the port is down."""
    carrier_changes: int | None = None
    mac: bytes | None = None
    permanent_mac: bytes | None = None
    promiscuity: int | None = None
    """How many ask for promiscuous mode."""
    rx_queues: int | None = None
    """IFLA_NUM_RX_QUEUES: as many as there can be."""
    tx_queues: int | None = None
    xdp: str = "none"
    """none, native, generic, offloaded or several"""
    program_id: int | None = None
    """IFLA_XDP_PROG_ID: of the only program; 0 or None where there is none or are several"""
    native_program_id: int | None = None
    """IFLA_XDP_DRV_PROG_ID"""
    generic_program_id: int | None = None
    """IFLA_XDP_SKB_PROG_ID"""
    operational: bool | None = None
    """Whether the kernel has set its queues going, which is a moment after there is a carrier."""


def get_port(ifindex: int) -> Request:
    """Ask for one link; `pull_port` decodes the reply."""
    return Request(
        "rtnetlink getlink",
        RTM_GETLINK,
        IFINFOMSG.pack(0, 0, ifindex, 0, 0),
        header=IFINFOMSG.size,
        names=NAMES,
    )


def pull_port(message: Message) -> PortState:
    """Decode RTM_NEWLINK.

    Raises:
        WireError: bytes out of format, another message, or a link without a name.
    """
    if message.type != RTM_NEWLINK:
        raise WireError(f"rtnetlink: message type {message.type} in place of RTM_NEWLINK")
    if len(message.payload) < IFINFOMSG.size:
        raise WireError(f"ifinfomsg: {len(message.payload)} bytes, {IFINFOMSG.size} needed")
    _family, _type, ifindex, flags, _change = IFINFOMSG.unpack_from(message.payload)
    found = _first_of_each(message.payload, IFINFOMSG.size)
    if IFLA_IFNAME not in found:
        raise WireError(f"rtnetlink: link {ifindex} without a name")

    def number(kind: int, name: str) -> int | None:
        return pull_number(U32, found[kind], name) if kind in found else None

    carrier = found.get(IFLA_CARRIER)
    nest = _first_of_each(found[IFLA_XDP].payload) if IFLA_XDP in found else {}
    attached = nest.get(IFLA_XDP_ATTACHED)
    mode = pull_number(U8, attached, "xdp-attached") if attached else 0

    def program(kind: int) -> int | None:
        return pull_number(U32, nest[kind], f"IFLA_XDP {kind}") if kind in nest else None

    return PortState(
        ifindex,
        pull_string(found[IFLA_IFNAME], "ifname", IFNAMSIZ),
        bool(flags & IFF_UP),
        number(IFLA_MTU, "mtu"),
        number(IFLA_MIN_MTU, "min-mtu"),
        number(IFLA_MAX_MTU, "max-mtu"),
        None if carrier is None else bool(pull_number(U8, carrier, "carrier")),
        number(IFLA_CARRIER_CHANGES, "carrier-changes"),
        _address(found.get(IFLA_ADDRESS), "address"),
        _address(found.get(IFLA_PERM_ADDRESS), "perm-address"),
        number(IFLA_PROMISCUITY, "promiscuity"),
        number(IFLA_NUM_RX_QUEUES, "num-rx-queues"),
        number(IFLA_NUM_TX_QUEUES, "num-tx-queues"),
        XDP_ATTACHED.get(mode, f"mode {mode}"),
        program(IFLA_XDP_PROG_ID),
        program(IFLA_XDP_DRV_PROG_ID),
        program(IFLA_XDP_SKB_PROG_ID),
        _operational(found.get(IFLA_OPERSTATE)),
    )


def _first_of_each(payload: bytes, offset: int = 0) -> dict[int, Attribute]:
    found: dict[int, Attribute] = {}
    for attribute in pull_attributes(payload, offset):
        found.setdefault(attribute.type, attribute)
    return found


def _address(attribute: Attribute | None, name: str) -> bytes | None:
    if attribute is not None and len(attribute.payload) > MAC_LIMIT:
        raise WireError(f"attribute {name}: {len(attribute.payload)} bytes, {MAC_LIMIT} at most")
    return attribute.payload if attribute is not None else None


def _operational(attribute: Attribute | None) -> bool | None:
    if attribute is None:
        return None
    return pull_number(U8, attribute, "operstate") in (IF_OPER_UNKNOWN, IF_OPER_UP)


def _set(what: str, ifindex: int, *attributes: bytes, flags: int = 0, change: int = 0) -> Request:
    payload = IFINFOMSG.pack(0, 0, ifindex, flags, change) + b"".join(attributes)
    return Request(
        f"rtnetlink setlink {what}",
        RTM_SETLINK,
        payload,
        NLM_F_ACK,
        header=IFINFOMSG.size,
        names=NAMES,
    )


def set_mtu(ifindex: int, mtu: int) -> Request:
    """Set the MTU, in bytes without the Ethernet header."""
    return _set(f"mtu {mtu}", ifindex, push_u32(IFLA_MTU, mtu))


def set_up(ifindex: int, up: bool) -> Request:
    """Switch a port on or off."""
    return _set("up" if up else "down", ifindex, flags=IFF_UP if up else 0, change=IFF_UP)


def set_quiet(ifindex: int, mode: int = IN6_ADDR_GEN_MODE_NONE) -> Request:
    """Let IPv6 give the port no addresses of its own, so that it does not speak by itself.

    Args:
        ifindex: the port.
        mode: another ``enum in6_addr_gen_mode``, as `pull_quiet` gave it.
    """
    data = push_attribute(IFLA_INET6_ADDR_GEN_MODE, U8.pack(mode))
    family = push_attribute(AF_INET6, data, nested=True)
    words = "none" if mode == IN6_ADDR_GEN_MODE_NONE else str(mode)
    return _set(
        f"addr-gen-mode {words}", ifindex, push_attribute(IFLA_AF_SPEC, family, nested=True)
    )


def pull_quiet(message: Message) -> int | None:
    """How IPv6 gives the port addresses (``enum in6_addr_gen_mode``); None where it has no IPv6.

    Raises:
        WireError: bytes out of format.
    """
    spec = _first_of_each(message.payload, IFINFOMSG.size).get(IFLA_AF_SPEC)
    family = _first_of_each(spec.payload).get(AF_INET6) if spec else None
    mode = _first_of_each(family.payload).get(IFLA_INET6_ADDR_GEN_MODE) if family else None
    return pull_number(U8, mode, "addr-gen-mode") if mode else None


def move(
    ifindex: int = 0,
    *,
    name: bytes = b"",
    netns_fd: int | None = None,
    netns_pid: int | None = None,
    nsid: int | None = None,
    new_ifindex: int = 0,
) -> Request:
    """Move a port to another network namespace; it arrives switched off and without addresses.

    Args:
        ifindex: its number; 0 finds it by its name.
        name: the name it shall have there, or has here if there is no number.
        netns_fd: a descriptor of the namespace, in the process that sends the request.
        netns_pid: a process whose main thread is in it.
        nsid: the number that the namespace has here, see `new_nsid`.
        new_ifindex: the number it shall have there (kernels from 5.12); 0 keeps its own if free.

    Raises:
        InputError: no port or no namespace is given, or two namespaces.
    """
    wheres = {IFLA_NET_NS_FD: netns_fd, IFLA_NET_NS_PID: netns_pid, IFLA_TARGET_NETNSID: nsid}
    given = {kind: where for kind, where in wheres.items() if where is not None}
    if len(given) != 1:
        raise InputError("to move a port give one of netns_fd, netns_pid and nsid")
    if not (ifindex or name):
        raise InputError("to move a port give its ifindex or its name")
    attributes = push_string(IFLA_IFNAME, name) if name else b""
    for kind, where in given.items():
        attributes += push_u32(kind, where)
    if new_ifindex:
        attributes += push_u32(IFLA_NEW_IFINDEX, new_ifindex)
    return _set("netns", ifindex, attributes)


def new_nsid(nsid: int, netns_fd: int) -> Request:
    """Give another network namespace a number, valid in the namespace that is asked.

    Args:
        nsid: the number; the kernel refuses one that is taken, and a second one (EEXIST).
        netns_fd: a descriptor of the other namespace, in the process that sends the request.
    """
    return Request(
        "rtnetlink newnsid",
        RTM_NEWNSID,
        RTGENMSG.pack(0) + push_u32(NETNSA_NSID, nsid) + push_u32(NETNSA_FD, netns_fd),
        NLM_F_ACK,
        header=RTGENMSG.size,
        names={NETNSA_NSID: "nsid", NETNSA_FD: "fd"},
    )


def new_veth(
    name: bytes,
    peer: bytes,
    peer_netns_fd: int | None = None,
    queues: tuple[int, int] = (1, 1),
) -> Request:
    """Make a veth pair, its peer in another namespace if one is given.

    Args:
        name: of the end in the namespace that is asked.
        peer: the other end's.
        peer_netns_fd: a descriptor of the other end's namespace.
        queues: how many receive and transmit queues both ends have.
    """
    rx, tx = queues
    numbers = push_u32(IFLA_NUM_TX_QUEUES, tx) + push_u32(IFLA_NUM_RX_QUEUES, rx)
    other = IFINFOMSG.pack(0, 0, 0, 0, 0) + push_string(IFLA_IFNAME, peer) + numbers
    if peer_netns_fd is not None:
        other += push_u32(IFLA_NET_NS_FD, peer_netns_fd)
    info = push_string(IFLA_INFO_KIND, b"veth") + push_attribute(
        IFLA_INFO_DATA, push_attribute(VETH_INFO_PEER, other), nested=True
    )
    payload = (
        IFINFOMSG.pack(0, 0, 0, 0, 0)
        + push_string(IFLA_IFNAME, name)
        + numbers
        + push_attribute(IFLA_LINKINFO, info, nested=True)
    )
    return Request(
        "rtnetlink newlink veth",
        RTM_NEWLINK,
        payload,
        NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
        header=IFINFOMSG.size,
        names=NAMES,
    )

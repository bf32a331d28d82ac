# SPDX-License-Identifier: MIT
"""The words of a profile's ``when``: facts of a NIC, each known or not.

A condition is true, false, or undecided (None) where the fact is not known.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from xdpconform.nic import Nic
    from xdpconform.profiles.model import Condition

Fact = str | bool | tuple[str, ...] | None

# include/uapi/linux/virtio_net.h, by bit number: the features that decide XDP claims
VIRTIO_FEATURES: Final = {
    "ctrl-guest-offloads": 2,  # VIRTIO_NET_F_CTRL_GUEST_OFFLOADS
    "mrg-rxbuf": 15,  # VIRTIO_NET_F_MRG_RXBUF
    "mq": 22,  # VIRTIO_NET_F_MQ
    "hash-report": 57,  # VIRTIO_NET_F_HASH_REPORT
    "rss": 60,  # VIRTIO_NET_F_RSS
}


def _virtio_features(nic: Nic) -> Fact:
    bits = nic.sysfs.get("device/features", "")
    if nic.identity.bus != "virtio" or not bits or set(bits) - {"0", "1"}:
        return None
    names = (name for name, bit in VIRTIO_FEATURES.items() if bits[bit : bit + 1] == "1")
    return tuple(names)


def _half_the_channels(nic: Nic) -> Fact:
    queues = nic.queues
    if queues.combined is None or queues.combined_max is None:
        return None
    return 2 * queues.combined <= queues.combined_max


def _peer_gro(nic: Nic) -> Fact:
    return nic.peer.gro if nic.peer else None


def _peer_up(nic: Nic) -> Fact:
    return nic.peer.up if nic.peer else None


def _peer_xdp(nic: Nic) -> Fact:
    return nic.peer.xdp if nic.peer else None


def _peer_queues_fit(nic: Nic) -> Fact:
    if not nic.peer or not nic.peer.tx_queues or not nic.queues.receive:
        return None  # every device has a queue: 0 is none seen
    return nic.peer.tx_queues <= nic.queues.receive


def _feature(nic: Nic) -> Fact:
    return tuple(sorted(nic.features)) if nic.features is not None else None


def _has_ports(nic: Nic) -> Fact:
    return bool(nic.ports) if nic.ports is not None else None


FACTS: Final[dict[str, tuple[str, Callable[[Nic], Fact]]]] = {
    "bond-hash-policy": (
        "a bond's transmit hash policy, as bonding/xmit_hash_policy in sysfs has it",
        lambda nic: (nic.sysfs.get("bonding/xmit_hash_policy") or "").partition(" ")[0] or None,
    ),
    "bond-mode": (
        "a bond's mode, as bonding/mode in sysfs has it",
        lambda nic: (nic.sysfs.get("bonding/mode") or "").partition(" ")[0] or None,
    ),
    "bus": ("the device's bus in sysfs, or none", lambda nic: nic.identity.bus or "none"),
    "channels-at-most-half": (
        "true while at most half of the combined channels are in use",
        _half_the_channels,
    ),
    "detached": (
        "true once a native program was removed from the NIC: a run that only asks cannot know",
        lambda _nic: None,
    ),
    "feature": ("ethtool features that are on, by name", _feature),
    "has-peer": ("true for one of a pair (IFLA_LINK)", lambda nic: bool(nic.link.lower)),
    "has-ports": ("true for a bond with ports", _has_ports),
    "kind": ("the link's kind, or none", lambda nic: nic.identity.kind or "none"),
    "link-type": ("ether, loopback, none, or a number", lambda nic: nic.link.link_type),
    "peer-gro": ("true while a veth's peer has GRO on", _peer_gro),
    "peer-queues-fit": (
        "true while a veth's peer has no more transmit queues than it has receive queues",
        _peer_queues_fit,
    ),
    "peer-up": ("true while a veth's peer is up", _peer_up),
    "peer-xdp": ("a veth's peer's program: none, native, generic", _peer_xdp),
    "phys-port-name": (
        "phys_port_name in sysfs, or none; a representor's is like pf0vf1",
        lambda nic: nic.sysfs.get("phys_port_name") or "none",
    ),
    "sysfs-driver": ("the driver in sysfs, or none", lambda n: n.identity.sysfs_driver or "none"),
    "up": ("true while the link is up", lambda nic: nic.link.up),
    "vf": ("true for a PCI virtual function", lambda nic: "device/physfn" in nic.sysfs),
    "virtio-feature": (
        "virtio features negotiated: " + ", ".join(VIRTIO_FEATURES),
        _virtio_features,
    ),
}
"""What each word means, and how it is read from a NIC."""

BOOLEAN: Final = frozenset(
    {
        "channels-at-most-half",
        "detached",
        "has-peer",
        "has-ports",
        "peer-gro",
        "peer-queues-fit",
        "peer-up",
        "up",
        "vf",
    }
)


def check(when: Mapping[str, Condition]) -> Iterable[tuple[str, str]]:
    """What is wrong with a ``when``: pairs of the word and the problem."""
    for word, wanted in when.items():
        base = word.removeprefix("not-")
        if base not in FACTS:
            yield word, "no fact has this name"
        elif (base in BOOLEAN) != isinstance(wanted, bool):
            kind = "true or false" if base in BOOLEAN else "text or a list"
            yield word, f"{kind} expected, not {wanted!r}"
        elif base == "virtio-feature":
            for name in [wanted] if isinstance(wanted, str) else wanted:  # type: ignore[union-attr]
                if name not in VIRTIO_FEATURES:
                    yield word, f"{name!r} is not one of {', '.join(VIRTIO_FEATURES)}"


def holds(when: Mapping[str, Condition], nic: Nic) -> tuple[bool | None, str]:
    """Whether all conditions hold for a NIC, and the one that decided (or was undecided)."""
    undecided = ""
    for word, wanted in when.items():
        base = word.removeprefix("not-")
        fact = FACTS[base][1](nic)
        text = f"{word} = {_text(wanted)}"
        if fact is None:
            undecided = undecided or text
        elif _fits(fact, wanted) == word.startswith("not-"):
            return False, text
    return (None, undecided) if undecided else (True, "")


def _fits(fact: str | bool | tuple[str, ...], wanted: Condition) -> bool:
    if isinstance(fact, bool) or isinstance(wanted, bool):
        return fact == wanted
    patterns = [wanted] if isinstance(wanted, str) else wanted
    values = [fact] if isinstance(fact, str) else fact
    return any(fnmatchcase(value, pattern) for value in values for pattern in patterns)


def _text(wanted: Condition) -> str:
    if isinstance(wanted, bool):
        return str(wanted).lower()
    return wanted if isinstance(wanted, str) else " or ".join(wanted)

# SPDX-License-Identifier: MIT
"""Every requirement fails when it should: a real NIC's answers, with one thing in them untrue."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from xdpconform.errors import KernelError, WireError
from xdpconform.lab import requirements
from xdpconform.netlink.extack import ExtAck
from xdpconform.netlink.netdev import Capabilities, Command, DevAttr, Device, XdpAct, pull_device
from xdpconform.netlink.wire import (
    U32,
    U64,
    Attribute,
    pull_messages,
    push_attribute,
    push_genlmsghdr,
    push_message,
)
from xdpconform.nic import Peer, XdpRxMetadata, XskFlags

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.plugin.runs import Runs
    from xdpconform.nic import Answer, Nic

pytest_plugins = ["pytester"]

UNDER, OVER, MISMATCH, MALFORMED = "under-claim", "over-claim", "mismatch", "malformed"


class Lie(NamedTuple):
    """What is untrue, and the lines that must say so."""

    name: str
    tell: Callable[[Nic], Nic]
    expected: dict[str, str]


def attributes(nic: Nic) -> list[Attribute]:
    """Those of a reply with the NIC's claims."""
    claims = nic.now
    assert claims is not None
    values = [
        (DevAttr.IFINDEX, U32, nic.identity.ifindex),
        (DevAttr.XDP_FEATURES, U64, claims.features),
        (DevAttr.XDP_RX_METADATA_FEATURES, U64, claims.rx_metadata),
        (DevAttr.XSK_FEATURES, U64, claims.xsk),
        (DevAttr.XDP_ZC_MAX_SEGS, U32, claims.zc_max_segs),
    ]
    return [Attribute(k, format_.pack(v)) for k, format_, v in values if v is not None]


def answered(nic: Nic, found: list[Attribute]) -> Nic:
    """A NIC whose dev-get and dump are both answered with these attributes."""
    one = nic.answers["dev-get"]
    head = pull_messages(one.replies[0])[0]
    payload = push_genlmsghdr(Command.DEV_GET, 1)
    payload += b"".join(push_attribute(a.type, a.payload) for a in found)
    message = head._replace(payload=payload)
    device = pull_device(message)
    one = one._replace(replies=(push_message(message),), value=device)
    return nic._replace(
        capabilities={nic.state: device.capabilities},
        answers=nic.answers
        | {"dev-get": one, "dump": nic.answers["dump"]._replace(value=[device])},
    )


def claiming(**claims: Any) -> Callable[[Nic], Nic]:
    """Other claims, told alike by do and dump: flags to take or add, other fields as they are."""

    def tell(nic: Nic) -> Nic:
        now = nic.now
        assert now is not None
        assert now.features is not None
        assert now.rx_metadata is not None
        lack = claims.get("lack", 0)
        fields: dict[str, Any] = {
            "features": XdpAct((int(now.features) | claims.get("add", 0)) & ~int(lack)),
            "rx_metadata": now.rx_metadata & ~XdpRxMetadata(claims.get("lack_rx", 0)),
            "xsk": XskFlags(claims.get("xsk", 0)),
            "zc_max_segs": claims.get("segments"),
        }
        nic = nic._replace(capabilities={nic.state: Capabilities(**fields)})
        return answered(nic, attributes(nic))

    return tell


def at_rest(tell: Callable[[Nic], Nic]) -> Callable[[Nic], Nic]:
    """The same of a veth whose peer has no GRO: it may not claim ndo-xmit."""
    quiet = claiming(lack=XdpAct.NDO_XMIT | XdpAct.NDO_XMIT_SG)
    return lambda nic: tell(quiet(nic)._replace(peer=Peer("none", gro=False, tx_queues=1)))


def driven_by(driver: str) -> Callable[[Nic], Nic]:
    """Another driver's name on it."""
    return lambda nic: nic._replace(identity=nic.identity._replace(driver=driver))


def answer(name: str, **fields: Any) -> Callable[[Nic], Nic]:
    """Another answer to one question."""

    def tell(nic: Nic) -> Nic:
        told: Answer = nic.answers[name]
        made = {k: v(told) if callable(v) else v for k, v in fields.items()}
        return nic._replace(answers=nic.answers | {name: told._replace(**made)})

    return tell


def refusal(name: str, code: int, *, of_attribute: str | None = None) -> Callable[[Nic], Nic]:
    """Another refusal."""
    return answer(name, error=KernelError(code, ExtAck(), name, of_attribute))


def accepted(name: str) -> Callable[[Nic], Nic]:
    """No refusal."""
    return answer(name, error=None, value=[])


def reply_about(ifindex: int) -> Callable[[Nic], Nic]:
    """A reply about another device, in do and dump."""
    return lambda nic: answered(
        nic, [Attribute(DevAttr.IFINDEX, U32.pack(ifindex)), *attributes(nic)[1:]]
    )


def without(*commands: Command) -> Callable[[Answer], list[tuple[int, Device]]]:
    """A lifecycle that lacks notifications."""

    def value(told: Answer) -> list[tuple[int, Device]]:
        assert isinstance(told.value, list)
        return [pair for pair in told.value if pair[0] not in commands]

    return value


def stale(told: Answer) -> list[tuple[int, Device]]:
    """A lifecycle whose last change was not told."""
    assert isinstance(told.value, list)
    changed = [
        (c, d._replace(capabilities=d.capabilities._replace(features=XdpAct(0))))
        for c, d in told.value
        if c in (Command.DEV_ADD_NTF, Command.DEV_DEL_NTF)
    ]
    return [*changed, *(pair for pair in told.value if pair[0] == Command.DEV_GET)]


def bare(told: Answer) -> list[tuple[int, Device]]:
    """A lifecycle whose notifications lack xdp-features."""
    assert isinstance(told.value, list)
    return [
        (c, d._replace(capabilities=d.capabilities._replace(features=None)))
        if c == Command.DEV_DEL_NTF
        else (c, d)
        for c, d in told.value
    ]


ZC = XdpAct.XSK_ZEROCOPY
LIES = [
    # Claims taken away.
    Lie(
        "basic",
        claiming(lack=XdpAct.BASIC),
        {"XDP-FEAT-02": UNDER, "XDP-INV-01": OVER, "XDP-INV-02": OVER},
    ),
    Lie("redirect", claiming(lack=XdpAct.REDIRECT), {"XDP-FEAT-03": UNDER}),
    Lie("ndo-xmit", claiming(lack=XdpAct.NDO_XMIT), {"XDP-FEAT-04": UNDER, "XDP-INV-03": OVER}),
    Lie("rx-sg", claiming(lack=XdpAct.RX_SG), {"XDP-FEAT-07": UNDER}),
    Lie("ndo-xmit-sg", claiming(lack=XdpAct.NDO_XMIT_SG), {"XDP-FEAT-08": UNDER}),
    Lie("timestamp", claiming(lack_rx=XdpRxMetadata.TIMESTAMP), {"XDP-RXMD-01": UNDER}),
    Lie("hash", claiming(lack_rx=XdpRxMetadata.HASH), {"XDP-RXMD-02": UNDER}),
    Lie("vlan-tag", claiming(lack_rx=XdpRxMetadata.VLAN_TAG), {"XDP-RXMD-03": UNDER}),
    # Claims added.
    Lie("more-ndo-xmit", at_rest(claiming(add=XdpAct.NDO_XMIT)), {"XDP-FEAT-04": OVER}),
    Lie(
        "more-ndo-xmit-sg",
        at_rest(claiming(add=XdpAct.NDO_XMIT_SG)),
        {"XDP-FEAT-08": OVER, "XDP-INV-03": OVER},
    ),
    Lie("more-xsk-zerocopy", claiming(add=ZC, segments=1), {"XDP-FEAT-05": OVER}),
    Lie("more-hw-offload", claiming(add=XdpAct.HW_OFFLOAD), {"XDP-FEAT-06": OVER}),
    Lie("more-tx-timestamp", claiming(xsk=XskFlags.TX_TIMESTAMP), {"XDP-TXMD-01": OVER}),
    Lie("more-tx-checksum", claiming(xsk=XskFlags.TX_CHECKSUM), {"XDP-TXMD-02": OVER}),
    Lie("more-launch-time", claiming(xsk=XskFlags.TX_LAUNCH_TIME_FIFO), {"XDP-TXMD-03": OVER}),
    Lie(
        "no-xdp-driver",
        driven_by("dummy"),
        dict.fromkeys(
            [
                *(f"XDP-FEAT-{number:02}" for number in (2, 3, 4, 7, 8)),
                *(f"XDP-RXMD-{number:02}" for number in (1, 2, 3)),
            ],
            OVER,
        ),
    ),
    Lie(
        "unknown-driver",
        driven_by("nobody's"),
        dict.fromkeys(
            ["XDP-ZC-03"]
            + [f"XDP-FEAT-{number:02}" for number in range(1, 9)]
            + [f"XDP-{area}-{number:02}" for area in ("RXMD", "TXMD") for number in (1, 2, 3)],
            "blocked",
        ),
    ),
    Lie("nameless-bit", claiming(add=1 << 40), {"XDP-INV-04": "blocked"}),
    # Zero copy.
    Lie("segments-alone", claiming(segments=1), {"XDP-ZC-02": OVER}),
    Lie(
        "no-segments",
        claiming(add=ZC),
        {"XDP-FEAT-05": OVER, "XDP-ZC-02": MALFORMED, "XDP-ZC-03": UNDER},
    ),
    Lie(
        "0-segments",
        claiming(add=ZC, segments=0),
        {"XDP-FEAT-05": OVER, "XDP-ZC-02": MALFORMED, "XDP-ZC-03": UNDER},
    ),
    Lie("5-segments", claiming(add=ZC, segments=5), {"XDP-FEAT-05": OVER, "XDP-ZC-03": OVER}),
    Lie(
        "zero-copy-alone",
        claiming(add=ZC, segments=1, lack=XdpAct.REDIRECT),
        {"XDP-FEAT-03": UNDER, "XDP-FEAT-05": OVER, "XDP-ZC-01": OVER},
    ),
    # The protocol.
    Lie(
        "family-version",
        answer("family", value=lambda told: told.value._replace(version=2)),
        {"XDP-PROTO-01": MISMATCH},
    ),
    Lie(
        "family-group",
        answer("family", value=lambda told: told.value._replace(groups={})),
        {"XDP-PROTO-01": MISMATCH},
    ),
    Lie("another-device", reply_about(1), {"XDP-PROTO-02": MISMATCH}),
    Lie(
        "no-xsk-features",
        lambda nic: answered(nic, [a for a in attributes(nic) if a.type != DevAttr.XSK_FEATURES]),
        {"XDP-PROTO-03": MALFORMED},
    ),
    Lie(
        "no-xdp-features",
        lambda nic: answered(nic, [a for a in attributes(nic) if a.type != DevAttr.XDP_FEATURES]),
        {"XDP-PROTO-03": MALFORMED}
        | dict.fromkeys([f"XDP-FEAT-{number:02}" for number in (2, 3, 4, 7, 8)], UNDER),
    ),
    Lie(
        "ifindex-twice",
        lambda nic: answered(nic, [*attributes(nic), attributes(nic)[0]]),
        {"XDP-PROTO-03": MALFORMED},
    ),
    Lie(
        "dump-differs",
        answer(
            "dump",
            value=lambda told: [
                Device(told.value[0].ifindex, told.value[0][1]._replace(features=XdpAct(0)))
            ],
        ),
        {"XDP-PROTO-04": MISMATCH},
    ),
    Lie("dump-lacks", answer("dump", value=[]), {"XDP-PROTO-04": MISMATCH}),
    Lie(
        "dump-twice", answer("dump", value=lambda told: 2 * told.value), {"XDP-PROTO-04": MISMATCH}
    ),
    Lie(
        "dump-malformed",
        answer("dump", value=None, error=WireError("nlattr 3: 5 bytes in place of 4 or 8")),
        {"XDP-PROTO-04": MALFORMED},
    ),
    Lie(
        "ack-first",
        answer("ack", replies=lambda told: told.replies[::-1]),
        {"XDP-PROTO-05": MISMATCH},
    ),
    Lie("no-ack", answer("ack", replies=lambda told: told.replies[:1]), {"XDP-PROTO-05": MISMATCH}),
    Lie("any-device", accepted("no-such-device"), {"XDP-PROTO-06": MISMATCH}),
    Lie("ENOENT", refusal("no-such-device", errno.ENOENT), {"XDP-PROTO-06": MISMATCH}),
    Lie("EINVAL", refusal("ifindex-0", errno.EINVAL), {"XDP-PROTO-07": MISMATCH}),
    Lie(
        "elsewhere",
        refusal("ifindex-0", errno.ERANGE, of_attribute="xdp-features"),
        {"XDP-PROTO-07": MISMATCH},
    ),
    Lie("nothing-missed", refusal("no-ifindex", errno.EINVAL), {"XDP-PROTO-08": MISMATCH}),
    Lie("narrow", accepted("ifindex-16-bit"), {"XDP-PROTO-09": MISMATCH}),
    Lie("wide", refusal("ifindex-64-bit", errno.EINVAL), {"XDP-PROTO-09": MISMATCH}),
    Lie("unknown-taken", accepted("unknown-attribute"), {"XDP-PROTO-10": MISMATCH}),
    Lie("flag-taken", accepted("reserved-flag"), {"XDP-PROTO-11": MISMATCH}),
    Lie("field-taken", accepted("reserved-header"), {"XDP-PROTO-11": MISMATCH}),
    Lie("command-taken", refusal("unknown-command", errno.EPERM), {"XDP-PROTO-12": MISMATCH}),
    Lie("notification-taken", accepted("notification"), {"XDP-PROTO-12": MISMATCH}),
    Lie(
        "nobody-told-of-end",
        answer("lifecycle", value=without(Command.DEV_DEL_NTF)),
        {"XDP-PROTO-13": MISMATCH},
    ),
    Lie("bare-notification", answer("lifecycle", value=bare), {"XDP-PROTO-13": MALFORMED}),
    Lie("nobody-told-of-change", answer("lifecycle", value=stale), {"XDP-PROTO-14": MISMATCH}),
    # Queues.
    Lie(
        "queue-missing",
        answer("queues", value=lambda told: told.value[:1]),
        {"XDP-QUEUE-01": MISMATCH},
    ),
    Lie(
        "queue-differs",
        answer("queue", value=lambda told: [told.value[0]._replace(napi_id=4294967295)]),
        {"XDP-QUEUE-02": MISMATCH},
    ),
    Lie("queue-without-end", accepted("no-such-queue"), {"XDP-QUEUE-03": MISMATCH}),
    Lie("queue-ENOENT", refusal("no-such-queue", errno.ENOENT), {"XDP-QUEUE-03": MISMATCH}),
]


def said(runs: Runs) -> dict[str, str]:
    """The lines of the last run that did not come out well, by requirement."""
    lines = runs.results().nics[0].results
    return {
        line.requirement: line.kind or line.outcome
        for line in lines
        if line.outcome not in ("pass", "not-claimed")
    }


def test_truth(runs: Runs) -> None:
    """Untouched, the same NIC conforms, so that each lie's lines are its own."""
    result = runs.certify()

    assert 0 == result.ret
    assert {} == said(runs)
    assert "CONFORMS" == runs.results().nics[0].verdict


@pytest.mark.parametrize("lie", LIES, ids=[lie.name for lie in LIES])
def test_lie(runs: Runs, lie: Lie) -> None:
    """What is untrue fails the lines that are about it, with the right kind, and no others."""
    fails = set(lie.expected.values()) != {"blocked"}

    result = runs.certify("--tb=no", nics=[lie.tell(runs.snapshot[0].nic)])

    assert lie.expected == said(runs)
    assert (1 if fails else 10) == result.ret
    assert ("FAILS" if fails else "INCOMPLETE") == runs.results().nics[0].verdict


def test_every_requirement_can_fail() -> None:
    """The table holds every requirement; two are blocked, where a fail would be a guess."""
    kinds: dict[str, set[str]] = {}
    for lie in LIES:
        for requirement, kind in lie.expected.items():
            kinds.setdefault(requirement, set()).add(kind)

    assert requirements() == set(kinds)
    assert {"XDP-FEAT-01", "XDP-INV-04"} == {r for r, k in kinds.items() if k == {"blocked"}}

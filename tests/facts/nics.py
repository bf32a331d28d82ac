# SPDX-License-Identifier: MIT
"""NICs as values: what a kernel would have said of them, without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdpconform.nic import (
    ATTACHED,
    IDLE,
    Capabilities,
    Identity,
    Link,
    Nic,
    QueueCounts,
    XdpAct,
    XdpRxMetadata,
    XskFlags,
)

if TYPE_CHECKING:
    from collections.abc import Collection
    from enum import IntFlag

KERNELS = {"6.12": "6.12.107", "7.3": "7.3.4"}
STATES = (IDLE, ATTACHED)

LINK = Link(
    ifindex=7,
    name="eth7",
    link_type="ether",
    up=True,
    mtu=1500,
    kind=None,
    xdp="none",
    lower=None,
    lower_elsewhere=False,
    master=None,
    raw_name=b"eth7",
)
QUEUES = QueueCounts(rx=2, tx=2, counted_rx=2, counted_tx=2)
SYSFS = {"queues/": "rx-0\nrx-1\ntx-0\ntx-1"}


def flags(kind: type[IntFlag], names: Collection[str]) -> int:
    """The bits of those names that are flags of this kind."""
    return sum(flag for flag in kind if str(flag.name).lower().replace("_", "-") in names)


def capabilities(claims: Collection[str] = (), segments: int | None = None) -> Capabilities:
    """What a kernel reports for a driver with these claims: all three sets, also where empty."""
    return Capabilities(
        XdpAct(flags(XdpAct, claims)),
        XdpRxMetadata(flags(XdpRxMetadata, claims)),
        XskFlags(flags(XskFlags, claims)),
        segments,
    )


def make_nic(
    claims: Collection[str] | Capabilities = (),
    segments: int | None = None,
    *,
    state: str = IDLE,
    **facts: Any,
) -> Nic:
    """A NIC with these claims in this state; `facts` are fields of any of its parts."""

    def part(value: Any) -> Any:
        return value._replace(
            **{name: facts.pop(name) for name in list(facts) if name in value._fields}
        )

    identity = part(Identity("eth7", 7, KERNELS["6.12"], driver="e1000e"))
    link = part(LINK._replace(kind=identity.kind, xdp="native" if state == ATTACHED else "none"))
    sysfs = SYSFS | facts.pop("sysfs", {})
    found = claims if isinstance(claims, Capabilities) else capabilities(claims, segments)
    return Nic(
        id="eth7",
        identity=identity,
        link=link,
        state=state,
        capabilities={state: found},
        queues=facts.pop("queues", QUEUES),
        sysfs=sysfs,
        **facts,
    )


def with_claims(nic: Nic, claims: Collection[str], segments: int | None) -> Nic:
    """The same NIC with other claims."""
    return nic._replace(capabilities={nic.state: capabilities(claims, segments)})

# SPDX-License-Identifier: MIT
"""``xdpconform show``: what NICs claim, as a table or as JSON. Starts quickly: few imports."""

from __future__ import annotations

import sys

from xdpconform.errors import NoSuchInterface
from xdpconform.interfaces import select, shown
from xdpconform.netlink.netdev import Capabilities, flag_names
from xdpconform.snapshot import Inspector
from xdpconform.sources.kernel import Kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from enum import IntFlag

    from xdpconform.nic import Nic

UNKNOWN = "unknown"
_NOTHING = Capabilities(None, None, None, None)


def show(words: Sequence[str], *, netns: str | None, as_json: bool) -> int:
    """Print what NICs claim.

    Args:
        words: names, numbers, globs, ``all``.
        netns: where to look.
        as_json: JSON in place of a table.

    Returns:
        The exit status: 0.

    Raises:
        XdpConformError: no such interface, or the kernel cannot be asked.
    """
    with Inspector(Kernel(netns)) as inspector:
        nics = []
        for link in select(words, inspector.links()):
            try:
                nics.append(inspector.nic(link, deep=False))
            except NoSuchInterface:
                if "all" not in words:
                    raise  # of all there were, one may go meanwhile
    if as_json:
        import json

        text = json.dumps([as_dict(nic) for nic in nics], indent=2)
    else:
        text = _table(nics)
    sys.stdout.write(text + "\n")
    return 0


def as_dict(nic: Nic) -> dict[str, object]:
    """A NIC in netdev.yaml's names; null for what is unknown or absent."""
    now = nic.now
    queues = nic.queues
    found: dict[str, object] = {
        "ifname": nic.identity.ifname,
        "ifindex": nic.identity.ifindex,
        "driver": nic.identity.driver,
        "kernel": nic.identity.kernel,
        "state": nic.state,
        **(now or _NOTHING).as_dict(),
        **({} if now else {"zero-copy": UNKNOWN}),
        "queues": {
            "rx": queues.receive,
            "tx": queues.transmit,
            "combined": queues.combined,
            "rx-max": queues.rx_max,
            "tx-max": queues.tx_max,
            "combined-max": queues.combined_max,
        },
    }
    if now and now.unknown:
        found["unknown-attributes"] = now.unknown_as_dict()
    if nic.unknown:
        found["unknown"] = nic.unknown
    return found


def _table(nics: Sequence[Nic]) -> str:
    head = (
        "NIC",
        "DRIVER",
        "STATE",
        "XDP-FEATURES",
        "ZERO-COPY",
        "ZC-MAX-SEGS",
        "RX-METADATA",
        "XSK-FEATURES",
        "QUEUES",
    )
    rows = [head, *(_row(nic) for nic in nics)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    notes = sorted({nic.unknown for nic in nics if nic.unknown})
    return "\n".join([*lines, *notes])


def _row(nic: Nic) -> tuple[str, ...]:
    queues = f"rx {nic.queues.receive} tx {nic.queues.transmit}"
    driver = shown(nic.identity.driver or "-")
    return (shown(nic.identity.ifname), driver, nic.state, *_claims(nic.now), queues)


def _claims(now: Capabilities | None) -> tuple[str, ...]:
    if now is None:
        return (UNKNOWN,) * 5
    segments = "absent" if now.zc_max_segs is None else str(now.zc_max_segs)
    return (
        _words(now.features),
        str(now.zero_copy),
        segments,
        _words(now.rx_metadata),
        _words(now.xsk),
    )


def _words(flags: IntFlag | None) -> str:
    if flags is None:
        return "absent"
    return " ".join(flag_names(flags)) or "none"

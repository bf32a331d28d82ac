# SPDX-License-Identifier: MIT
"""Whether what a NIC was configured with survives a program: while it is attached, and after.

What is compared is what somebody set, or could have set. Limits (``rx-max``) are a driver's own
business, and so is what adaptive coalescing (net_dim) changes by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from xdpconform.judge.finding import Finding, Kind, Level, Outcome
from xdpconform.netlink.ethtool import RSS_HASH, Channels, Rings, Rss
from xdpconform.netlink.ethtool_config import Coalesce
from xdpconform.netlink.ethtool_ioctl import Rule
from xdpconform.netlink.link_config import Vlan

Value = bool | int | str
"""A setting as it is shown and compared."""


class VlanFilter(NamedTuple):
    """How a NIC filters by VLAN."""

    active: bool
    """The feature rx-vlan-filter is on."""
    vlans: tuple[Vlan, ...]
    """The VLAN links on top, whose ids are let through."""


class Config(NamedTuple):
    """What a NIC is configured with; a field is None if the NIC has nothing of the kind."""

    rules: tuple[Rule, ...] | None = None
    """ntuple rules"""
    rss: Rss | None = None
    """The default context: indirection table, key and hash function."""
    coalesce: Coalesce | None = None
    rings: Rings | None = None
    vlan_filter: VlanFilter | None = None
    channels: Channels | None = None


def _rules(config: Config) -> dict[str, Value] | None:
    if config.rules is None:
        return None
    return {f"rule {rule.location}": str(rule) for rule in config.rules}


def _rss(config: Config) -> dict[str, Value] | None:
    rss = config.rss
    if rss is None:
        return None
    found: dict[str, Value] = {}
    if rss.hash_function is not None:
        found["hfunc"] = RSS_HASH.get(rss.hash_function, rss.hash_function)
    if rss.key is not None:
        found["hkey"] = rss.key.hex()
    if rss.input_xfrm is not None:
        found["input-xfrm"] = rss.input_xfrm
    if rss.indirection is not None:
        found["indir size"] = len(rss.indirection)
        found |= {f"indir[{place}]": queue for place, queue in enumerate(rss.indirection)}
    return found


def _coalesce(config: Config) -> dict[str, Value] | None:
    return None if config.coalesce is None else dict(config.coalesce.values)


def _numbers(answer: Rings | Channels | None) -> dict[str, Value] | None:
    if answer is None:
        return None
    left_out = ("ifindex", "unknown")
    return {
        name.replace("_", "-"): value
        for name, value in answer._asdict().items()
        if value is not None and name not in left_out and not name.endswith("_max")
    }


def _vlan_filter(config: Config) -> dict[str, Value] | None:
    if config.vlan_filter is None:
        return None
    found: dict[str, Value] = {"rx-vlan-filter": "on" if config.vlan_filter.active else "off"}
    for vlan in config.vlan_filter.vlans:
        found[f"VLAN {vlan.id} ({vlan.protocol:#06x})"] = vlan.name
    return found


_SETTINGS: Final[Mapping[str, tuple[str, Callable[[Config], dict[str, Value] | None]]]] = {
    "ntuple": ("ntuple rules", _rules),
    "rss": ("RSS table or key", _rss),
    "coalesce": ("interrupt coalescing", _coalesce),
    "rings": ("ring sizes", lambda config: _numbers(config.rings)),
    "vlan-filter": ("VLAN filter", _vlan_filter),
    "channels": ("channel counts", lambda config: _numbers(config.channels)),
}

KINDS: Final = tuple(_SETTINGS)
"""Kinds of configuration, each a line of its own."""

_MOVING: Final = {
    "use-adaptive-rx": ("rx-usecs", "rx-max-frames"),
    "use-adaptive-tx": ("tx-usecs", "tx-max-frames"),
}
"""What net_dim (lib/dim/net_dim.c) sets by itself while the switch is on."""

_SHOWN: Final = 8
"""Changes that a finding names."""
_KEPT: Final = 1024
"""Settings that evidence holds of one moment; RSS tables have up to some hundreds of entries."""


def settings(kind: str, config: Config) -> dict[str, Value] | None:
    """What is compared: each setting of a kind by name; None if the NIC has none of it.

    Args:
        kind: one of `KINDS`.
        config: where from.
    """
    _words, read = _SETTINGS[kind]
    return read(config)


def survived(kind: str, before: Config, attached: Config, after: Config) -> Finding:
    """What was set before a program came is set while it is attached, and after it has gone.

    Args:
        kind: one of `KINDS`.
        before: as read before the program was attached.
        attached: as read while it was.
        after: as read after it was detached.
    """
    words, read = _SETTINGS[kind]
    seen = [read(config) for config in (before, attached, after)]
    evidence = {
        moment: _bounded(one)
        for moment, one in zip(("before", "attached", "after"), seen, strict=True)
    }
    base = Finding(
        Outcome.PASS,
        expected=f"{words}: the same before, attached and after",
        param=kind,
        level=Level.ATTACH,
        evidence=evidence,
    )
    if seen[0] is None:
        return base._replace(
            outcome=Outcome.NOT_CLAIMED, reason=f"the NIC has none: its driver tells of no {words}"
        )
    changes = _changes(*(one or {} for one in seen))
    if changes:
        return base._replace(
            outcome=Outcome.FAIL,
            kind=Kind.MISMATCH,
            observed=_listed(changes),
            reason=f"a program's attach changes {words}; shown: before -> attached -> after",
        )
    if not seen[0]:
        return base._replace(
            outcome=Outcome.NOT_CLAIMED, reason=f"the NIC has none: no {words} set"
        )
    return base._replace(observed=f"{len(seen[0])} settings, the same")


def _changes(
    before: Mapping[str, Value], attached: Mapping[str, Value], after: Mapping[str, Value]
) -> list[str]:
    changes = []
    moments = (before, attached, after)
    moving = {
        name
        for switch, names in _MOVING.items()
        if any(moment.get(switch) for moment in moments)
        for name in names
    }
    for name in dict.fromkeys([*before, *attached, *after]):
        values = [moment.get(name) for moment in moments]
        if name not in moving and values.count(values[0]) != len(values):
            told = " -> ".join("none" if value is None else str(value) for value in values)
            changes.append(f"{name} {told}")
    return changes


def _listed(changes: list[str]) -> str:
    more = f"; and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
    return "; ".join(changes[:_SHOWN]) + more


def _bounded(values: Mapping[str, Value] | None) -> dict[str, Value] | None:
    if values is None or len(values) <= _KEPT:
        return None if values is None else dict(values)
    kept = dict(list(values.items())[:_KEPT])
    return {**kept, "left out": len(values) - _KEPT}

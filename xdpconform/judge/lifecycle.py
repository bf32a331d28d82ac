# SPDX-License-Identifier: MIT
"""Whether the kernel tells listeners of a device's life and change."""

from __future__ import annotations

from xdpconform.errors import WireError
from xdpconform.judge.finding import Finding, Kind, Outcome, blocked, evidence
from xdpconform.netlink.netdev import Command, Device
from xdpconform.nic import Answer, Nic

_PAIR = 2
"""A veth pair: two devices."""


def _seen(nic: Nic) -> tuple[Answer, dict[Command, list[Device]]] | Finding:
    answer = nic.answers.get("lifecycle")
    if answer is None:
        return blocked(nic.unknown or "notifications were not watched on this source")
    if isinstance(answer.error, WireError):
        return Finding(
            Outcome.FAIL,
            Kind.MALFORMED,
            observed=str(answer.error),
            reason="a notification breaks the format",
            evidence=evidence(answer),
        )
    if not isinstance(answer.value, list):
        return blocked(f"notifications could not be watched: {answer.error}")
    seen: dict[Command, list[Device]] = {command: [] for command in Command}
    for command, device in answer.value:
        seen[Command(command)].append(device)
    return answer, seen


def life(nic: Nic) -> Finding:
    """One notification for each device made, and one for each taken away, with all attributes."""
    found = _seen(nic)
    if isinstance(found, Finding):
        return found
    answer, seen = found
    added, gone = seen[Command.DEV_ADD_NTF], seen[Command.DEV_DEL_NTF]
    base = Finding(
        Outcome.PASS,
        expected="2 dev-add-ntf and 2 dev-del-ntf of the same devices, for a veth pair",
        observed=f"dev-add-ntf of {_indexes(added)}, dev-del-ntf of {_indexes(gone)}",
        evidence=evidence(answer),
    )
    indexes = sorted(map(_index, added))
    if [len(indexes), len({*indexes})] != [_PAIR] * 2 or indexes != sorted(map(_index, gone)):
        reason = "a listener's picture of the devices is not the kernel's"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason=reason)
    if any(device.capabilities.features is None for device in [*added, *gone]):
        reason = "a notification lacks xdp-features"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.MALFORMED, reason=reason)
    return base


def change(nic: Nic) -> Finding:
    """A change of xdp-features is told, with the value that dev-get then gives."""
    found = _seen(nic)
    if isinstance(found, Finding):
        return found
    answer, seen = found
    changed, asked = seen[Command.DEV_CHANGE_NTF], seen[Command.DEV_GET]
    last = {device.ifindex: device for device in [*seen[Command.DEV_ADD_NTF], *changed]}
    base = Finding(
        Outcome.PASS,
        expected="the last word about a device equals what dev-get says of it",
        observed=f"dev-change-ntf of {_indexes(changed)}",
        evidence=evidence(answer),
    )
    if not asked:
        return base._replace(
            outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason="dev-get of the new device failed"
        )
    if last.get(asked[0].ifindex) != asked[0]:
        reason = "its claims changed, and no notification said so"
        return base._replace(outcome=Outcome.FAIL, kind=Kind.MISMATCH, reason=reason)
    return base


def _index(device: Device) -> int:
    return device.ifindex or 0


def _indexes(devices: list[Device]) -> str:
    return " ".join(str(device.ifindex) for device in devices) or "none"

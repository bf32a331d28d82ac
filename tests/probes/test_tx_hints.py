# SPDX-License-Identifier: MIT
"""Metadata of sent frames on a live veth and a live tap: refused in zero copy, kept in copy mode.

Nothing here has zero copy; what copy mode does is the kernel's generic path.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import pytest

from tests.probes.beds import made
from xdpconform.errors import Blocked
from xdpconform.judge.finding import Kind, Outcome
from xdpconform.judge.tx_hints import FLAGS, kept
from xdpconform.netlink.netdev import XdpAct
from xdpconform.observed import Refusal
from xdpconform.observed_xsk import (
    COPIED,
    LEAD,
    TX_HINTS,
    UNCOPIED,
    Invalid,
    Launches,
    Sums,
    TxHints,
)
from xdpconform.probes import tx_hints as probe
from xdpconform.probes import tx_socket
from xdpconform.probes.kinds import checksum, frame, plan
from xdpconform.probes.kit import claims
from xdpconform.probes.testbed import Frames
from xdpconform.probes.tx_hints import FLOWS, FRAMES, SUMMED, tx_hints, unsummed
from xdpconform.probes.tx_socket import get_through, opened, program, zero_copy_lacking
from xdpconform.probes.tx_wedge import BEYOND, UNKNOWN, wedge
from xdpconform.probes.xsk import XskError, XskMode, XskSocket
from xdpconform.probes.xsk.uapi import XDP_UMEM_TX_SW_CSUM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdpconform.probes.testbed import Port, Testbed
    from xdpconform.probes.xsk import Umem

NONE = Refusal("EOPNOTSUPP")


@pytest.fixture(scope="module", params=["veth", "tap"])
def bed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Testbed]:
    """One of each kind for them all."""
    with made(request.param, str(tmp_path_factory.mktemp("state"))) as one:
        yield one


@pytest.fixture(scope="module")
def seen(bed: Testbed) -> TxHints:
    """What was asked, once."""
    found = tx_hints(bed)
    if "launch-time" in found.copy.problems:
        pytest.skip("the kernel knows no launch time (6.15)")
    return found


def test_zero_copy(seen: TxHints) -> None:
    """The bind is refused, with the errno of a device without the flag, and nothing was sent."""
    assert NONE == seen.zero.refused
    assert (UNCOPIED, None, 0, None, {}, None) == (
        seen.zero.mode,
        seen.zero.zerocopy,
        seen.zero.plain_sent,
        seen.zero.stamps,
        seen.zero.sums,
        seen.zero.launches,
    )
    assert (False, False, ()) == (seen.phc, seen.etf, seen.lacking)


def test_copy_stamps(seen: TxHints) -> None:
    """The generic path stamps each frame by the system's clock."""
    stamps = seen.copy.stamps
    assert stamps is not None
    _name, before, after = next(one for one in stamps.clocks if one[0] == "CLOCK_REALTIME")
    values = [one or 0 for one in stamps.values]

    assert (COPIED, False, FRAMES) == (seen.copy.mode, seen.copy.zerocopy, seen.copy.plain)
    assert (FRAMES, FRAMES, FRAMES) == (stamps.sent, stamps.arrived, len(values))
    assert values == sorted(values)
    assert before <= values[0]
    assert values[-1] <= after


def test_copy_sums(seen: TxHints) -> None:
    """The generic path fills in every checksum."""
    assert dict.fromkeys(SUMMED, Sums(FLOWS, FLOWS)) == seen.copy.sums


def test_copy_launches(seen: TxHints) -> None:
    """The generic path sends frames with a launch time, and stamps them."""
    launches = seen.copy.launches
    assert launches is not None

    assert ("CLOCK_TAI", FRAMES, FRAMES) == (
        launches.clock,
        launches.sent,
        len(launches.arrivals),
    )
    assert FRAMES == len(launches.stamps)


@pytest.mark.parametrize(
    ("takes", "asked"),
    [
        (LEAD // 10, [LEAD]),
        (LEAD // 10 + 1, [LEAD, 5 * LEAD]),
        (LEAD // 2, [LEAD, 5 * LEAD]),
        (4 * LEAD, [LEAD, 5 * LEAD, 25 * LEAD]),
        (25 * LEAD, [LEAD, 5 * LEAD, 25 * LEAD]),
    ],
)
def test_a_slow_host(
    bed: Testbed, monkeypatch: pytest.MonkeyPatch, takes: int, asked: list[int]
) -> None:
    """Where sending takes more than a tenth of the time that the frames had, they are given more.

    A host that slow sees late what left early.
    """
    leads = []

    def launched(_bed: Testbed, _xsk: XskSocket, _frames: Frames, lead: int) -> Launches:
        leads.append(lead)
        return Launches(FRAMES, "CLOCK_TAI", (0,) * FRAMES, lead=lead - takes)

    monkeypatch.setattr(probe, "_launched", launched)
    found = tx_hints(bed).copy.launches

    assert asked == leads
    assert found is not None
    assert asked[-1] - takes == found.lead


def test_no_checksums_of_the_kernel(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel fills in no checksums for a device, copy mode goes without (virtio_net)."""

    def bound(port: Port, umem: Umem, **more: Any) -> XskSocket:
        if umem.flags & XDP_UMEM_TX_SW_CSUM:
            raise XskError(errno.EOPNOTSUPP, "bind", port.ifname, 0)
        return XskSocket(port, umem, **more)

    monkeypatch.setattr(tx_socket, "XskSocket", bound)
    with opened(bed, COPIED) as found, program(bed):
        assert isinstance(found, XskSocket)
        assert 1 == get_through(bed, found, Frames(bed.nic.mac, bed.far_mac, b"12345678").make(1))


def test_as_if_zero_copy(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a bind is granted everything is asked; checksums that nobody fills in are seen to be.

    Here that is copy mode without the kernel's own checksums: a veth hands them on as they are
    (NETIF_F_HW_CSUM), for a tap the stack fills them in.
    """
    monkeypatch.setitem(tx_socket.MODES, UNCOPIED, XskMode.COPY)
    zero = tx_hints(bed).zero
    expected = Sums(FLOWS, 0, FLOWS) if bed.kind == "veth" else Sums(FLOWS, FLOWS)

    assert (UNCOPIED, None, False, FRAMES) == (zero.mode, zero.refused, zero.zerocopy, zero.plain)
    assert dict.fromkeys(SUMMED, expected) == zero.sums
    assert zero.stamps is not None
    assert FRAMES == zero.stamps.arrived


def test_without_asking(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A completion that nobody writes to is seen to be as it was."""
    monkeypatch.setattr(probe, "XDP_TXMD_FLAGS_TIMESTAMP", 0)
    stamps = tx_hints(bed).copy.stamps
    assert stamps is not None

    assert (None,) * FRAMES == stamps.values


def test_stuck(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a request is refused, it and all after it are said to have been."""
    monkeypatch.setattr(probe, "XDP_TXMD_FLAGS_CHECKSUM", 1 << 20)
    found = tx_hints(bed).copy

    assert {"checksum": "EINVAL", "launch-time": "EINVAL"} == found.problems
    assert (FRAMES, {}, None) == (found.plain, found.sums, found.launches)


@pytest.mark.parametrize("hint", TX_HINTS)
def test_lies(seen: TxHints, hint: str) -> None:
    """The honest NIC claims nothing; a claim is contradicted with zero copy, else it is blocked."""
    assert seen.claims is not None
    lying = seen.claims._replace(xsk=FLAGS[hint])
    full = lying._replace(features=(lying.features or XdpAct(0)) | XdpAct.XSK_ZEROCOPY)
    found = [kept(seen._replace(claims=one), hint) for one in (seen.claims, lying, full)]

    assert [
        (Outcome.NOT_CLAIMED, None),
        (Outcome.BLOCKED, None),
        (Outcome.FAIL, Kind.OVER_CLAIM),
    ] == [(one.outcome, one.kind) for one in found]


def test_wedge(bed: Testbed) -> None:
    """In copy mode either both go on, or the kernel stops where it is known to."""
    found = wedge(bed, COPIED)
    names = (UNKNOWN, BEYOND)
    stuck = tuple(Invalid(what, ("EINVAL",) * 4, 4, False, 0, False, 2) for what in names)

    assert (found.refused, found.zerocopy, found.plain) == (None, False, True)
    assert names == tuple(case.what for case in found.cases)
    assert stuck == found.cases or all(case.next_arrived for case in found.cases)


def test_wedge_zero_copy(bed: Testbed) -> None:
    """In zero copy there is no socket to try it with."""
    found = wedge(bed, UNCOPIED)

    assert (NONE, None, False, ()) == (found.refused, found.zerocopy, found.plain, found.cases)


def test_usable_afterwards(bed: Testbed) -> None:
    """A stuck ring goes with its socket: the next one sends, and no program is left."""
    wedge(bed, COPIED)

    assert FRAMES == tx_hints(bed).copy.plain
    assert "none" == bed.nic.state().xdp


@pytest.mark.parametrize("kind", SUMMED)
def test_unsummed(kind: str) -> None:
    """A stack's half of the checksum is in its place: summed up with the rest it is right."""
    start, offset, _ethertype = SUMMED[kind]
    sent = next(plan([kind], 1, 1))
    whole = frame(sent, (b"\2" * 6, b"\4" * 6), b"12345678")
    bare = unsummed(whole, sent, start, offset)
    filled = checksum(bare[start:]).to_bytes(2, "big")
    at = start + offset

    assert whole != bare
    assert whole == bare[:at] + filled + bare[at + 2 :]


class Refuses:
    """A socket that is refused at some step."""

    def __init__(self, code: int, step: str) -> None:
        self.error = XskError(code, step, "eth7", 0)

    def __call__(self, *_args: object, **_options: object) -> None:
        """Open it."""
        raise self.error


def test_no_metadata(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel without metadata says nothing of a NIC."""
    monkeypatch.setattr(tx_socket, "XskSocket", Refuses(errno.EINVAL, "umem"))
    with pytest.raises(Blocked) as caught:
        tx_hints(bed)
    expected = (
        "this kernel has no metadata for frames that AF_XDP sends (XDP_UMEM_TX_METADATA_LEN,"
        " since 6.11)"
    )

    assert expected == str(caught.value)


@pytest.mark.parametrize(
    ("code", "step"),
    [
        (errno.EBUSY, "bind"),
        (errno.EPERM, "bind"),
        (errno.ENETDOWN, "bind"),
        (errno.ENOMEM, "ring"),
    ],
)
def test_not_the_driver(
    bed: Testbed, monkeypatch: pytest.MonkeyPatch, code: int, step: str
) -> None:
    """What is in use, down or forbidden is no refusal of the NIC's."""
    monkeypatch.setattr(tx_socket, "XskSocket", Refuses(code, step))
    with pytest.raises(XskError) as caught, opened(bed, UNCOPIED):
        pass

    assert (code, step) == (caught.value.errno, caught.value.step)


def test_lacking(bed: Testbed) -> None:
    """An MTU is named where zero copy is claimed and refused, and not where there is none."""
    now = claims(bed.nic)
    assert now is not None
    claimed = now._replace(features=(now.features or XdpAct(0)) | XdpAct.XSK_ZEROCOPY)
    with bed.settings.mtu(bed.nic, 1600):
        found = zero_copy_lacking(bed, claimed, Refusal("EINVAL"))

        assert f"its MTU is 1600: ip link set {bed.nic.ifname} mtu 1500" in found
        assert () == zero_copy_lacking(bed, claimed, NONE)
        assert () == zero_copy_lacking(bed, now, Refusal("EINVAL"))
        assert () == zero_copy_lacking(bed, claimed, None)

# SPDX-License-Identifier: MIT
"""What live drivers tell of received frames, and what is switched on for it and off again."""

from __future__ import annotations

import errno
import os
import re
import time
from contextlib import contextmanager
from struct import pack
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from tests.probes.beds import made
from xdpconform.errors import Blocked, KernelError, SourceError, errno_name
from xdpconform.judge import hashes
from xdpconform.judge.finding import Outcome
from xdpconform.judge.hints import answered, timestamps, vlan_tags
from xdpconform.netlink.ethtool import TimeStamping
from xdpconform.netlink.extack import ExtAck
from xdpconform.netlink.netdev import XdpRxMetadata
from xdpconform.observed import Refusal
from xdpconform.observed_hints import HINTS, KINDS, TAGGED, Spread, Stamping
from xdpconform.probes import attach, hints
from xdpconform.probes.bpf import BpfError, Kfuncs, Program
from xdpconform.probes.bpf.insn import (
    BPF_ADD,
    BPF_B,
    BPF_JGT,
    BPF_JNE,
    BPF_W,
    R0,
    R1,
    R2,
    R3,
    R4,
    R6,
    Assembler,
)
from xdpconform.probes.bpf.syscall import BPF_LINK_CREATE, bpf
from xdpconform.probes.kinds import TCI
from xdpconform.probes.kinds import frame as whole_frame
from xdpconform.probes.testbed import Port, Testbed, Wire
from xdpconform.probes.testbed.settings import features

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xdpconform.observed_hints import Sent

COUNT = len(KINDS) * hints.FLOWS * hints.REPEATS
ALL = XdpRxMetadata.TIMESTAMP | XdpRxMetadata.HASH | XdpRxMetadata.VLAN_TAG


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """One veth for them all."""
    with made("veth", str(tmp_path_factory.mktemp("state"))) as one:
        yield one


@pytest.fixture(scope="module")
def tap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """One tap for them all."""
    with made("tap", str(tmp_path_factory.mktemp("state"))) as one:
        yield one


@pytest.fixture(autouse=True)
def _as_it_was(bed: Testbed) -> Iterator[None]:
    """Whatever is probed, both ends are as before."""
    before = [attach.sight(port) for port in (bed.nic, bed.peer) if port]
    yield
    assert before == [attach.sight(port) for port in (bed.nic, bed.peer) if port]


def test_veth(bed: Testbed) -> None:
    """A veth answers from the skb: no time stamp, a hash of the flow, and no tag outside of frames.

    drivers/net/veth.c, veth_xdp_rx_timestamp and those beside it.
    """
    found = hints.hints(bed)

    assert found.claims is not None
    assert ALL == found.claims.rx_metadata
    assert ("native", None, None, ()) == (found.mode, found.load, found.attach, found.lacking)
    assert COUNT == len(found.told)
    assert found.sent == tuple(one.sent for one in found.told)
    assert {(0, 0, -errno.ENODATA)} == {one.returned for one in found.told}
    assert {(0, 0, 1)} == {(one.timestamp, one.queue, one.times) for one in found.told}
    assert {kind: {TAGGED[kind]} for kind in TAGGED} == {
        kind: {one.h_proto for one in found.of(kind)} for kind in TAGGED
    }
    l4 = {one.sent.kind for one in found.told if one.rss_type == hashes.XDP_RSS_L4}
    assert set(hashes.HASHED) == l4
    assert (Spread(), Stamping()) == (found.spread, found.stamping)
    assert {"rx-hashing": "veth0 cannot switch rx-hashing on [fixed]"} == found.remedies
    assert not found.features["rx-hashing"]
    assert found.features["rx-vlan-hw-parse"]
    clocks = {one.clock: one for one in found.clocks}
    assert set(hints.CLOCKS) == set(clocks)
    assert all(one.before < one.after for one in found.clocks)


def test_veth_judged(bed: Testbed) -> None:
    """A veth is true to its claims; that its time stamps are 0 is said."""
    found = hints.hints(bed)

    lines = [answered(found, hint) for hint in HINTS]
    lines += [hashes.values(found, kind) for kind in hashes.HASHED]
    lines += [hashes.types(found, kind) for kind in KINDS]
    lines += [vlan_tags(found, kind) for kind in ("untagged", *TAGGED)]
    assert {Outcome.PASS} == {one.outcome for one in lines}
    stamps = timestamps(found)
    assert Outcome.PASS is stamps.outcome
    assert "the value is 0: the driver answers, and nothing stamps frames" == stamps.reason
    assert Outcome.NOT_CLAIMED is hashes.queues(found).outcome


def test_tap(tap: Testbed) -> None:
    """A tap claims nothing of it, and each kfunc says so for each frame."""
    found = hints.hints(tap)

    assert found.claims is not None
    assert XdpRxMetadata(0) == found.claims.rx_metadata
    assert COUNT == len(found.told)
    assert {(-errno.EOPNOTSUPP,) * 3} == {one.returned for one in found.told}
    assert ({}, {}) == (found.features, found.remedies)
    assert {Outcome.NOT_CLAIMED} == {answered(found, hint).outcome for hint in HINTS}


# Tags outside of frames: as a NIC that takes them out.

BPF_PROG_TYPE_SCHED_CLS = 3
BPF_TCX_EGRESS = 47
BPF_FUNC_SKB_VLAN_PUSH = 18
SKB_DATA, SKB_DATA_END = 76, 80  # struct __sk_buff


def pushes() -> bytes:
    """A program at the sender that pushes the tag which byte 14 of a frame asks for."""
    asm = Assembler()
    asm.BPF_MOV64_REG(R6, R1)
    asm.BPF_LDX_MEM(BPF_W, R2, R6, SKB_DATA)
    asm.BPF_LDX_MEM(BPF_W, R3, R6, SKB_DATA_END)
    asm.BPF_MOV64_REG(R4, R2)
    asm.BPF_ALU64_IMM(BPF_ADD, R4, 15)
    asm.BPF_JMP_REG(BPF_JGT, R4, R3, "end")
    asm.BPF_LDX_MEM(BPF_B, R0, R2, 14)
    for number, proto in enumerate(TAGGED.values(), 1):
        asm.BPF_JMP_IMM(BPF_JNE, R0, number, f"not {number}")
        asm.BPF_MOV64_REG(R1, R6)
        asm.BPF_MOV64_IMM(R2, int.from_bytes(proto.to_bytes(2, "big"), asm.byteorder))
        asm.BPF_MOV64_IMM(R3, TCI)
        asm.BPF_EMIT_CALL(BPF_FUNC_SKB_VLAN_PUSH)
        asm.BPF_JMP_A("end")
        asm.label(f"not {number}")
    asm.label("end")
    asm.BPF_MOV64_IMM(R0, 0)  # TCX_PASS
    asm.BPF_EXIT_INSN()
    return asm.code()


def asking(sent: Sent, ends: tuple[bytes, bytes], run: bytes) -> bytes:
    """A frame without its tag, which asks for it."""
    data = whole_frame(sent, ends, run)
    if sent.tag is None:
        return data
    return data[:12] + data[16:18] + bytes([1 + list(TAGGED).index(sent.kind)]) + data[19:]


def test_tags_taken_out(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tag beside the frame is told exactly, and the frame has none."""
    monkeypatch.setattr(hints, "frame", asking)
    assert bed.peer is not None
    ifindex = bed.peer.ifindex

    def attached() -> int:
        attr = pack("=IIII", program.fd, ifindex, BPF_TCX_EGRESS, 0) + bytes(16)
        return bpf(BPF_LINK_CREATE, attr, "attach at the sender")

    with Program.load(pushes(), name="pushes", prog_type=BPF_PROG_TYPE_SCHED_CLS) as program:
        link = bed.peer.namespace.call(attached)
        try:
            found = hints.hints(bed)
        finally:
            os.close(link)

    for kind, proto in TAGGED.items():
        told = found.of(kind)
        assert {(0, proto, TCI, 0x88B5)} == {
            (one.answer("vlan-tag"), one.vlan_proto, one.vlan_tci, one.h_proto) for one in told
        }
        line = vlan_tags(found, kind)
        assert (Outcome.PASS, "", "8 of 8 told exactly, 0 left in the frame") == (
            line.outcome,
            line.reason,
            line.observed,
        )
    assert Outcome.PASS is vlan_tags(found, "untagged").outcome


# What is switched on for it.


def test_features_come_back(bed: Testbed) -> None:
    """What a claim needs is on meanwhile, and off again afterwards."""
    with bed.settings.feature(bed.nic, {"rx-vlan-hw-parse": False, "rx-vlan-stag-hw-parse": False}):
        found = hints.hints(bed)

        assert found.features["rx-vlan-hw-parse"]
        assert found.features["rx-vlan-stag-hw-parse"]
        assert {"rx-hashing"} == set(found.remedies)
        assert "rx-vlan-hw-parse" not in features(bed.nic).active


def test_features_refused(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the driver refuses to switch is told with the command, and the rest goes on."""

    def refuse(*_words: object) -> None:
        raise KernelError(errno.EBUSY, ExtAck(), "ethtool features-set rx-vlan-hw-parse on")

    with bed.settings.feature(bed.nic, {"rx-vlan-hw-parse": False}):
        with monkeypatch.context() as patch:
            patch.setattr(bed.settings, "feature", refuse)
            found = hints.hints(bed)

        assert COUNT == len(found.told)
        assert not found.features["rx-vlan-hw-parse"]
        told = found.remedies["rx-vlan-hw-parse"]
        assert re.search(r"EBUSY.*: ethtool -K veth0 rx-vlan-hw-parse on$", told)


def test_every_tag_comes_in(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The NIC takes all frames meanwhile: nothing else opens a filter of VLANs that is fixed."""
    seen = []

    def look(_phc: int | None) -> dict[str, int]:
        seen.append(bed.nic.state().promiscuity)
        return {}

    monkeypatch.setattr(hints, "read_clocks", look)
    hints.hints(bed)

    assert [1, 1] == seen
    assert 0 == bed.nic.state().promiscuity


def test_nothing_for_no_claim(tap: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is claimed, nothing is switched."""
    said: list[str] = []
    monkeypatch.setattr(tap, "step", said.append)

    hints.hints(tap)

    assert ["attach a program to tap0", "detach the program of tap0"] == said


STAMPS = TimeStamping(
    timestamping=frozenset({"hardware-receive"}), rx_filters=frozenset({"none", "all"})
)


def test_stamped(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that can stamp every frame does so meanwhile, and not afterwards."""
    said = []

    @contextmanager
    def stamps(port: Port) -> Iterator[None]:
        said.append(f"on {port.ifname}")
        yield
        said.append("off")

    monkeypatch.setattr(hints, "tsinfo", lambda _bed: STAMPS)
    monkeypatch.setattr(bed.settings, "stamps", stamps)
    found = hints.hints(bed)

    assert Stamping(hardware=True, every=True, on=True) == found.stamping
    assert ["on veth0", "off"] == said


def test_not_stamped(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel cannot set it and put it back, the command is told."""
    monkeypatch.setattr(hints, "tsinfo", lambda _bed: STAMPS)
    found = hints.hints(bed).stamping

    assert (True, True, False, "hwtstamp_ctl -i veth0 -r 1") == (
        found.hardware,
        found.every,
        found.on,
        found.remedy,
    )
    assert "EOPNOTSUPP" in found.problem


@pytest.mark.parametrize("filters", [None, frozenset({"none", "ptpv2-event"})])
def test_not_every_frame(
    bed: Testbed, filters: frozenset[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that stamps only some frames is left as it is."""
    monkeypatch.setattr(hints, "tsinfo", lambda _bed: STAMPS._replace(rx_filters=filters))

    assert Stamping(hardware=True) == hints.hints(bed).stamping


def test_own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device's clock is read by its descriptor, and by nothing but reading."""
    opened: list[tuple[str, int]] = []

    def opens(path: str, flags: int) -> int:
        opened.append((path, flags))
        return 77

    ordinary = time.clock_gettime_ns
    monkeypatch.setattr(os, "open", opens)
    monkeypatch.setattr(os, "close", lambda fd: opened.append(("closed", fd)))
    monkeypatch.setattr(
        time, "clock_gettime_ns", lambda clock: 5 if clock == -621 else ordinary(clock)
    )

    assert 5 == hints.read_clocks(3)["PHC"]
    assert [("/dev/ptp3", os.O_RDONLY | os.O_CLOEXEC), ("closed", 77)] == opened


@pytest.mark.parametrize("phc", [None, 4095])
def test_no_clock_of_its_own(phc: int | None) -> None:
    """A clock that is not there, or not to be read, is left out."""
    assert set(hints.CLOCKS) == set(hints.read_clocks(phc))


def test_clock_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no clock is left out, and its descriptor closed."""
    before = len(os.listdir("/proc/self/fd"))
    ordinary = os.open
    monkeypatch.setattr(os, "open", lambda _path, flags: ordinary(os.devnull, flags))
    found = hints.read_clocks(0)
    monkeypatch.undo()

    assert set(hints.CLOCKS) == set(found)
    assert before == len(os.listdir("/proc/self/fd"))


# What is in the way.


def test_attach_refused(bed: Testbed) -> None:
    """A driver that takes no program at its MTU: what it said, and what to do."""
    assert bed.peer is not None
    with bed.settings.mtu(bed.nic, 9000), bed.settings.mtu(bed.peer, 9000):
        found = hints.hints(bed)

    assert Refusal("ERANGE", "veth: Peer MTU is too large to set XDP") == found.attach
    assert ("its MTU is 9000: ip link set veth0 mtu 1500",) == found.lacking
    assert ((), (), "none") == (found.sent, found.told, found.mode)
    assert Outcome.BLOCKED is answered(found, "hash").outcome


def test_load_refused(bed: Testbed) -> None:
    """A device that no program can be loaded for (net/core/dev.c: no ndo_bpf) says EOPNOTSUPP."""
    lo = cast("Testbed", SimpleNamespace(nic=Port(bed.nic.namespace, "lo")))
    code = Assembler()
    code.BPF_MOV64_IMM(R0, 2)
    code.BPF_EXIT_INSN()
    with pytest.raises(BpfError) as caught, hints._load(lo, code.code()):
        pass

    assert errno.EOPNOTSUPP == caught.value.errno


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EOPNOTSUPP])
def test_load_refused_of_a_claim(bed: Testbed, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A load that is refused is seen, and contradicts the claim."""

    def refuse(*_words: object) -> Program:
        raise BpfError(code, "load program 'xdpconform'")

    monkeypatch.setattr(hints, "_load", refuse)
    found = hints.hints(bed)

    assert Refusal(errno_name(code)) == found.load
    assert ((), ()) == (found.told, found.lacking)
    assert {Outcome.FAIL} == {answered(found, hint).outcome for hint in HINTS}


def test_privileges(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A load that is refused for want of privileges says nothing of the NIC."""

    def refuse(*_words: object) -> Program:
        raise BpfError(errno.EPERM, "load program 'xdpconform'")

    monkeypatch.setattr(hints, "_load", refuse)
    with pytest.raises(BpfError, match="EPERM"):
        hints.hints(bed)


def test_no_kfuncs(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that has none of the kfuncs."""
    monkeypatch.setattr(Kfuncs, "find", classmethod(lambda cls: cls(None, None, None)))
    with pytest.raises(Blocked) as caught:
        hints.hints(bed)

    assert "this kernel has none of the kfuncs that ask a driver for metadata" == str(caught.value)


def test_one_kfunc_missing(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that has some of them: the others are asked."""
    there = Kfuncs.find()
    monkeypatch.setattr(Kfuncs, "find", lambda: there._replace(vlan_tag=None))
    found = hints.hints(bed)

    assert {(0, 0, None)} == {one.returned for one in found.told}
    assert Outcome.BLOCKED is answered(found, "vlan-tag").outcome
    assert Outcome.PASS is answered(found, "hash").outcome


def test_nobody_sends(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a medium nothing can be told."""
    monkeypatch.setattr(bed, "wire", None)
    with pytest.raises(Blocked, match=r"^nothing sends frames to veth0: "):
        hints.hints(bed)


class Losing(Wire):
    """A wire that loses frames.

    Args:
        wire: the real one.
        tagged: whether it loses tagged frames, always.
        rounds: how often it loses all that is sent at once.
    """

    def __init__(self, wire: Wire, *, tagged: bool = False, rounds: int = 0) -> None:
        super().__init__("a losing wire")
        self._wire = wire
        self._tagged = tagged
        self.rounds = rounds
        self.sent = 0

    def send(self, frames: Sequence[bytes]) -> None:
        """Lose some, send the others."""
        self.sent += 1
        if self.sent <= self.rounds:
            return
        self._wire.send(
            [one for one in frames if not (self._tagged and one[12:14] in (b"\x81\0", b"\x88\xa8"))]
        )


@pytest.mark.parametrize(("tagged", "rounds"), [(True, 0), (False, 1), (False, 9)])
def test_lost(bed: Testbed, *, tagged: bool, rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames are sent again where some are not seen, and what is never seen is not told."""
    assert bed.wire is not None
    wire = Losing(bed.wire, tagged=tagged, rounds=rounds)
    monkeypatch.setattr(bed, "wire", wire)
    monkeypatch.setattr(hints, "PATIENCE", 0.1)
    found = hints.hints(bed)

    seen = {one.sent.kind for one in found.told}
    if tagged:
        assert (set(KINDS) - set(TAGGED), hints.ROUNDS) == (seen, wire.sent)
        line = vlan_tags(found, "vlan-8100")
        expected = (
            "no frame reached the program of these kinds: vlan-8100; whatever is before the NIC has"
            " to pass tagged frames of every VLAN"
        )
        assert (Outcome.BLOCKED, expected) == (line.outcome, line.reason)
    elif rounds == 1:
        assert (set(KINDS), 2) == (seen, wire.sent)
    else:
        assert (set(), hints.ROUNDS) == (seen, wire.sent)
    assert {1} >= {one.times for one in found.told}


def test_undo_is_told(bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not come back is said, and no result made of it."""

    @contextmanager
    def stamps(_port: Port) -> Iterator[None]:
        yield
        raise SourceError("hwtstamp rx-filter of veth0 is all after it was put back")

    monkeypatch.setattr(hints, "tsinfo", lambda _bed: STAMPS)
    monkeypatch.setattr(bed.settings, "stamps", stamps)
    with pytest.raises(SourceError, match=r"after it was put back$"):
        hints.hints(bed)

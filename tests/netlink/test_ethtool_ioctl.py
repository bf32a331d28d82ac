# SPDX-License-Identifier: MIT
"""The ethtool ioctl's structures: against C's layout, a driver made of values, and any bytes."""

from __future__ import annotations

import ctypes
import errno
from struct import pack_into, unpack_from
from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xdpconform.errors import KernelError, WireError
from xdpconform.netlink import ethtool_ioctl
from xdpconform.netlink.ethtool_ioctl import Rule, rules, string_stats
from xdpconform.netlink.extack import ExtAck

if TYPE_CHECKING:
    from collections.abc import Callable


class FlowSpec(ctypes.Structure):
    """struct ethtool_rx_flow_spec."""

    _fields_: ClassVar = [
        ("flow_type", ctypes.c_uint32),
        ("h_u", ctypes.c_uint8 * 52),
        ("h_ext", ctypes.c_uint8 * 20),
        ("m_u", ctypes.c_uint8 * 52),
        ("m_ext", ctypes.c_uint8 * 20),
        ("ring_cookie", ctypes.c_uint64),
        ("location", ctypes.c_uint32),
    ]


class RxNfc(ctypes.Structure):
    """struct ethtool_rxnfc with one location."""

    _fields_: ClassVar = [
        ("cmd", ctypes.c_uint32),
        ("flow_type", ctypes.c_uint32),
        ("data", ctypes.c_uint64),
        ("fs", FlowSpec),
        ("rule_cnt", ctypes.c_uint32),
        ("rule_locs", ctypes.c_uint32 * 1),
    ]


LOCATIONS = RxNfc.rule_locs.offset


class Driver:
    """Answers as net/ethtool/ioctl.c does: its own structures, its own offsets."""

    def __init__(self, *rules: Rule, stats: dict[bytes, int] | None = None) -> None:
        self.rules = {rule.location: rule for rule in rules}
        self.stats = list((stats or {}).items())
        self.refusals: dict[int, int] = {}
        self.asked: list[int] = []
        self.meanwhile: dict[int, Callable[[], None]] = {}
        """What happens before a command is answered, once."""

    def __call__(self, data: bytearray) -> None:
        """SIOCETHTOOL."""
        command = unpack_from("=I", data)[0]
        self.asked.append(command)
        self.meanwhile.pop(command, lambda: None)()
        if command in self.refusals:
            raise KernelError(self.refusals[command], ExtAck(), "fake")
        if command in (0x2E, 0x2F, 0x30):
            self._classify(command, data)
        elif command == 0x37:
            assert unpack_from("=Q", data, 8)[0] == 1 << 1  # ETH_SS_STATS
            pack_into("=QI", data, 8, 1 << 1 if self.stats else 0, len(self.stats))
        elif command == 0x1B:
            assert unpack_from("=II", data, 4) == (1, len(self.stats))
            pack_into("=I", data, 8, len(self.stats))
            for number, (name, _value) in enumerate(self.stats):
                pack_into("=32s", data, 12 + 32 * number, name)
        elif command == 0x1D:
            pack_into("=I", data, 4, len(self.stats))
            for number, (_name, value) in enumerate(self.stats):
                pack_into("=Q", data, 8 + 8 * number, value)
        else:
            raise AssertionError(command)

    def _classify(self, command: int, data: bytearray) -> None:
        request = RxNfc.from_buffer(data)
        if command == 0x2E:
            request.rule_cnt = len(self.rules)
        elif command == 0x30:
            if request.rule_cnt < len(self.rules):
                raise KernelError(errno.EMSGSIZE, ExtAck(), "fake")
            request.rule_cnt = len(self.rules)
            for number, location in enumerate(self.rules):
                pack_into("=I", data, LOCATIONS + 4 * number, location)
        else:
            rule = self.rules.get(request.fs.location)
            if rule is None:
                raise KernelError(errno.ENOENT, ExtAck(), "fake")
            request.fs.flow_type, request.fs.ring_cookie = rule.flow_type, rule.ring_cookie
            request.rule_cnt = rule.rss_context or 0
            begin = RxNfc.fs.offset + FlowSpec.h_u.offset
            data_view = (ctypes.c_uint8 * len(data)).from_buffer(data)
            data_view[begin : begin + 144] = list(rule.match)


def rule(location: int, flow_type: int = 1, cookie: int = 0, context: int | None = None) -> Rule:
    """A rule that compares its location's byte."""
    return Rule(location, flow_type, cookie, context, bytes([location & 0xFF]) * 144)


def test_layout() -> None:
    """The structures are laid out as C lays them out."""
    spec = RxNfc.fs.offset
    data = bytearray(ctypes.sizeof(RxNfc))
    numbers = (1, 2, 3, 4, b"h" * 52, b"H" * 20, b"m" * 52, b"M" * 20, 5, 6, 7)
    ethtool_ioctl.RXNFC.pack_into(data, 0, *numbers)
    found = RxNfc.from_buffer(data)

    assert LOCATIONS == ethtool_ioctl.RXNFC.size
    assert [1, 2, 3, 4, 5, 6, 7] == [
        *(found.cmd, found.flow_type, found.data, found.fs.flow_type, found.fs.ring_cookie),
        *(found.fs.location, found.rule_cnt),
    ]
    assert b"h" * 52 + b"H" * 20 + b"m" * 52 + b"M" * 20 == bytes(data[spec + 4 : spec + 148])


RULES = {
    "none": (),
    "one": (rule(0),),
    "several": (rule(3, 0x12, 2), rule(1, 0x20000005, 0, 4), rule(1000, 1, (1 << 64) - 1)),
}


@pytest.mark.parametrize("kept", RULES.values(), ids=RULES)
def test_rules(kept: tuple[Rule, ...]) -> None:
    """All rules come back as the driver has them, by location."""
    assert tuple(sorted(kept)) == rules(Driver(*kept))


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EINVAL])
def test_no_rules(code: int) -> None:
    """A driver that knows no rules has None, which is not an empty list."""
    driver = Driver(rule(1))
    driver.refusals[0x2E] = code

    assert rules(driver) is None


def test_rules_refused() -> None:
    """Any other refusal goes through."""
    driver = Driver(rule(1))
    driver.refusals[0x2E] = errno.ENODEV

    with pytest.raises(KernelError, match=r"^fake: the kernel said ENODEV \(No such device\)$"):
        rules(driver)


def test_rules_change_meanwhile() -> None:
    """Rules that come or go while they are read are read again."""
    driver = Driver(rule(1))
    driver.meanwhile[0x30] = lambda: driver.rules.update({2: rule(2)})
    driver.meanwhile[0x2F] = driver.rules.clear

    assert () == rules(driver)
    assert [0x2E, 0x30, 0x2E, 0x30, 0x2F, 0x2E] == driver.asked


def test_rules_never_stand_still() -> None:
    """Rules that change at each try are given up, not read for ever."""
    driver = Driver(rule(1))
    driver.refusals[0x2F] = errno.ENOENT

    text = "^ETHTOOL_GRXCLSRLALL: the rules changed while they were read, 3 times$"
    with pytest.raises(WireError, match=text):
        rules(driver)


def test_rules_are_bounded() -> None:
    """A number of rules that no NIC has is refused, before room is made for it."""

    def endless(data: bytearray) -> None:
        RxNfc.from_buffer(data).rule_cnt = 0xFFFFFFFF

    text = "^ETHTOOL_GRXCLSRLCNT: 4294967295 rules, 65536 at most$"
    with pytest.raises(WireError, match=text):
        rules(endless)


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (rule(0, 1, 3), "tcp4 to queue 3 by "),
        (rule(0, 0x80000012, 0), "ether to queue 0 by "),
        (rule(0, 0x2000000E, 1, 4), "ip6 to queue 1 of RSS context 4 by "),
        (rule(0, 2, (1 << 64) - 1), "udp4 to drop by "),
        (rule(0, 2, (1 << 64) - 2), "udp4 to wake by "),
        (rule(0, 2, 2 << 32 | 5), "udp4 to VF 2 queue 5 by "),
        (rule(0, 0x7F, 1), "flow type 0x7f to queue 1 by "),
    ],
    ids=["queue", "ext", "rss", "drop", "wake", "vf", "unknown"],
)
def test_rule_as_text(one: Rule, text: str) -> None:
    """A rule says where frames go, in ethtool(8)'s words, and what is compared in hex."""
    assert text + one.match.hex() == str(one)


def test_string_stats() -> None:
    """Names are the driver's own, numbers 64 bits wide."""
    stats = {b"rx_queue_0_xdp_drops": 3, b"n" * 32: (1 << 64) - 1, b"": 0, b"\xff\x1b[2J": 5}

    expected = {"rx_queue_0_xdp_drops": 3, "n" * 32: (1 << 64) - 1, "": 0, "\\xff\x1b[2J": 5}
    assert expected == string_stats(Driver(stats=stats))


def test_string_stats_of_one_name() -> None:
    """Names that a driver gives twice stay apart."""
    driver = Driver()
    driver.stats = [(b"rx", 1), (b"rx", 2), (b"rx", 3)]

    assert {"rx": 1, "rx #2": 2, "rx #3": 3} == string_stats(driver)


@pytest.mark.parametrize("command", [None, 0x37, 0x1B, 0x1D])
def test_no_string_stats(command: int | None) -> None:
    """A driver that counts nothing, or refuses to say so, has None."""
    driver = Driver(stats={b"rx": 1} if command else {})
    if command:
        driver.refusals[command] = errno.EOPNOTSUPP

    assert string_stats(driver) is None


def test_string_stats_refused() -> None:
    """Any other refusal goes through."""
    driver = Driver(stats={b"rx": 1})
    driver.refusals[0x1D] = errno.EIO

    with pytest.raises(KernelError, match=r"^fake: the kernel said EIO \(Input/output error\)$"):
        string_stats(driver)


def test_string_stats_change_meanwhile() -> None:
    """Statistics that grow between two requests are read again, and never past the room."""
    driver = Driver(stats={b"rx": 1})
    driver.meanwhile[0x1D] = lambda: driver.stats.extend((b"q%d" % n, n) for n in range(1000))

    found = string_stats(driver)
    assert found is not None
    assert 1001 == len(found)
    assert [0x37, 0x1B, 0x1D] * 2 == driver.asked


def test_string_stats_never_stand_still() -> None:
    """A number that is another at each try is given up, not read for ever."""
    driver = Driver(stats={b"rx": 1})

    def restless(data: bytearray) -> None:
        driver(data)
        if driver.asked[-1] == 0x1D:
            pack_into("=I", data, 4, 0)

    text = "^ETHTOOL_GSTATS: their number changed while they were read, 3 times$"
    with pytest.raises(WireError, match=text):
        string_stats(restless)


def test_string_stats_are_bounded() -> None:
    """A number of statistics that no NIC has is refused, before room is made for it."""

    def endless(data: bytearray) -> None:
        pack_into("=QI", data, 8, 2, 65537)

    text = "^ETHTOOL_GSSET_INFO: 65537 statistics, 65536 at most$"
    with pytest.raises(WireError, match=text):
        string_stats(endless)


@settings(max_examples=300, deadline=None, database=None)
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=6))
def test_any_answer(answers: list[bytes]) -> None:
    """Whatever the kernel leaves in the buffer is a value or an error of ours."""
    for read in (rules, string_stats):
        left = list(answers)

        def noise(data: bytearray, left: list[bytes] = left) -> None:
            if not left:
                raise KernelError(errno.EIO, ExtAck(), "fake")
            answer = left.pop()[: len(data)]
            data[: len(answer)] = answer

        try:
            found = read(noise)
        except (KernelError, WireError) as error:
            found = str(error)

        assert found != ""

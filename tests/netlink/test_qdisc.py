# SPDX-License-Identifier: MIT
"""Queueing disciplines over rtnetlink: bytes to values, cut, any bytes, and a live kernel's."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.namespaces import private_namespace
from xdpconform.errors import WireError
from xdpconform.netlink.constants import NETLINK_ROUTE
from xdpconform.netlink.qdisc import Qdisc, getqdisc_dump, pull_qdisc
from xdpconform.netlink.wire import Message
from xdpconform.sources.base import Client
from xdpconform.sources.kernel import Kernel


def nla(kind: int, body: bytes) -> bytes:
    """An attribute; written without the package's encoder."""
    return pack("=HH", 4 + len(body), kind) + body + bytes(-len(body) % 4)


def qdisc(*attributes: bytes, kind: int = 36) -> Message:
    """RTM_NEWQDISC of interface 7."""
    return Message(kind, 0, 1, 2, pack("=BBHiIII", 0, 0, 0, 7, 1, 2, 3) + b"".join(attributes))


def etf(flags: int) -> bytes:
    """TCA_OPTIONS of an etf."""
    return nla(2, nla(1, pack("=iiI", 500_000, 11, flags)))


ETF = nla(1, b"etf\0")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (qdisc(nla(1, b"noqueue\0")), Qdisc(7, "noqueue")),
        (qdisc(ETF), Qdisc(7, "etf")),
        (qdisc(ETF, etf(1)), Qdisc(7, "etf")),
        (qdisc(ETF, etf(2)), Qdisc(7, "etf", offload=True)),
        (qdisc(etf(6), ETF), Qdisc(7, "etf", offload=True)),
        (qdisc(ETF, nla(2, nla(2, b"\2\0\0\0"))), Qdisc(7, "etf")),
        (qdisc(nla(1, b"fq\0"), etf(2)), Qdisc(7, "fq")),
    ],
)
def test_pulled(message: Message, expected: Qdisc) -> None:
    """Only an etf with its bit set is one with offload."""
    assert expected == pull_qdisc(message)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (qdisc(ETF, kind=16), "rtnetlink: message type 16 in place of RTM_NEWQDISC"),
        (Message(36, 0, 1, 2, bytes(19)), "rtnetlink: tcmsg of 19 bytes, 20 needed"),
        (qdisc(), "rtnetlink: a qdisc of interface 7 without its kind"),
        (qdisc(ETF, nla(2, nla(1, bytes(8)))), "attribute etf-parms: 8 bytes, 12 needed"),
    ],
)
def test_refused(message: Message, expected: str) -> None:
    """What is out of format is said to be."""
    with pytest.raises(WireError) as caught:
        pull_qdisc(message)

    assert expected == str(caught.value)


@given(st.binary(max_size=64))
def test_any_bytes(body: bytes) -> None:
    """Whatever comes, it is a value or an error of ours."""
    message = Message(36, 0, 1, 2, bytes(20) + body)
    try:
        found = pull_qdisc(message)
    except WireError:
        return

    assert found.kind


def test_live() -> None:
    """A pair that is up has what the kernel gives it, and nothing that holds frames."""
    with private_namespace() as namespace:
        namespace.pairs(1)
        namespace.ip("link", "set", "v0a", "up")
        index = namespace.index("v0a")
        with Kernel(namespace.name) as kernel:
            replies = Client(kernel.open(NETLINK_ROUTE)).ask(getqdisc_dump())
            found = [pull_qdisc(one) for one in replies]

    assert [Qdisc(index, "noqueue")] == [one for one in found if one.ifindex == index]

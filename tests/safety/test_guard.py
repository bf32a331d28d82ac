# SPDX-License-Identifier: MIT
"""The guard on live namespaces: what the kernel says meets the rules."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest

from tests.live.bpf import native_program
from tests.namespaces import Namespace, private_namespace
from tests.safety.xsk import bound
from xdpconform.errors import InputError, NoSuchInterface
from xdpconform.interfaces import select
from xdpconform.probes.safety import check, check_owned, check_port, reasons
from xdpconform.snapshot import Inspector
from xdpconform.sources import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

HINT = "if this port is yours to test, say --i-own-this-port v0a"


@pytest.fixture
def made() -> Iterator[Namespace]:
    """A namespace with two pairs that are up, the port v0a with an address of each family."""
    with private_namespace() as namespace:
        namespace.pairs(2)
        namespace.batch(
            *(f"link set {name} up" for name in ("v0a", "v0b", "v1a", "v1b")),
            "addr add 10.0.0.1/24 dev v0a",
            "addr add 2001:db8::1/64 dev v0a nodad",
            "addr add 10.1.0.1/24 dev v1a",
        )
        yield namespace


def of_port(namespace: Namespace, name: str = "v0a") -> tuple[str, ...]:
    """Why a port must not be touched."""
    with Kernel(namespace.name) as kernel:
        (link,) = select([name], Inspector(kernel).links())
        return reasons(kernel, link)


ROWS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "nothing": ((), ()),
    "default-v4": (
        ("route add default via 10.0.0.254",),
        ("v0a carries the default route (IPv4, table 254)",),
    ),
    "default-v6": (
        ("route add default via 2001:db8::fe",),
        ("v0a carries the default route (IPv6, table 254)",),
    ),
    "default-elsewhere": (("route add default via 10.1.0.254",), ()),
    "default-unreachable": (("route add unreachable default metric 9",), ()),
    "default-in-another-table": (
        ("route add default dev v0a table 77",),
        ("v0a carries the default route (IPv4, table 77)",),
    ),
    "default-v6-in-a-large-table": (
        ("route add ::/0 via 2001:db8::fe table 300",),
        ("v0a carries the default route (IPv6, table 300)",),
    ),
    "multipath": (
        ("route add default table 77 nexthop via 10.1.0.254 nexthop via 10.0.0.254",),
        ("v0a carries the default route (IPv4, table 77)",),
    ),
    "multipath-v6": (
        (
            "addr add 2001:db8:1::1/64 dev v1a nodad",
            "route add default nexthop via 2001:db8:1::fe nexthop via 2001:db8::fe",
        ),
        ("v0a carries the default route (IPv6, table 254)",),
    ),
    "nexthop-object": (
        ("nexthop add id 5 via 10.0.0.254 dev v0a", "route add default nhid 5"),
        ("v0a carries the default route (IPv4, table 254)",),
    ),
    "nexthop-group": (
        (
            "nexthop add id 5 via 10.1.0.254 dev v1a",
            "nexthop add id 6 via 10.0.0.254 dev v0a",
            "nexthop add id 7 group 5/6",
            "route add default nhid 7",
        ),
        ("v0a carries the default route (IPv4, table 254)",),
    ),
    "nexthop-unused": (("nexthop add id 5 via 10.0.0.254 dev v0a",), ()),
    "bridge-member": (
        ("link add br0 type bridge", "link set v0a master br0"),
        ("v0a is a member of br0 (bridge)",),
    ),
    "below-a-bridge-with-the-default": (
        (
            "link add br0 type bridge",
            "link set br0 up",
            "link set v0a master br0",
            "addr add 10.2.0.1/24 dev br0",
            "route add default via 10.2.0.254",
        ),
        (
            "v0a is below br0, which carries the default route (IPv4, table 254)",
            "v0a is a member of br0 (bridge)",
        ),
    ),
    "below-a-macvlan-with-the-default": (
        (
            "link add link v0a name mv0 type macvlan",
            "link set mv0 up",
            "addr add 10.2.0.1/24 dev mv0",
            "route add default via 10.2.0.254",
        ),
        (
            "v0a is below mv0, which carries the default route (IPv4, table 254)",
            "mv0 (macvlan) stands on v0a",
        ),
    ),
    "the-peer-has-the-default": (
        ("addr add 10.2.0.1/24 dev v0b", "route add default via 10.2.0.254"),
        (),
    ),
}


@pytest.mark.parametrize(("commands", "expected"), ROWS.values(), ids=ROWS)
def test_reasons(made: Namespace, commands: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """Each thing that makes a port untouchable is seen, and nothing else."""
    made.batch(*commands)

    assert expected == of_port(made)


def test_nexthop_without_its_routes_ways(made: Namespace) -> None:
    """Kernels that name only the nexthop object in a route (nexthop_compat_mode 0) are read too."""
    made.batch("nexthop add id 5 via 10.0.0.254 dev v0a", "route add default nhid 5")
    with Kernel(made.name) as kernel:

        def switch() -> None:
            path = "/proc/sys/net/ipv4/nexthop_compat_mode"
            with open(path, "w", encoding="ascii") as file:
                file.write("0")

        kernel.within(switch)

    assert ("v0a carries the default route (IPv4, table 254)",) == of_port(made)


def test_ssh(made: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way to the client of an SSH session is not touched."""
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.9 50000 10.0.0.1 22")

    assert ("v0a leads to 10.0.0.9, the client of this SSH session",) == of_port(made)
    assert () == of_port(made, "v1a")


def test_tcp(made: Namespace) -> None:
    """The way to the peer of an established connection is not touched, as long as it is there."""
    with private_namespace() as other:
        made.ip("link", "set", "v0b", "netns", other.name)
        other.batch("link set v0b up", "addr add 10.0.0.2/24 dev v0b")
        with Kernel(other.name) as there, Kernel(made.name) as here:
            listener = there.within(lambda: socket.create_server(("10.0.0.2", 0)))
            where = listener.getsockname()
            client = here.within(lambda: socket.create_connection(where))
            with listener, client:
                seen = of_port(made), of_port(made, "v1a")

    assert (("v0a leads to 10.0.0.2, the peer of a TCP connection",), ()) == seen


def test_program(made: Namespace) -> None:
    """A program that is attached is a reason, for owners too; gone, it is none."""
    with native_program(made.name, made.index("v0a")), Kernel(made.name) as kernel:
        seen = check_port(kernel, "v0a", ["v0a"])

    assert ("v0a has an XDP program already (native)",) == seen
    assert () == of_port(made)


def test_af_xdp_socket(made: Namespace) -> None:
    """A bound AF_XDP socket is a reason, for owners too."""
    with bound(made.name, made.index("v0a")), Kernel(made.name) as kernel:
        seen = check_port(kernel, "v0a", ["v0a"])
        beside = check_port(kernel, "v1a")

    expected = (
        "v0a has an AF_XDP socket bound to its rx queue 0",
        "v0a has an AF_XDP socket bound to its tx queue 0",
    )
    assert expected == seen
    assert () == beside


def test_owned(made: Namespace) -> None:
    """A reason comes with what to type; typed for this port, it is no reason any more."""
    made.ip("route", "add", "default", "via", "10.0.0.254")
    made.ip("link", "property", "add", "dev", "v0a", "altname", "the-port-under-test")
    expected = ("v0a carries the default route (IPv4, table 254)", HINT)
    with Kernel(made.name) as kernel:
        (link,) = select(["v0a"], Inspector(kernel).links())

        assert expected == check(kernel, link)
        assert expected == check_port(kernel, "v0a", ["v1a"])
        assert expected == check_port(kernel, "the-port-under-test")
        assert () == check(kernel, link, ["v1a", "v0a"])
        assert () == check_port(kernel, "v0a", ["the-port-under-test"])


def test_no_descriptor_left(made: Namespace) -> None:
    """Asking again and again keeps nothing open."""
    import os

    with Kernel(made.name) as kernel:
        before = len(os.listdir("/proc/self/fd"))
        for _again in range(3):
            check_port(kernel, "v0a")

        assert before == len(os.listdir("/proc/self/fd"))


def test_no_such_port(made: Namespace) -> None:
    """A name that is not there is refused, with those that are."""
    expected = "no interface 'v9' here; there are: lo, "
    with Kernel(made.name) as kernel, pytest.raises(NoSuchInterface, match=expected):
        check_port(kernel, "v9")


@pytest.mark.parametrize("word", ["all", "*", "eth*", "eth?", "eth[01]", "2"])
def test_owned_one_by_one(word: str) -> None:
    """Ports are owned by name, one at a time."""
    expected = (
        f"--i-own-this-port {word}: it takes the name of one port, such as --i-own-this-port eth0;"
        " say it again for each"
    )
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        check_owned(["eth0", word])


@pytest.mark.parametrize("word", ["", "a/b", ".."])
def test_owned_no_name(word: str) -> None:
    """What cannot be a name is refused."""
    with pytest.raises(InputError, match="interface name"):
        check_owned([word])

# SPDX-License-Identifier: MIT
"""Opening and binding: each refusal has its errno and step, on veth, tap and lo."""

from __future__ import annotations

import copy
import errno
import os
import socket
from contextlib import ExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.namespaces import private_namespace
from tests.testbed import child
from tests.xsk.pair import SMALL, Pair
from xdpconform.errors import InputError, SourceError, errno_name
from xdpconform.probes.safety import Guardian
from xdpconform.probes.testbed import Namespace, Port, Testbed
from xdpconform.probes.xsk import BusyPoll, Sizes, Umem, XskError, XskMode, XskSocket
from xdpconform.probes.xsk.error import HINTS
from xdpconform.probes.xsk.uapi import XDP_COPY, XDP_SHARED_UMEM, XDP_UMEM_TX_SW_CSUM

if TYPE_CHECKING:
    from collections.abc import Callable

ZEROCOPY = {"mode": XskMode.ZEROCOPY}

# Of the queue, the umem's options and the socket's: the kernel's errno, and at which step.
# net/xdp/xsk.c, xsk_bind; net/xdp/xsk_buff_pool.c, xp_assign_dev; net/xdp/xdp_umem.c.
REFUSALS: dict[str, tuple[dict[str, Any], dict[str, Any], str, int]] = {
    "small chunks": ({"chunk": 1024}, {}, "umem", errno.EINVAL),
    "odd chunks": ({"chunk": 3000}, {}, "umem", errno.EINVAL),
    "large chunks": ({"chunk": 1 << 20}, {}, "umem", errno.EINVAL),
    "no place beside headroom": ({"headroom": 3840}, {}, "umem", errno.EINVAL),
    "odd metadata": ({"tx_metadata_len": 12}, {}, "umem", errno.EINVAL),
    "long metadata": ({"tx_metadata_len": 256}, {}, "umem", errno.EINVAL),
    "unknown umem flag": ({"flags": 1 << 20}, {}, "umem", errno.EINVAL),
    "unknown flag": ({}, {"flags": 1 << 9}, "bind", errno.EINVAL),
    "copy and zero copy": ({}, {**ZEROCOPY, "flags": XDP_COPY}, "bind", errno.EINVAL),
    "neither ring": ({}, {"sizes": Sizes(0, 0, 64, 64)}, "bind", errno.EINVAL),
    "no fill ring": ({}, {"sizes": Sizes(64, 64, 0, 64)}, "bind", errno.EINVAL),
    "no completion ring": ({}, {"sizes": Sizes(64, 64, 64, 0)}, "bind", errno.EINVAL),
    "no such queue": ({}, {"queue": 1}, "bind", errno.EINVAL),
    "a umem of its own to share": ({}, {"flags": XDP_SHARED_UMEM}, "bind", errno.EINVAL),
    "zero copy": ({}, ZEROCOPY, "bind", errno.EOPNOTSUPP),
    "zero copy, SG": ({}, {**ZEROCOPY, "use_sg": True}, "bind", errno.EOPNOTSUPP),
    "software checksums": (
        {"flags": XDP_UMEM_TX_SW_CSUM},
        ZEROCOPY,
        "bind",
        errno.EOPNOTSUPP,
    ),
    "budget too small": ({}, {"tx_budget": 31}, "XDP_MAX_TX_SKB_BUDGET", errno.EACCES),
    "budget too large": ({}, {"tx_budget": 65}, "XDP_MAX_TX_SKB_BUDGET", errno.EACCES),
}


def refused(call: Callable[[], object]) -> XskError:
    """How it is refused."""
    with pytest.raises(XskError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize(
    ("memory", "options", "step", "code"), REFUSALS.values(), ids=list(REFUSALS)
)
def test_refused(
    pair: Pair, memory: dict[str, Any], options: dict[str, Any], step: str, code: int
) -> None:
    """The kernel's errno comes with its step, the queue and what to do; nothing is left open."""
    before = sorted(os.listdir("/proc/self/fd"))
    with Umem(**{"frames": 256, **memory}) as umem:
        error = refused(lambda: pair.open(umem, **options))
        if error.errno == errno.ENOPROTOOPT:
            pytest.skip("the kernel has no budget to set")

        assert (step, errno_name(code)) == (error.step, error.name)
        queue = options.get("queue", 0)
        said = f"{errno_name(code)} ({os.strerror(code)}); {HINTS[step, code]}"
        assert f"veth0 queue {queue}: AF_XDP {step}: the kernel said {said}" == str(error)
        assert 256 == umem.free
        assert before == sorted(os.listdir("/proc/self/fd"))


def test_no_interface(pair: Pair) -> None:
    """An interface that is gone is said to be."""
    port = copy.copy(pair.bed.nic)
    port.ifindex = 9999
    with Umem(64) as umem:
        error = refused(
            lambda: XskSocket(
                port, umem, queue=0, mode=XskMode.AUTO, need_wakeup=False, sizes=SMALL
            )
        )

        assert (
            "veth0 queue 0: AF_XDP bind: the kernel said ENODEV (No such device);"
            " the interface is gone"
        ) == str(error)


def test_taken(pair: Pair) -> None:
    """A queue that stays taken is EBUSY after the time given; and so is a second bind."""
    with Umem(256) as umem, pair.open(umem) as xsk:
        error = refused(lambda: pair.open(umem, patience=0.06))

        assert ("bind", "EBUSY", True) == (error.step, error.name, error.waited >= 0.06)
        assert "(Device or resource busy) for 0." in str(error)
        again = refused(lambda: xsk.bind(XDP_COPY, patience=0))
        assert ("bind", "EBUSY", 0.0) == (again.step, again.name, round(again.waited, 1))
        assert 192 == umem.free


def test_shared_refused(make: Callable[..., Pair]) -> None:
    """What cannot be shared with is refused by the kernel's errno for it."""
    pair = make(2)
    none = Sizes(64, 64, 0, 0)
    with ExitStack() as stack:
        umem = stack.enter_context(Umem(512))
        bound = stack.enter_context(pair.open(umem))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        unbound = stack.enter_context(
            pair.bed.nic.namespace.call(lambda: socket.socket(44, socket.SOCK_RAW))
        )
        file = stack.enter_context(open("/dev/null", "rb"))

        def like(fd: int) -> SimpleNamespace:
            """Something on another queue, so that rings are made."""
            return SimpleNamespace(ifindex=bound.ifindex, queue=7, umem=umem, fileno=lambda: fd)

        table = [
            ("no socket", {"shared": like(file.fileno())}, "ENOTSOCK"),
            ("another family", {"shared": like(udp.fileno())}, "ENOPROTOOPT"),
            ("not bound", {"shared": like(unbound.fileno())}, "EBADF"),
            ("other flags", {"shared": bound, "flags": XDP_COPY}, "EINVAL"),
            ("own rings, same queue", {"shared": like(bound.fileno())}, "EINVAL"),
            ("no rings, other queue", {"shared": bound, "queue": 1, "sizes": none}, "EINVAL"),
        ]
        found = [
            (name, refused(lambda: pair.open(umem, **options)).name)  # noqa: B023
            for name, options, _code in table
        ]

        assert [(name, code) for name, _options, code in table] == found


def test_another_umem(pair: Pair) -> None:
    """Addresses of one umem say nothing in another."""
    with Umem(256) as umem, Umem(256) as other, pair.open(umem) as xsk:
        with pytest.raises(InputError) as caught:
            pair.open(other, shared=xsk)

        expected = "a socket that shares has the umem of the one it shares with"
        assert expected == str(caught.value)


@pytest.mark.parametrize(
    ("sizes", "frames", "expected"),
    [
        (Sizes(3), 64, "rx ring of 3 entries: a power of two is needed"),
        (Sizes(4, 4, 4, 6), 64, "completion ring of 6 entries: a power of two is needed"),
        (
            SMALL,
            32,
            (
                "the umem has 32 free chunks of 32, the fill ring takes 64: make a larger umem or a"
                " smaller ring"
            ),
        ),
    ],
)
def test_wrong_sizes(pair: Pair, sizes: Sizes, frames: int, expected: str) -> None:
    """Sizes that do not fit are told before the kernel sees them."""
    with Umem(frames) as umem:
        with pytest.raises(InputError) as caught:
            pair.open(umem, sizes=sizes)

        assert expected == str(caught.value)
        assert frames == umem.free


@pytest.mark.parametrize("name", ["lo", "tap0"])
@pytest.mark.parametrize("use_sg", [False, True])
def test_any_device(
    name: str, use_sg: bool, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copy mode works on any device; zero copy where it is claimed only; auto falls back."""
    monkeypatch.setenv("XDPCONFORM_STATE", str(tmp_path))
    with private_namespace() as host, ExitStack() as stack:
        if name == "lo":
            space = stack.enter_context(Namespace.at(host.name))
            port = Port(space, "lo")
        else:
            port = stack.enter_context(Testbed.tap(Guardian())).nic
        umem = stack.enter_context(Umem(64))

        def opened(mode: XskMode) -> XskSocket:
            return XskSocket(
                port, umem, queue=0, mode=mode, need_wakeup=True, use_sg=use_sg, sizes=SMALL
            )

        assert "EOPNOTSUPP" == refused(lambda: opened(XskMode.ZEROCOPY)).name
        for mode in (XskMode.COPY, XskMode.AUTO):
            with opened(mode) as xsk:
                assert (False, 0) == (xsk.zerocopy, xsk.options())


def test_options(pair: Pair) -> None:
    """Busy polling and a larger budget are set, and frames pass all the same."""
    with Umem(256) as umem:
        try:
            xsk = pair.open(umem, busy_poll=BusyPoll(20, 64), tx_budget=64)
        except XskError as error:
            if error.errno != errno.ENOPROTOOPT:
                raise
            pytest.skip("the kernel has no busy polling by choice, or no budget to set")
        with xsk:
            frames = pair.bed.frames().make(50)
            xsk.send(frames)

            assert frames == pair.wire.receive(50, 5)
            assert True is xsk.tx.need_wakeup  # type: ignore[union-attr]
            assert False is xsk.fill.need_wakeup  # type: ignore[union-attr]


def test_closed(pair: Pair) -> None:
    """A closed socket says so."""
    with Umem(64) as umem:
        xsk = pair.open(umem)
        xsk.close()
        xsk.close()
        with pytest.raises(SourceError) as caught:
            xsk.statistics()

        assert "veth0 queue 0: the AF_XDP socket is closed" == str(caught.value)
        for call in (lambda: xsk.send([bytes(64)]), lambda: xsk.receive(1, 0)):
            with pytest.raises(InputError, match="the socket has no "):
                call()


UNPRIVILEGED = """
import os
from xdpconform.probes.testbed import Namespace, Port
from xdpconform.probes.xsk import XskMode, Umem, XskError, XskSocket
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
with Namespace.current() as space, Umem(64) as umem:
    try:
        XskSocket(Port(space, "lo"), umem, queue=0, mode=XskMode.COPY, need_wakeup=False)
    except XskError as error:
        print(error)
"""


def test_unprivileged() -> None:
    """Without CAP_NET_RAW it says what is missing."""
    if os.geteuid():
        pytest.skip("needs root, to give it up")
    process = child.start(UNPRIVILEGED)
    said = child.line(process)
    process.communicate()

    assert (
        "lo queue 0: AF_XDP socket: the kernel said EPERM (Operation not permitted);"
        " needs root (CAP_NET_RAW)"
    ) == said

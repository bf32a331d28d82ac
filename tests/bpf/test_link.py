# SPDX-License-Identifier: MIT
"""Links: attached, replaced, gone with us, and why not, in the kernel's words."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.bpf.places import child, inside, without
from tests.namespaces import Namespace, private_namespace
from xdpconform.probes.bpf import BpfError, Failures, Link, Mode, PerCpuArray, Program, programs

XDP_MODES = {1: "native", 2: "generic"}
"""XDP_ATTACHED_*, as ``ip -j link`` prints them"""


@pytest.fixture
def made() -> Iterator[Namespace]:
    """A veth pair, v0a and v0b, up."""
    with private_namespace() as namespace:
        namespace.pairs(1)
        namespace.batch("link set v0a up", "link set v0b up")
        yield namespace


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Closes what a test opens."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def one(opened: ExitStack) -> Program:
    """A program."""
    return opened.enter_context(Program.load(programs.passes(), name="one"))


@pytest.fixture
def other(opened: ExitStack) -> Program:
    """Another."""
    counts = opened.enter_context(PerCpuArray())
    return opened.enter_context(Program.load(programs.verdict(1, counts), name="other"))


def attach(made: Namespace, program: Program, name: str, mode: Mode = Mode.NATIVE) -> Link:
    """Attach to an interface of the namespace."""
    ifindex = made.index(name)
    return inside(made, lambda: Link.create(program, ifindex, mode))


def xdp(made: Namespace, name: str) -> tuple[str, int] | None:
    """Mode and program, as iproute2 shows them."""
    (shown,) = json.loads(made.ip("-j", "link", "show", "dev", name))
    if "xdp" not in shown:
        return None
    return XDP_MODES[shown["xdp"]["mode"]], shown["xdp"]["prog"]["id"]


@pytest.mark.parametrize(("mode", "shown"), [(Mode.NATIVE, "native"), (Mode.GENERIC, "generic")])
def test_attach(made: Namespace, one: Program, mode: Mode, shown: str) -> None:
    """A program is attached in the mode asked for, as long as the link is open."""
    with attach(made, one, "v0b", mode) as link:
        info = link.info()

        assert (one.id, made.index("v0b")) == (info.prog_id, info.ifindex)
        assert info.id > 0
        assert (shown, one.id) == xdp(made, "v0b")
    assert xdp(made, "v0b") is None


def test_held_by_others(made: Namespace, one: Program, other: Program) -> None:
    """Who lists links holds them meanwhile; the program goes all the same, and another can come."""
    link = attach(made, one, "v0b")
    held = os.dup(link.fd)
    try:
        link.close()

        assert xdp(made, "v0b") is None
        with attach(made, other, "v0b"):
            assert ("native", other.id) == xdp(made, "v0b")
    finally:
        os.close(held)


def test_update(made: Namespace, one: Program, other: Program) -> None:
    """Another program takes its place; not if it is not the one that was expected."""
    with attach(made, one, "v0b") as link:
        link.update(other, one)

        assert other.id == link.info().prog_id
        assert ("native", other.id) == xdp(made, "v0b")
        with pytest.raises(BpfError) as caught:
            link.update(one, one)
        assert other.id == link.info().prog_id
        link.update(one)
        assert one.id == link.info().prog_id

    text = str(caught.value)
    assert text.startswith(
        f"XDP link on interface {made.index('v0b')}: update to program {one.id}:"
    )
    assert "EPERM" in text


def test_busy(made: Namespace, one: Program, other: Program) -> None:
    """A link cannot be displaced, and the kernel says why."""
    ifindex = made.index("v0b")
    with attach(made, one, "v0b"), pytest.raises(BpfError) as caught:
        attach(made, other, "v0b")

    assert str(caught.value) == (
        f"attach XDP program {other.id} to interface {ifindex} (native): the kernel said EBUSY"
        " (Device or resource busy): Can't replace active BPF XDP link"
    )
    assert ("EBUSY", "Can't replace active BPF XDP link") == (caught.value.name, caught.value.said)


def test_driver_text(made: Namespace, one: Program) -> None:
    """What a driver says is passed on."""
    made.ip("link", "set", "v0a", "mtu", "9000")
    with pytest.raises(BpfError) as caught:
        attach(made, one, "v0b")

    assert ("ERANGE", "veth: Peer MTU is too large to set XDP") == (
        caught.value.name,
        caught.value.said,
    )


def test_no_interface(made: Namespace, one: Program) -> None:
    """An interface that is not there."""
    with pytest.raises(BpfError) as caught:
        inside(made, lambda: Link.create(one, 0x7FFFFFFF, Mode.NATIVE))

    assert "EINVAL" == caught.value.name


def test_frags(made: Namespace) -> None:
    """A program that can take fragments is attached at a large MTU."""
    made.ip("link", "set", "v0a", "mtu", "9000")
    with (
        Program.load(programs.passes(), name="frags", frags=True) as program,
        attach(made, program, "v0b"),
    ):
        assert ("native", program.id) == xdp(made, "v0b")


def test_interface_gone(made: Namespace, one: Program) -> None:
    """A link whose interface was deleted says so, and can be closed."""
    with attach(made, one, "v0b") as link:
        made.ip("link", "delete", "v0a")

        assert (one.id, 0) == link.info()[1:]


def test_own_failures(made: Namespace, one: Program, other: Program) -> None:
    """Refusals of other threads are not taken for ours; ours is told once."""
    with Failures() as failures, attach(made, one, "v0b"):
        with pytest.raises(BpfError):
            attach(made, other, "v0b")  # in a thread of its own
        here = failures.text()
        assert "" == here

        def refused() -> tuple[str, str]:
            with pytest.raises(BpfError):
                Link.create(other, ifindex, Mode.NATIVE)
            return failures.text(), failures.text()

        ifindex = made.index("v0b")
        assert ("Can't replace active BPF XDP link", "") == inside(made, refused)


HOLD = """
import sys
from xdpconform.probes.bpf import BpfError, Link, Mode, Program, programs
program = Program.load(programs.passes(), name="child")
try:
    link = Link.create(program, {ifindex}, Mode.NATIVE)
except BpfError as error:
    print(error, flush=True)
else:
    print(program.id, flush=True)
sys.stdin.read()
"""


def test_killed(made: Namespace) -> None:
    """The program is gone with the process, also after SIGKILL."""
    code = HOLD.format(ifindex=made.index("v0b"))
    process = child(code, "ip", "netns", "exec", made.name)
    try:
        assert process.stdout is not None
        number = int(process.stdout.readline())
        assert ("native", number) == xdp(made, "v0b")
    finally:
        process.kill()
        process.communicate()

    assert -signal.SIGKILL == process.returncode
    assert xdp(made, "v0b") is None


def test_without_perfmon(made: Namespace, one: Program) -> None:
    """Without CAP_PERFMON the errno remains."""
    code = HOLD.format(ifindex=made.index("v0b"))
    with attach(made, one, "v0b"):
        words = ("ip", "netns", "exec", made.name, *without("perfmon,-sys_admin"))
        out, err = child(code, *words).communicate("", timeout=60)

    assert "" == err
    assert out.endswith("the kernel said EBUSY (Device or resource busy)\n")

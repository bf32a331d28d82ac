# SPDX-License-Identifier: MIT
"""`show` on kernels that are not this one: what is not known is never called no."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from xdpconform import cli
from xdpconform.errors import KernelError
from xdpconform.netlink.constants import NETLINK_GENERIC
from xdpconform.netlink.extack import ExtAck
from xdpconform.outputs import show
from xdpconform.snapshot import NO_FAMILY, Inspector
from xdpconform.sources.kernel import Kernel

if TYPE_CHECKING:
    import pytest

    from xdpconform.netlink.genl import Family


def without_family(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that has no netdev family."""
    really = Inspector.family

    def family(self: Inspector, name: str) -> Family | None:
        return None if name == "netdev" else really(self, name)

    monkeypatch.setattr(Inspector, "family", family)


def test_no_family(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the netdev family every claim is unknown, and a note says why and what to do."""
    without_family(monkeypatch)

    assert 0 == show.show(["lo"], netns=None, as_json=False)

    head, line, note = capsys.readouterr().out.splitlines()
    places = ("XDP-FEATURES", "ZERO-COPY", "ZC-MAX-SEGS", "RX-METADATA", "XSK-FEATURES")
    assert ["unknown"] * 5 == [line[head.index(name) :].split()[0] for name in places]
    assert NO_FAMILY == note
    assert "none" not in line
    assert "unavailable" not in line


def test_no_family_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In JSON claims are null, zero copy is unknown, and the reason stands beside."""
    without_family(monkeypatch)

    assert 0 == show.show(["lo"], netns=None, as_json=True)

    (nic,) = json.loads(capsys.readouterr().out)
    assert [None] * 4 == [
        nic[name]
        for name in ("xdp-features", "xdp-zc-max-segs", "xdp-rx-metadata-features", "xsk-features")
    ]
    assert ("unknown", NO_FAMILY) == (nic["zero-copy"], nic["unknown"])


def test_kernel_refuses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refusal of another kind ends the command with the kernel's words."""

    def family(_self: Inspector, _name: str) -> None:
        raise KernelError(1, ExtAck(message="not today"), "nlctrl getfamily netdev")

    monkeypatch.setattr(Inspector, "family", family)

    try:
        cli.main(["show", "lo"])
    except SystemExit as end:
        status = end.code

    said = capsys.readouterr().err
    assert 2 == status
    assert (
        "xdpconform: nlctrl getfamily netdev: the kernel said EPERM (Operation not permitted):"
        " not today\n"
    ) == said


def test_nothing_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's sockets are closed."""
    kernels = []

    class Watched(Kernel):
        def close(self) -> None:
            kernels.append([channel.protocol for channel in self._channels])
            super().close()

    monkeypatch.setattr(show, "Kernel", Watched)

    show.show(["lo"], netns=None, as_json=True)

    assert NETLINK_GENERIC in kernels[0]

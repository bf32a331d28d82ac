# SPDX-License-Identifier: MIT
"""What a guest records of a NIC: before a program, with it, and after it if that is news."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import pytest

from labs.virtual.guest.__main__ import _record
from labs.virtual.guest.told import Event, File
from labs.virtual.nics import choose
from xdpconform import live, sources
from xdpconform.errors import InputError
from xdpconform.mock import Age, Claims, MockKernel, MockNic
from xdpconform.probes import lifecycle
from xdpconform.probes.lifecycle import read_answer
from xdpconform.profiles import Shelf
from xdpconform.sources.recording import decode
from xdpconform.stored import take_read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from xdpconform.nic import Answer

RELEASE = Age.of("7.3").release
SENDS = ("basic", "redirect", "ndo-xmit")
DOES_NOT = ("basic", "redirect")


class Kernel:
    """A kernel with one NIC, that may claim something else once its program has gone."""

    def __init__(self, detached: tuple[str, ...]) -> None:
        self.detached = Claims.named(detached)
        self.now = MockNic(2, "vmxnet3", Claims.named(SENDS))

    def asked(self) -> MockKernel:
        """As a source."""
        return MockKernel([self.now])

    @contextmanager
    def with_program(self, _netns: object, _name: str, _owned: object) -> Iterator[None]:
        """A program comes and goes."""
        self.now = self.now._replace(xdp="native", prog_id=7)
        yield
        self.now = self.now._replace(claims=self.detached, xdp="none", prog_id=0)


class Watched:
    """A device's life that was seen before."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        pass

    def answer(self) -> Answer:
        """What was seen of it."""
        return read_answer(MockKernel([]).notifications())


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Callable[[Kernel], list[File]]:
    """Records the NIC of a kernel as a guest does, and gives the files that it tells."""

    def recorded(kernel: Kernel) -> list[File]:
        told: list[Event] = []
        monkeypatch.setattr(sources, "Kernel", kernel.asked)
        monkeypatch.setattr(live, "with_program", kernel.with_program)
        monkeypatch.setattr(lifecycle, "Lifecycle", Watched)
        _record(told.append, choose(["vmxnet3"]))
        return [event for event in told if isinstance(event, File)]

    return recorded


def claimed(path: Path, file: File) -> tuple[str, tuple[str, ...]]:
    """The state and the claims of a recording."""
    recording = decode(file.content(), file.name)
    (subject,) = take_read(path, recording, Shelf())
    assert subject.nic.now is not None
    return subject.nic.state, subject.nic.now.names()


@pytest.mark.parametrize(
    ("detached", "names", "last"),
    [
        (SENDS, ["vmxnet3-{}-idle", "vmxnet3-{}-attached"], ("attached", SENDS)),
        (
            DOES_NOT,
            ["vmxnet3-{}-idle", "vmxnet3-{}-attached", "vmxnet3-detached-{}-idle"],
            ("idle", DOES_NOT),
        ),
    ],
    ids=["the same", "less"],
)
def test_detached(
    tmp_path: Path,
    record: Callable[[Kernel], list[File]],
    detached: tuple[str, ...],
    names: list[str],
    last: tuple[str, tuple[str, ...]],
) -> None:
    """A NIC is recorded for a third time only if it claims something else than at first."""
    files = record(Kernel(detached))

    assert [f"{name.format(RELEASE)}.rec.json" for name in names] == [one.name for one in files]
    assert last == claimed(tmp_path / files[-1].name, files[-1])


def test_refused(
    record: Callable[[Kernel], list[File]], capsys: pytest.CaptureFixture[str]
) -> None:
    """A NIC that takes no program is recorded once, and says why."""
    kernel = Kernel(SENDS)

    @contextmanager
    def refuse(*_words: object) -> Iterator[None]:
        raise InputError("vmxnet3 cannot be recorded attached: EOPNOTSUPP")
        yield

    kernel.with_program = refuse  # type: ignore[method-assign]
    files = record(kernel)

    assert [f"vmxnet3-{RELEASE}-idle.rec.json"] == [one.name for one in files]
    assert "vmxnet3: vmxnet3 cannot be recorded attached: EOPNOTSUPP\n" == capsys.readouterr().out

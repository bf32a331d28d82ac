# SPDX-License-Identifier: MIT
"""The bench: a NIC with its testbed, and everything that was seen of it so far."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

from xdpconform.errors import Blocked, KernelError, SourceError, XdpConformError
from xdpconform.probes.safety.guardian import UndoFailed

if TYPE_CHECKING:
    from xdpconform.probes.testbed import Testbed

P = ParamSpec("P")
T = TypeVar("T")

PRIVILEGES: Final = "run as root, or with CAP_NET_ADMIN, CAP_BPF, CAP_NET_RAW and CAP_PERFMON"


class Bench:
    """Tries a NIC, each thing once: several requirements may rest on what was seen.

    Args:
        open_testbed: makes the testbed when it is first needed; raises Blocked where the NIC must
            not or cannot be touched, which then holds for everything.
        testbed: one that is there already.
    """

    def __init__(self, open_testbed: Callable[[], Testbed], testbed: Testbed | None = None) -> None:
        self._open = open_testbed
        self._testbed = testbed
        self._refusal: Blocked | None = None
        self._seen: dict[tuple[object, ...], object] = {}

    @property
    def testbed(self) -> Testbed:
        """The NIC, and what stands around it.

        Raises:
            Blocked: it must not or cannot be touched.
        """
        if self._refusal is not None:
            raise Blocked(str(self._refusal)) from self._refusal
        if self._testbed is None:
            try:
                self._testbed = self._open()
            except XdpConformError as error:
                self._refusal = _blocked(error)
                raise self._refusal from error
        return self._testbed

    def see(
        self, probe: Callable[Concatenate[Testbed, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What a probe saw; it runs once for the same arguments.

        Args:
            probe: a function of a room-mate module, which takes the testbed.
            args: what else it takes.
            kwargs: likewise.

        Raises:
            Blocked: something that it needs is missing; says what and how to mend it.
        """
        key = (probe, args, tuple(sorted(kwargs.items())))
        if key not in self._seen:
            try:
                self._seen[key] = probe(self.testbed, *args, **kwargs)
            except (Blocked, KernelError, SourceError) as error:
                self._seen[key] = _blocked(error)
        seen = self._seen[key]
        if isinstance(seen, Blocked):
            raise type(seen)(str(seen)) from seen
        return seen  # type: ignore[return-value]

    def close(self) -> None:
        """Take the testbed down: the NIC is as it was; may be called again.

        Raises:
            UndoFailed: something could not be put back; a line for each, with what the kernel said.
            SourceError: a setting is not as it was.
        """
        if self._testbed is None:
            return
        testbed, self._testbed = self._testbed, None
        # What the kernel refuses at first the guardian tries again at the end, and keeps.
        with suppress(KernelError):
            testbed.close()
        if testbed.guardian.failures:
            raise UndoFailed("\n".join(testbed.guardian.failures))


def no_bench(reason: str) -> Bench:
    """A bench on which everything is blocked by `reason`."""

    def refuse() -> Testbed:
        raise Blocked(reason)

    return Bench(refuse)


def _blocked(error: XdpConformError) -> Blocked:
    if isinstance(error, Blocked):
        return error
    if getattr(error, "errno", None) in (errno.EPERM, errno.EACCES):
        return Blocked(f"{error}: {PRIVILEGES}")
    return Blocked(str(error))

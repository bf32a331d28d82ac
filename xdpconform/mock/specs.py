# SPDX-License-Identifier: MIT
"""Mocks by name: ``DRIVER[:VARIANT][@KERNEL][+attached][+FAULT]``, or ``all``."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from xdpconform.errors import InputError
from xdpconform.mock import drivers
from xdpconform.mock.age import AGES, KERNELS, Age
from xdpconform.mock.faults import FAULTS, fault_named
from xdpconform.mock.kernel import MockKernel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xdpconform.mock.fault import Fault

ALL: Final = "all"
"""Every row of every driver, on each kernel and in each state that is known."""
DEFAULT_KERNEL: Final = KERNELS[-1]
ATTACHED: Final = "attached"


def parse(words: Sequence[str]) -> list[MockKernel]:
    """The mocks that the words name, in their order.

    Raises:
        InputError: an unknown driver, variant, kernel or fault: says which there are.
    """
    return [mock for word in words for mock in (_every() if word == ALL else [_one(word)])]


def _every() -> Iterable[MockKernel]:
    for driver, variants in drivers.rows().items():
        for variant in variants:
            for kernel in KERNELS:
                for state in drivers.STATES:
                    yield mock_of(driver, variant, kernel, state)


def _one(word: str) -> MockKernel:
    head, *extras = word.split("+")
    place, at, kernel = head.partition("@")
    driver, colon, variant = place.partition(":")
    variants = drivers.rows().get(driver)
    if variants is None:
        raise _unknown(word, "driver", driver, [*drivers.rows(), ALL])
    if not colon:
        variant = next(iter(variants))
    if variant not in variants:
        raise _unknown(word, f"variant of {driver}", variant, variants)
    if at and kernel not in AGES:
        raise _unknown(word, "kernel", kernel, AGES)
    state = drivers.STATES[0]
    fault = None
    for extra in extras:
        if extra == ATTACHED and state != ATTACHED:
            state = ATTACHED
        elif fault is None and (found := fault_named(extra)) is not None:
            fault = found
        elif fault is not None and fault_named(extra) is not None:
            raise InputError(f"mock {word!r}: one fault at a time, not {fault.name} and {extra}")
        else:
            raise _unknown(word, "state or fault", extra, [ATTACHED, *FAULTS])
    return mock_of(driver, variant, kernel or DEFAULT_KERNEL, state, fault)


def _unknown(word: str, what: str, given: str, known: Iterable[str]) -> InputError:
    names = list(known)
    by_lower = {name.lower(): name for name in names}
    near = get_close_matches(given.lower(), by_lower, 1)
    guess = f"did you mean {by_lower[near[0]]}? " if near else ""
    return InputError(f"mock {word!r}: no {what} {given!r}; {guess}there are: {', '.join(names)}")


def mock_of(
    driver: str, variant: str, kernel: str, state: str, fault: Fault | None = None
) -> MockKernel:
    """The mock of one row.

    Args:
        driver: as rows.json names it.
        variant: likewise.
        kernel: one of `AGES`; a driver is what it was in 6.12 up to then, and what it is in 7.3
            afterwards.
        state: ``idle`` or ``attached``.
        fault: what it does wrong.
    """
    age = Age.of(kernel)
    claims = KERNELS[0] if age.number < Age.of(KERNELS[-1]).number else KERNELS[-1]
    nics, iface = drivers.nics(driver, variant, claims, state)
    name = driver if len(drivers.rows()[driver]) == 1 else f"{driver}:{variant}"
    name += f"@{kernel}"
    name += f"+{ATTACHED}" if state == ATTACHED else ""
    name += f"+{fault.name}" if fault is not None else ""
    return MockKernel(nics, age, name=name, ifaces=[iface], fault=fault)

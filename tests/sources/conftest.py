# SPDX-License-Identifier: MIT
"""Fixtures of the live tests: a private network namespace, and a look at the open descriptors."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.namespaces import Namespace, private_namespace


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """A private network namespace; removed at the end."""
    with private_namespace() as made:
        yield made


@pytest.fixture(scope="module")
def crowd() -> Iterator[Namespace]:
    """A private network namespace with 300 veth devices, only to be read."""
    with private_namespace() as made:
        made.pairs(150)
        yield made


def descriptors() -> dict[str, str]:
    """The open descriptors of this process, and what they are."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            found[number] = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue  # that of the listing itself
    return found


@pytest.fixture
def no_descriptor_left() -> Iterator[None]:
    """The test must close every descriptor that it opened."""
    before = descriptors()
    yield
    assert before == descriptors()

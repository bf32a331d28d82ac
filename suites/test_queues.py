# SPDX-License-Identifier: MIT
"""queue-get: the queues that AF_XDP sockets can be bound to."""

from __future__ import annotations

import pytest

from xdpconform.judge import queues
from xdpconform.nic import Nic
from xdpconform.plugin import Certify


@pytest.mark.requirement("XDP-QUEUE-01")
def test_counted(certify: Certify, nic: Nic) -> None:
    """Every receive and transmit queue is listed once, numbered from 0.

    A device that is down lists none. Source: net/core/netdev-genl.c, netdev_nl_queue_get_dumpit.
    """
    certify(queues.counted(nic))


@pytest.mark.requirement("XDP-QUEUE-02")
def test_do_agrees(certify: Certify, nic: Nic) -> None:
    """queue-get of one queue says what the dump says of it.

    Source: net/core/netdev-genl.c, netdev_nl_queue_get_doit.
    """
    certify(queues.do_agrees(nic))


@pytest.mark.requirement("XDP-QUEUE-03")
def test_bounded(certify: Certify, nic: Nic) -> None:
    """queue-get of a queue beyond the last is refused with EINVAL.

    Of a device that is down it is refused with ENOENT. Source:
    net/core/netdev-genl.c, netdev_nl_queue_validate.
    """
    certify(queues.bounded(nic))

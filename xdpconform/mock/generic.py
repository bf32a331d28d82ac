# SPDX-License-Identifier: MIT
"""Generic netlink: nlctrl, and the family netdev.

After net/netlink/genetlink.c, net/core/netdev-genl.c and netdev-genl-gen.c.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from xdpconform.mock import build
from xdpconform.mock.age import (
    BIND_RX,
    BIND_TX,
    DEV_GET,
    DO,
    DUMP,
    NAPI_GET,
    NAPI_SET,
    PAGE_POOL_GET,
    PAGE_POOL_STATS_GET,
    QSTATS_GET,
    QUEUE_CREATE,
    QUEUE_GET,
)
from xdpconform.mock.ethtool import OPERATIONS as ETHTOOL_OPERATIONS
from xdpconform.mock.ethtool import RESERVED_SINCE as ETHTOOL_RESERVED_SINCE
from xdpconform.mock.ethtool import answer as answer_ethtool
from xdpconform.mock.packets import NLMSG_HDRLEN
from xdpconform.mock.reply import Reply
from xdpconform.mock.request import Policy, Refused, parse
from xdpconform.netlink.constants import NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xdpconform.mock.age import Age
    from xdpconform.mock.nic import MockNic
    from xdpconform.mock.request import Request

NLCTRL: Final = 16
"""GENL_ID_CTRL"""
_HEADER: Final = 4
"""GENL_HDRLEN"""
_ECHO: Final = 0x8
"""NLM_F_ECHO"""
_GETFAMILY: Final = 3
_CTRL_RESERVED_SINCE: Final = 11
"""resv_start_op of genl_ctrl: CTRL_CMD_GETPOLICY + 1"""
_CTRL_OPERATIONS: Final = {_GETFAMILY: 14, 10: 12}

IFINDEX: Final = Policy("u32", least=1)
_DEV: Final = {1: IFINDEX}
_QUEUE: Final = {1: Policy("u32"), 2: IFINDEX, 3: Policy("u32", most=1)}
_QUEUE_DUMP: Final = {2: IFINDEX}
_NAPI_ID: Final = 2
_NAPI: Final = {_NAPI_ID: Policy("u32")}
_NEEDED: Final = {
    PAGE_POOL_GET: 1,
    PAGE_POOL_STATS_GET: 1,
    NAPI_GET: _NAPI_ID,
    BIND_RX: 1,
    NAPI_SET: _NAPI_ID,
    BIND_TX: 1,
    QUEUE_CREATE: 1,
}
"""Which attribute is missed first."""
_QSTATS_DUMP: Final = {1: IFINDEX, 4: Policy("uint", most=1)}
_FAMILY: Final = {1: Policy("u16"), 2: Policy("nul-string", most=15)}


class Generic:
    """Answers on NETLINK_GENERIC.

    Args:
        age: the kernel.
        nics: its NICs by number, in ascending order.
    """

    def __init__(self, age: Age, nics: Mapping[int, MockNic]) -> None:
        self.age = age
        self.nics = nics
        self.families: dict[int, tuple[str, int, Mapping[int, int], Mapping[str, int]]] = {
            NLCTRL: ("nlctrl", 2, _CTRL_OPERATIONS, {"notify": NLCTRL}),
            age.ethtool: ("ethtool", 1, ETHTOOL_OPERATIONS, {"monitor": age.monitor}),
        }
        if age.has_netdev:
            self.families[age.netdev] = ("netdev", 1, age.operations, age.groups)

    def answer(self, request: Request) -> Reply:
        """The answer to one request.

        Raises:
            Refused: by an NLMSG_ERROR.
        """
        if request.type not in self.families:
            raise Refused(errno.ENOENT)
        name, _version, operations, _groups = self.families[request.type]
        if len(request.data) < NLMSG_HDRLEN + _HEADER:
            raise Refused(errno.EINVAL)
        command = request.data[NLMSG_HDRLEN]
        self._check_header(request, name, command)
        wanted = DUMP if request.dump else DO
        if not operations.get(command, 0) & wanted:
            raise Refused(errno.EOPNOTSUPP)
        if name == "nlctrl":
            return self._ctrl(request, command)
        if name == "ethtool":
            return answer_ethtool(request, command, self.nics)
        return self._netdev(request, command)

    def _check_header(self, request: Request, name: str, command: int) -> None:
        # genl_header_check
        since = {"nlctrl": _CTRL_RESERVED_SINCE, "ethtool": ETHTOOL_RESERVED_SINCE}.get(name, 0)
        if command < since:
            return
        if any(request.data[NLMSG_HDRLEN + 2 : NLMSG_HDRLEN + _HEADER]):
            raise Refused(errno.EINVAL, "genlmsghdr.reserved field is not 0")
        flags = request.flags & ~NLM_F_DUMP if request.dump else request.flags
        if flags & ~(NLM_F_REQUEST | NLM_F_ACK | _ECHO):
            raise Refused(errno.EINVAL, "ambiguous or reserved bits set in nlmsg_flags")

    def _ctrl(self, request: Request, command: int) -> Reply:
        if command != _GETFAMILY:
            raise Refused(errno.EOPNOTSUPP)  # policies are not kept here
        if request.dump:
            found = [self._family(number) for number in self.families]
            return Reply("getfamily dump", NLCTRL, found, dump=True, flags=2)
        asked = parse(request, _HEADER, _FAMILY, strict=False)
        number = asked[1].number() if 1 in asked else None
        if 2 in asked:
            names = {family[0].encode(): id_ for id_, family in self.families.items()}
            number = names.get(asked[2].text())
        elif number is None:
            raise Refused(errno.EINVAL)
        if number not in self.families:
            raise Refused(errno.ENOENT)
        return Reply(f"getfamily {self.families[number][0]}", NLCTRL, [self._family(number)])

    def _family(self, number: int) -> bytes:
        name, version, operations, groups = self.families[number]
        return build.family(
            name,
            number=number,
            version=version,
            operations=(*operations.items(),),
            groups=(*groups.items(),),
        )

    def _netdev(self, request: Request, command: int) -> Reply:
        if command == DEV_GET:
            return self._dev_get(request)
        if command == QUEUE_GET:
            return self._queue_dump(request) if request.dump else self._queue_get(request)
        return self._other(request, command)

    def _device(self, ifindex: int, **more: int | None) -> MockNic:
        if ifindex not in self.nics:
            raise Refused(errno.ENODEV, offset=more.get("offset"))
        return self.nics[ifindex]

    def _dev_get(self, request: Request) -> Reply:
        kind = self.age.netdev
        if request.dump:
            if self.age.strict_dump:
                parse(request, _HEADER, {})
            found = [build.device(self.age, nic) for nic in self.nics.values()]
            return Reply("dev-get dump", kind, found, dump=True)
        asked = parse(request, _HEADER, _DEV)
        if 1 not in asked:
            raise Refused(errno.EINVAL, missing=1)
        nic = self._device(asked[1].number())
        what = "dev-get ack" if request.wants_ack else "dev-get"
        return Reply(what, kind, [build.device(self.age, nic)])

    def _queue_get(self, request: Request) -> Reply:
        asked = parse(request, _HEADER, _QUEUE)
        for needed in (1, 3, 2):  # in the order of netdev_nl_queue_get_doit
            if needed not in asked:
                raise Refused(errno.EINVAL, missing=needed)
        nic = self._device(asked[2].number())
        if not nic.up:
            raise Refused(errno.ENOENT)
        number, kind = asked[1].number(), asked[3].number()
        if number >= (nic.tx_queues if kind else nic.rx_queues):
            raise Refused(errno.EINVAL)
        return Reply("queue-get", self.age.netdev, [self._queue(nic, kind, number)])

    def _queue_dump(self, request: Request) -> Reply:
        asked = parse(request, _HEADER, _QUEUE_DUMP)
        reply = Reply("queue-get dump", self.age.netdev, dump=True)
        nics = list(self.nics.values())
        if 2 in asked:
            try:
                nics = [self._device(asked[2].number())]
            except Refused as refused:
                return reply._replace(refused=refused)
        return reply._replace(payloads=[queue for nic in nics for queue in self._queues(nic)])

    def _queues(self, nic: MockNic) -> Iterator[bytes]:
        for kind, count in ((0, nic.rx_queues), (1, nic.tx_queues)) if nic.up else ():
            for number in range(count):
                yield self._queue(nic, kind, number)

    def _queue(self, nic: MockNic, kind: int, number: int) -> bytes:
        napis = nic.tx_napi if kind else nic.napi
        napi = napis[number] if number < len(napis) else None
        xsk = self.age.xsk_queues and number in nic.xsk_queues
        return build.queue(nic.ifindex, kind, number, napi, xsk=xsk)

    def _other(self, request: Request, command: int) -> Reply:
        """Operations that no question here is about: as a kernel without such objects."""
        if not request.dump:
            asked = parse(request, _HEADER, _NAPI) if command == NAPI_GET else {}
            if _NAPI_ID in asked:
                raise Refused(errno.ENOENT, offset=asked[_NAPI_ID].offset)
            if len(request.data) == NLMSG_HDRLEN + _HEADER:
                raise Refused(errno.EINVAL, missing=_NEEDED[command])
            raise Refused(errno.EOPNOTSUPP)
        what = f"netdev command {command}"
        reply = Reply(what, self.age.netdev, dump=True)
        if command != QSTATS_GET:
            return reply
        asked = parse(request, _HEADER, _QSTATS_DUMP)
        if 1 not in asked:
            return reply
        ifindex = asked[1].number()
        code = errno.EOPNOTSUPP if ifindex in self.nics else errno.ENODEV
        return reply._replace(refused=Refused(code, offset=asked[1].offset))

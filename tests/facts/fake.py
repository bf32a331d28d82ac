# SPDX-License-Identifier: MIT
"""A kernel made of values: a source that answers as the real one does, or as a test bids it.

Bytes are written with struct, not with the package's encoder.
"""

from __future__ import annotations

import errno
from struct import calcsize, pack, unpack_from
from typing import TYPE_CHECKING, NamedTuple

from tests.facts.nics import capabilities
from xdpconform.errors import SourceError, Timeout
from xdpconform.nic import Capabilities, Link, QueueCounts
from xdpconform.sources import Datagram

if TYPE_CHECKING:
    from xdpconform.nic import Nic

NLCTRL, NETDEV, ETHTOOL = 16, 28, 21  # nlmsg_type
DEV_GET, QUEUE_GET, FEATURES_GET, CHANNELS_GET = 1, 10, 11, 17
PORT = 4711
TYPES = {"ether": 1, "loopback": 772, "none": 65534}
ATTACHED = {"none": 0, "native": 1, "generic": 2, "offloaded": 3}
CHANNELS = {"rx_max": 2, "tx_max": 3, "combined_max": 5, "rx": 6, "tx": 7, "combined": 9}


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded."""
    return pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def u32(kind: int, value: int) -> bytes:
    """An attribute of 32 bits."""
    return attribute(kind, pack("=I", value))


def u64(kind: int, value: int) -> bytes:
    """An attribute of 64 bits, with the pad attribute that the kernel puts before it."""
    return attribute(kind, pack("=Q", value))


def string(kind: int, text: bytes) -> bytes:
    """A string attribute with its NUL."""
    return attribute(kind, text + b"\0")


def attributes(data: bytes) -> list[tuple[int, bytes, int]]:
    """Kind, payload and offset of each attribute in a well-formed request."""
    found = []
    offset = 0
    while offset < len(data):
        length, kind = unpack_from("=HH", data, offset)
        found.append((kind & 0x3FFF, data[offset + 4 : offset + length], offset))
        offset += (length + 3) & ~3
    return found


class Fake(NamedTuple):
    """A device of the fake kernel; a None is what the driver does not have."""

    link: Link
    capabilities: Capabilities = capabilities()
    queues: QueueCounts | None = None
    counted: tuple[int, int] = (1, 1)
    features: frozenset[str] | None = frozenset()
    drvinfo: bytes = b""
    sysfs: dict[str, str] = {}  # noqa: RUF012 - never written to


def drvinfo(
    driver: bytes = b"", version: bytes = b"", firmware: bytes = b"", bus: bytes = b""
) -> bytes:
    """struct ethtool_drvinfo."""
    return pack("=I32s32s32s32s64x", 3, driver, version, firmware, bus)


class FakeKernel:
    """Answers for its devices. `answers` overrules by question: an errno, or payloads."""

    name = "fake"

    def __init__(
        self,
        devices: list[Fake],
        release: str = "6.18.0",
        families: tuple[str, ...] = ("netdev", "ethtool"),
        answers: dict[str, int | list[bytes]] | None = None,
    ) -> None:
        self.devices = {device.link.ifindex: device for device in devices}
        self._release = release
        self.families = families
        self.answers = answers or {}
        self.asked: list[str] = []
        self.closed = False

    def open(self, protocol: int) -> FakeChannel:
        """A channel."""
        return FakeChannel(self, protocol)

    def release(self) -> str:
        """As the test says."""
        return self._release

    def _named(self, ifname: bytes) -> Fake | None:
        for device in self.devices.values():
            if device.link.raw_name == ifname:
                return device
        return None

    def drvinfo(self, ifname: bytes) -> bytes:
        """ETHTOOL_GDRVINFO."""
        device = self._named(ifname)
        if device is None or self.answers.get("drvinfo") == errno.ENODEV:
            raise SourceError("ETHTOOL_GDRVINFO: No such device")
        return device.drvinfo

    def sysfs(self, ifname: bytes, paths: tuple[str, ...]) -> dict[str, str]:
        """Files of the device, with its queues folder."""
        device = self._named(ifname)
        if device is None:
            return {}
        rx, tx = device.counted
        names = [f"rx-{n}" for n in range(rx)] + [f"tx-{n}" for n in range(tx)]
        files = {"queues/": "\n".join(names), **device.sysfs}
        return {path: text for path, text in files.items() if path in paths and text}

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def reply(self, protocol: int, request: bytes) -> list[bytes]:
        """The datagrams that answer a request."""
        length, kind, flags, sequence, port = unpack_from("=IHHII", request)
        assert length == len(request)
        assert PORT == port
        dump = flags & 0x300 == 0x300
        if protocol == 0:
            what, found = "links", [self._link(device) for device in self.devices.values()]
        elif kind != NLCTRL and flags & 0x300 == 0x100:
            what, found = "reserved-flag", errno.EINVAL
        else:
            what, found = self._generic(kind, request[16:], dump=dump)
        self.asked.append(what)
        found = self.answers.get(what, found)
        kind = 16 if protocol == 0 or kind == NLCTRL else kind

        def message(kind: int, flags: int, payload: bytes) -> bytes:
            head = pack("=IHHII", 16 + len(payload), kind, flags, sequence, port)
            return head + payload + bytes(-len(payload) % 4)

        def status(code: int, tlvs: bytes = b"") -> bytes:
            capped = 0x300 if tlvs else 0x100
            return message(2, capped, pack("=i", -code) + request[:16] + tlvs)

        if isinstance(found, tuple):
            return [status(*found)]
        if isinstance(found, int):
            return [status(found)]
        if dump:
            parts = b"".join(message(kind, 2, payload) for payload in found)
            return [parts + message(3, 2, pack("=i", 0))]
        replies = [message(kind, 0, payload) for payload in found]
        return [*replies, status(0)] if flags & 4 or not replies else replies

    def _generic(
        self, kind: int, body: bytes, *, dump: bool
    ) -> tuple[str, int | tuple[int, bytes] | list[bytes]]:
        command, _version, reserved = unpack_from("=BBH", body)
        asked = attributes(body[4:])
        if kind == NLCTRL:
            name = {a: p for a, p, _ in asked}[2].rstrip(b"\0").decode()
            return f"family {name}", [_family(name)] if name in self.families else errno.ENOENT
        if reserved:
            return "reserved-header", errno.EINVAL
        if kind == ETHTOOL:
            ifindex = unpack_from("=I", attributes(asked[0][1])[0][1])[0]
            return self._ethtool(command, ifindex)
        if command not in (DEV_GET, QUEUE_GET):
            return "unknown-command", errno.EOPNOTSUPP
        if command == QUEUE_GET:
            return self._queues({a: unpack_from("=I", p)[0] for a, p, _ in asked}, dump=dump)
        if dump:
            return "dump", [_device(device) for device in self.devices.values()]
        for number, payload, offset in asked:
            at = u32(2, 16 + 4 + offset)
            if number != 1 or len(payload) != 4:
                return "bad-attribute", (errno.EINVAL, at)
            if payload == bytes(4):
                return "ifindex-0", (errno.ERANGE, at)
        if not asked:
            return "no-ifindex", (errno.EINVAL, u32(5, 1))
        device = self.devices.get(unpack_from("=I", asked[0][1])[0])
        return "dev-get", [_device(device)] if device else errno.ENODEV

    def _ethtool(self, command: int, ifindex: int) -> tuple[str, int | list[bytes]]:
        device = self.devices.get(ifindex)
        what = {CHANNELS_GET: "channels", FEATURES_GET: "features"}[command]
        if device is None:
            return what, errno.ENODEV
        if what == "channels":
            if device.queues is None:
                return what, errno.EOPNOTSUPP
            numbers = {CHANNELS[name]: getattr(device.queues, name) for name in CHANNELS}
            found = b"".join(u32(k, v) for k, v in sorted(numbers.items()) if v is not None)
            return what, [pack("=BBH", 18, 1, 0) + found]
        if device.features is None:
            return what, errno.EOPNOTSUPP
        return what, [pack("=BBH", 11, 1, 0) + _features(device.features)]

    def _queues(self, asked: dict[int, int], *, dump: bool) -> tuple[str, int | list[bytes]]:
        device = self.devices.get(asked[2])
        if device is None:
            return "queues", errno.ENODEV
        counted = device.counted if device.link.up else (0, 0)
        listed = [(kind, n) for kind, count in enumerate(counted) for n in range(count)]
        if dump:
            return "queues", [_queue(asked[2], *one) for one in listed]
        one = asked[3], asked[1]
        refusal = errno.EINVAL if device.link.up else errno.ENOENT
        what = "queue" if asked[1] == 0 else "no-such-queue"
        return what, [_queue(asked[2], *one)] if one in listed else refusal

    @staticmethod
    def _link(device: Fake) -> bytes:
        link = device.link
        head = pack("=BxHiII", 0, TYPES.get(link.link_type, 1), link.ifindex, int(link.up), 0)
        data = string(3, link.raw_name) + u32(4, link.mtu or 0)
        data += attribute(43, attribute(2, pack("=B", ATTACHED[link.xdp])))
        if link.lower is not None:
            data += u32(5, link.lower)
        if link.lower_elsewhere:
            data += u32(37, 0)
        if link.master is not None:
            data += u32(10, link.master)
        if link.kind:
            data += attribute(18, string(1, link.kind.encode()))
        if link.alt_names:
            data += attribute(52, b"".join(string(53, name.encode()) for name in link.alt_names))
        return head + data


def _family(name: str) -> bytes:
    number = {"netdev": NETDEV, "ethtool": ETHTOOL}[name]
    operations = {DEV_GET: 6, QUEUE_GET: 6} if name == "netdev" else {CHANNELS_GET: 6}
    entries = b"".join(
        attribute(n, u32(1, command) + u32(2, flags))
        for n, (command, flags) in enumerate(operations.items(), 1)
    )
    group = attribute(1, u32(2, 5) + string(1, b"mgmt"))
    return (
        pack("=BBH", 1, 2, 0)
        + string(2, name.encode())
        + attribute(1, pack("=H", number))
        + u32(3, 1)
        + attribute(6, entries)
        + attribute(7, group)
    )


def device_reply(ifindex: int, found: Capabilities) -> bytes:
    """The payload of a reply to dev-get, as netdev_nl_dev_fill writes it."""
    data = pack("=BBH", DEV_GET, 1, 0) + u32(1, ifindex)
    for number, value in ((3, found.features), (5, found.rx_metadata), (6, found.xsk)):
        if value is not None:
            data += u64(number, value)
    if found.zc_max_segs is not None:
        data += u32(4, found.zc_max_segs)
    return data


def _device(device: Fake) -> bytes:
    return device_reply(device.link.ifindex, device.capabilities)


def _queue(ifindex: int, kind: int, number: int) -> bytes:
    return pack("=BBH", QUEUE_GET, 1, 0) + u32(1, number) + u32(3, kind) + u32(2, ifindex)


def _features(names: frozenset[str]) -> bytes:
    known = sorted(names | {"rx-gro", "rx-lro"})

    def bitset(kind: int, chosen: frozenset[str], *, mask: bool = False) -> bytes:
        bits = b""
        for index, name in enumerate(known):
            if mask or name in chosen:
                value = attribute(3, b"") if mask and name in chosen else b""
                bits += attribute(1, u32(1, index) + string(2, name.encode()) + value)
        head = b"" if mask else attribute(1, b"")
        return attribute(kind, head + u32(2, len(known)) + attribute(3, bits))

    empty: frozenset[str] = frozenset()
    return bitset(2, names, mask=True) + bitset(3, names) + bitset(4, names) + bitset(5, empty)


class FakeChannel:
    """A netlink socket of the fake kernel."""

    port_id = PORT

    def __init__(self, kernel: FakeKernel, protocol: int) -> None:
        self.kernel = kernel
        self.protocol = protocol
        self._pending: list[bytes] = []

    def send(self, data: bytes) -> None:
        """Answer at once."""
        self._pending += self.kernel.reply(self.protocol, data)

    def receive(self, deadline: float) -> Datagram:
        """The next datagram."""
        if not self._pending:
            raise Timeout(f"nothing more until {deadline}")
        return Datagram(self._pending.pop(0))

    def join(self, group: int) -> None:
        """Nothing is told here."""

    def reset(self, *, larger: bool = False) -> None:
        """Forget what is pending."""
        del larger
        self._pending.clear()

    def close(self) -> None:
        """Nothing to give back."""


def fake_of(nic: Nic) -> Fake:
    """The fake device behind a NIC value."""
    found = nic.now
    assert found is not None
    return Fake(nic.link, found, nic.queues, (nic.queues.counted_rx, nic.queues.counted_tx))


HEADER = calcsize("=IHHII")

# SPDX-License-Identifier: MIT
"""What is fuzzed: functions from bytes to nothing.

Whatever the bytes, a target returns. An error of ours is an answer as good as a value; anything
else goes through, and is a finding. What must hold of a value is asserted: that is one as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import date
from functools import cache
from struct import Struct, pack
from typing import Any, Final, NamedTuple

import msgspec

from fuzz.seeds import bases
from xdpconform.errors import XdpConformError
from xdpconform.lab import judge, take_stored
from xdpconform.netlink import ethtool, genl, netdev, redact, rtnl, wire
from xdpconform.netlink.bitset import pull_bitset
from xdpconform.netlink.constants import NLM_F_ACK
from xdpconform.netlink.extack import attribute_at, pull_status
from xdpconform.netlink.transaction import Request, Transaction
from xdpconform.netlink.wire import Attribute, Message
from xdpconform.probes import lifecycle
from xdpconform.profiles import Shelf
from xdpconform.profiles.load import decode as decode_profile
from xdpconform.sources.recording import Recording, Watched, decode, encode, sealed
from xdpconform.sources.replay import Replay

TODAY: Final = date(2026, 1, 1)
SEQUENCE: Final = 7
PORT: Final = 4711
FAMILY: Final = genl.Family(22, "netdev", 1, {1: 14, 10: 14}, {"mgmt": 6})
_LENGTH: Final = Struct("=H")
_decoder: Final = msgspec.json.Decoder(Recording)


class Target(NamedTuple):
    """One thing to fuzz."""

    run: Callable[[bytes], None]
    title: str
    share: int
    """Inputs of 1,000 of a run; those of codec and recordings make 1,000 together."""
    max_len: int
    """Bytes of its longest input."""


def wire_target(data: bytes) -> None:
    """Split bytes in each way that bytes are split, with nothing known of them."""
    with suppress(XdpConformError):
        messages = wire.pull_messages(data)
        again = b"".join(map(wire.push_message, messages))
        assert messages == wire.pull_messages(again)  # noqa: S101
        for message in messages:
            with suppress(XdpConformError):
                assert 0 <= pull_status(message).errno < 4096  # noqa: S101
            with suppress(XdpConformError):
                wire.pull_genlmsghdr(message.payload)
    for offset in (0, 16 + 4):
        with suppress(XdpConformError):
            _attributes(wire.pull_attributes(data, offset))
    asked = data[:16].ljust(16, b"\0")
    (moved,) = wire.readdressed((data,), asked, bytes(8) + b"\xff" * 8)
    assert len(data) == len(moved)  # noqa: S101
    attribute_at(data, len(data) // 2, 4)
    cleaned = redact.redact_links(data, lambda name: name[:4])
    wire.pull_messages(cleaned)  # what is left is well formed: an error here is a finding


def _attributes(attributes: list[Attribute]) -> None:
    for one in attributes:
        for pull in (pull_bitset, wire.pull_uint, wire.pull_string):
            with suppress(XdpConformError):
                pull(one, "any")


class Kind(NamedTuple):
    """A request, and what decodes its replies."""

    request: Request
    pull: Callable[[Message], Any]


KINDS: Final[dict[str, Kind]] = {
    "family": Kind(genl.getfamily("netdev"), genl.pull_family),
    "device": Kind(netdev.dev_get(FAMILY, 2), netdev.pull_device),
    "devices": Kind(netdev.dev_get_dump(FAMILY), netdev.pull_device),
    "acknowledged": Kind(netdev.dev_get(FAMILY, 2)._replace(flags=NLM_F_ACK), netdev.pull_device),
    "queue": Kind(netdev.queue_get(FAMILY, 2, netdev.QueueType.RX, 0), netdev.pull_queue),
    "queues": Kind(netdev.queue_get_dump(FAMILY, 2), netdev.pull_queue),
    "channels": Kind(ethtool.channels_get(FAMILY, 2), ethtool.pull_channels),
    "rings": Kind(ethtool.rings_get(FAMILY, 2), ethtool.pull_rings),
    "features": Kind(ethtool.features_get(FAMILY, 2), ethtool.pull_features),
    "rss": Kind(ethtool.rss_get(FAMILY, 2), ethtool.pull_rss),
    "tsinfo": Kind(ethtool.tsinfo_get(FAMILY, 2), ethtool.pull_tsinfo),
    "link": Kind(rtnl.getlink(b"eth0"), rtnl.pull_link),
    "links": Kind(rtnl.getlink_dump(), rtnl.pull_link),
}
"""By name; a byte at the start of an input picks one, or the notifications."""


def chunks(data: bytes) -> Iterator[bytes]:
    """Pieces with their 16-bit lengths before them; the last one takes what is left."""
    offset = 0
    while offset + _LENGTH.size <= len(data):
        start = offset + _LENGTH.size
        offset = start + _LENGTH.unpack_from(data, offset)[0]
        yield data[start:offset]


def chunked(pieces: Iterable[bytes]) -> bytes:
    """Pieces as `chunks` reads them; what is longer than 64 KiB is cut."""
    return b"".join(_LENGTH.pack(min(len(one), 0xFFFF)) + one[:0xFFFF] for one in pieces)


def transaction_of(kind: Kind) -> Transaction:
    """An exchange of a request with numbers that seeds are written for."""
    return Transaction(kind.request, SEQUENCE, PORT)


def reply_target(data: bytes) -> None:
    """Feed datagrams to an exchange, then its replies to the request's decoder."""
    if not data:
        return
    number = data[0] % (len(KINDS) + 1)
    datagrams = tuple(chunks(data[1:]))
    if number == len(KINDS):
        with suppress(XdpConformError):
            lifecycle.decode(datagrams)
        return
    kind = list(KINDS.values())[number]
    transaction = transaction_of(kind)
    try:
        for datagram in datagrams:
            transaction.receive(datagram)
        transaction.check()
    except XdpConformError as error:
        if not str(error):
            raise RuntimeError("an error without a text") from error
    for message in transaction.messages:
        assert (message.sequence, message.port_id) == (SEQUENCE, PORT)  # noqa: S101
        with suppress(XdpConformError):
            _use(kind.pull(message))


def _use(value: object) -> None:
    if isinstance(value, netdev.Device):
        value.capabilities.as_dict()
        value.capabilities.unknown_as_dict()
    elif isinstance(value, ethtool.Features):
        assert value.fixed <= value.known | value.nochange  # noqa: S101
    elif isinstance(value, genl.Family):
        value.can(1)


def recording_target(data: bytes) -> None:
    """Read a file that should be a recording; judge it if only its digest is wrong."""
    with suppress(XdpConformError):
        decode(data, "any")
    try:
        recording = decode(encode(sealed(_decoder.decode(data))), "any")
    except (XdpConformError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    judged(recording)


def replay_target(data: bytes) -> None:
    """Replace replies in a recording, and judge what it says then.

    The first byte picks the recording. Each piece begins with the 16-bit number of an exchange,
    or of the notifications behind the last: its first piece replaces the replies, others follow.
    """
    if not data:
        return
    files = bases()
    recording = files[data[0] % len(files)]
    replies: dict[int, list[bytes]] = {}
    for piece in chunks(data[1:]):
        number = int.from_bytes(piece[:2], "little") % (len(recording.exchanges) + 1)
        replies.setdefault(number, []).append(piece[2:])
    changed = sealed(with_replies(recording, replies))
    assert changed == decode(encode(changed), "any")  # noqa: S101
    judged(changed)


def with_replies(recording: Recording, replies: dict[int, list[bytes]]) -> Recording:
    """A recording with other replies, by the number of the exchange."""
    exchanges = [
        msgspec.structs.replace(one, replies=replies[number]) if number in replies else one
        for number, one in enumerate(recording.exchanges)
    ]
    told = replies.get(len(exchanges))
    watched = recording.notifications if told is None else Watched(told[:64])
    return msgspec.structs.replace(recording, exchanges=exchanges, notifications=watched)


@cache
def _shelf() -> Shelf:
    return Shelf()


def judged(recording: Recording) -> None:
    """Judge every line of every NIC: whatever was recorded, each has a finding with a text."""
    subjects = take_stored(Replay(recording, "any"), "recording", _shelf())
    assert subjects  # noqa: S101 - one at least that stands for all
    for subject in subjects:
        for _line, finding in judge(subject, TODAY):
            assert finding.text()  # noqa: S101
            msgspec.json.encode(finding.evidence)


def profile_target(data: bytes) -> None:
    """Read a file that should be a profile."""
    with suppress(XdpConformError):
        decode_profile(data, "any")


def reply_seed(kind: str, datagrams: Iterable[bytes]) -> bytes:
    """An input of `reply_target`; for a kind of ours, or ``notifications``."""
    number = list(KINDS).index(kind) if kind in KINDS else len(KINDS)
    return pack("=B", number) + chunked(datagrams)


def replay_seed(base: int, exchange: int, replies: Iterable[bytes]) -> bytes:
    """An input of `replay_target` that replaces the replies of one exchange."""
    return pack("=B", base) + chunked(pack("=H", exchange) + reply for reply in replies)


TARGETS: Final[dict[str, Target]] = {
    "reply": Target(reply_target, "exchanges and the decoder of each request", 820, 4096),
    "wire": Target(wire_target, "messages, attributes, statuses, redaction", 150, 2048),
    "replay": Target(replay_target, "recordings with other replies, judged", 10, 8192),
    "recording": Target(recording_target, "recordings as bytes, sealed again", 20, 32768),
    "profile": Target(profile_target, "profiles as bytes", 10, 8192),
}
"""By name, those that take longest first. Profiles come on top of the 1,000."""

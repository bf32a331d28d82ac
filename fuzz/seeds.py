# SPDX-License-Identifier: MIT
"""Where fuzzing starts: real bytes, from recorded kernels, from the mock and from its faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from xdpconform.errors import XdpConformError
from xdpconform.lab import survey
from xdpconform.mock import FAULTS, MockKernel, parse
from xdpconform.netlink.wire import pull_messages, readdressed
from xdpconform.outputs.record import record
from xdpconform.probes.lifecycle import read_answer
from xdpconform.profiles.load import SHIPPED
from xdpconform.snapshot import Inspector
from xdpconform.sources.recording import SUFFIX, Recording, encode, read

ROOT: Final = Path(__file__).parents[1]
MOCKS: Final = (
    "veth", "virtio_net", "bonding", "mlx5_core@6.12", "tun", "no-xdp", "ice+attached",
    "virtio_net@6.1",
)  # fmt: skip
"""Whose recordings are mutated: pairs, ports, zero copy, old kernels, none of it."""
FAULTY: Final = "mlx5_core"
"""The mock that shows every fault."""
SMALL: Final = 1 << 15
"""Bytes of a seed at most: longer ones only slow a run down."""


class Exchanged(NamedTuple):
    """A request and its replies."""

    request: bytes
    replies: tuple[bytes, ...]


def _recorded(mock: MockKernel) -> Recording:
    return record(mock, mock.ifaces, lambda: read_answer(mock.notifications()))


@cache
def bases() -> list[Recording]:
    """Recordings to mutate: the mock's, then those of real kernels that are here."""
    found = []
    for word in MOCKS:
        (mock,) = parse([word])
        try:
            found.append(_recorded(mock))
        except XdpConformError as error:
            raise RuntimeError(f"the mock {word} cannot be recorded: {error}") from error
    small = sorted(f for f in (ROOT / "recordings").rglob(f"*{SUFFIX}") if _small(f))
    return found + [read(file) for file in small[:: len(small) // 8 + 1]]  # of each kernel some


def _small(file: Path) -> bool:
    return file.stat().st_size <= SMALL


@cache
def exchanges() -> list[Exchanged]:
    """Every exchange known: of the recorded kernels, of the mock, and of each of its faults."""
    found: dict[Exchanged, None] = {}
    for file in sorted((ROOT / "tests/data").glob("recorded-*.json")):
        for one in json.loads(file.read_text(encoding="utf-8"))["exchanges"]:
            replies = tuple(map(bytes.fromhex, one["replies"]))
            found[Exchanged(bytes.fromhex(one["request"]), replies)] = None
    for recording in bases():
        for told in recording.exchanges:
            found[Exchanged(told.request, tuple(told.replies))] = None
    for mock in _faulty():
        with Inspector(mock) as inspector:
            with suppress(XdpConformError):
                survey(inspector, inspector.links(), lambda: read_answer(()))
            for exchange in inspector.trace:
                found[Exchanged(exchange.request, exchange.replies)] = None
    return [one for one in found if sum(map(len, one.replies)) <= SMALL]


def _faulty() -> Iterator[MockKernel]:
    for name, fault in FAULTS.items():
        words = [name.removesuffix("N") + str(number) for number in fault.numbers] or [name]
        for word in words:
            yield from parse([f"{FAULTY}+{word}"])


def _told() -> Iterator[tuple[bytes, ...]]:
    for mock in _faulty():
        yield mock.notifications()


def seeds(target: str) -> list[bytes]:
    """What a target starts from, each once."""
    return list(dict.fromkeys(_MAKERS[target]()))


def _wire() -> Iterator[bytes]:
    for one in exchanges():
        yield one.request
        yield from one.replies
        for reply in one.replies:
            with suppress(XdpConformError):
                for message in pull_messages(reply):
                    yield message.payload[4:]


def _reply() -> Iterator[bytes]:
    from fuzz.targets import KINDS, reply_seed, transaction_of

    for name, kind in KINDS.items():
        asks = transaction_of(kind).data
        for one in exchanges():
            if asks[4:6] + asks[16:17] == one.request[4:6] + one.request[16:17] or not one.replies:
                yield reply_seed(name, readdressed(one.replies, one.request, asks))
    for told in _told():
        yield reply_seed("notifications", told)
    yield from _by_command()


def _by_command() -> Iterator[bytes]:
    # Families have other numbers in recordings: what is alike is the command.
    from fuzz.targets import KINDS, reply_seed, transaction_of

    for name, kind in KINDS.items():
        asks = transaction_of(kind).data
        for one in exchanges():
            if asks[16] == one.request[16] and len(one.replies) < 4:
                yield reply_seed(name, readdressed(one.replies, one.request, asks))


def _recording() -> Iterator[bytes]:
    yield from map(encode, bases())


def _replay() -> Iterator[bytes]:
    from fuzz.targets import replay_seed

    for number, base in enumerate(bases()):
        for place, exchange in enumerate(base.exchanges):
            yield replay_seed(number, place, exchange.replies)
            yield replay_seed(number, place, [reply * 2 for reply in exchange.replies])
        yield replay_seed(number, len(base.exchanges), base.notifications.datagrams)
    first = [word.split("@")[0] for word in MOCKS].index(FAULTY)
    places = {_key(one.request): place for place, one in enumerate(bases()[first].exchanges)}
    for one in exchanges():
        if _key(one.request) in places:
            asks = bases()[first].exchanges[places[_key(one.request)]].request
            replies = readdressed(one.replies, one.request, asks)
            yield replay_seed(first, places[_key(one.request)], replies)
    for told in _told():
        yield replay_seed(first, len(bases()[first].exchanges), told)


def _key(request: bytes) -> bytes:
    return request[:8] + request[16:]


def _profile() -> Iterator[bytes]:
    for file in sorted(SHIPPED.glob("*.toml")):
        yield file.read_bytes()
    for file in sorted((ROOT / "tests/profiles/data").glob("*.toml")):
        yield file.read_bytes()


_MAKERS: Final = {
    "wire": _wire,
    "reply": _reply,
    "recording": _recording,
    "replay": _replay,
    "profile": _profile,
}

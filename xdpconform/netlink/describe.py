# SPDX-License-Identifier: MIT
"""Bytes of a request or reply as a tree of fields by the kernel's names, for a person to read.

`wire`, `genl`, `netdev` and `extack` decode what is right and refuse the rest. Here nothing is
refused: whatever the bytes, each of them stands in exactly one leaf, and a leaf that is no part of
a message as it should be says what is wrong with it.

Layouts from include/uapi/linux/netlink.h and genetlink.h; what the attributes are stands in
`describe_names`.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from xdpconform.netlink.constants import (
    NLA_TYPE_MASK,
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLM_F_DUMP,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSG_MIN_TYPE,
)
from xdpconform.netlink.describe_names import (
    ATTRIBUTE_FLAGS,
    CONTROL,
    ERROR_FLAGS,
    EXTACK,
    FAMILIES,
    GET_FLAGS,
    MESSAGE_FLAGS,
    Known,
    Spec,
    bits,
)
from xdpconform.netlink.genl import GENL_HDRLEN, GENL_ID_CTRL
from xdpconform.netlink.wire import (
    GENLMSGHDR,
    NLA_HDRLEN,
    NLATTR,
    NLMSG_HDRLEN,
    NLMSGHDR,
    S32,
    align,
)

MOST: Final = 1024
"""Fields that are told apart; the kernel's longest reply here, a family, has below 100."""


class Field(NamedTuple):
    """A part of the bytes."""

    offset: int
    """From the first byte described."""
    data: bytes
    name: str
    value: str = ""
    """What it says, in words; empty where the parts say it, or nobody knows."""
    problem: str = ""
    """What is wrong with it."""
    parts: tuple[Field, ...] = ()


class _Run:
    """One description: the bytes, whose messages they are, and how many fields may still come."""

    def __init__(self, data: bytes, families: Mapping[int, str]) -> None:
        self.data = data
        self.families = {GENL_ID_CTRL: "nlctrl", **families}
        self.left = MOST

    def leaf(self, start: int, end: int, name: str, value: str = "", problem: str = "") -> Field:
        self.left -= 1
        return Field(start, self.data[start:end], name, value, problem)

    def whole(self, name: str, value: str, parts: list[Field]) -> Field:
        start = parts[0].offset
        end = parts[-1].offset + len(parts[-1].data)
        return Field(start, self.data[start:end], name, value, "", tuple(parts))


def describe(data: bytes, families: Mapping[int, str] | None = None) -> tuple[Field, ...]:
    """The messages of a datagram, one after another.

    Args:
        data: a request as sent, or a datagram as received, of a NETLINK_GENERIC socket.
        families: names of generic netlink families by nlmsg_type, which the kernel gives out at
            boot; nlctrl's is fixed. ``netdev`` and ``nlctrl`` have names for their attributes.

    Returns:
        Fields whose leaves, one behind another, are `data`.
    """
    run = _Run(data, families or {})
    found = []
    start = 0
    while start < len(data):
        if run.left <= 0:
            found.append(run.leaf(start, len(data), "bytes", problem="more than is told apart"))
            break
        message, start = _message(run, start)
        found.append(message)
    return tuple(found)


def leaves(fields: tuple[Field, ...]) -> Iterator[Field]:
    """The fields that have no parts, in the order of their bytes."""
    for field in fields:
        if field.parts:
            yield from leaves(field.parts)
        else:
            yield field


def _message(run: _Run, start: int) -> tuple[Field, int]:
    end = len(run.data)
    if end - start < NLMSG_HDRLEN:
        problem = f"{end - start} bytes left, a header has {NLMSG_HDRLEN}"
        return run.leaf(start, end, "bytes", problem=problem), end
    length, kind, flags, _sequence, _port = NLMSGHDR.unpack_from(run.data, start)
    problem = ""
    stop = start + length
    if length < NLMSG_HDRLEN:
        problem = f"below the header's {NLMSG_HDRLEN} bytes"
        stop = end
    elif stop > end:
        problem = f"beyond the {end - start} bytes there are"
        stop = end
    parts = [_header(run, start, problem)]
    if stop > start + NLMSG_HDRLEN:
        body = start + NLMSG_HDRLEN
        parts += (
            [run.leaf(body, stop, "bytes")]
            if length < NLMSG_HDRLEN
            else _payload(run, body, stop, kind, flags)
        )
    after = min(start + align(stop - start), end)
    parts += _padding(run, stop, after)
    return run.whole("message", _title(run, kind, parts), parts), after


def _title(run: _Run, kind: int, parts: list[Field]) -> str:
    """What a message is, in a few words: its kind, and the errno or command."""
    name = _type_name(run, kind)
    told = next((part.value for part in parts if part.name in ("error", "cmd")), "")
    command = next(
        (one.value for part in parts for one in part.parts if one.name == "cmd"),
        told,
    )
    return f"{name}: {command}" if command else name


def _type_name(run: _Run, kind: int) -> str:
    return CONTROL.get(kind) or run.families.get(kind) or f"type {kind:#x}"


def _header(run: _Run, start: int, problem: str = "") -> Field:
    length, kind, flags, sequence, port = NLMSGHDR.unpack_from(run.data, start)
    if kind < NLMSG_MIN_TYPE:
        names = MESSAGE_FLAGS | ERROR_FLAGS
    elif flags & NLM_F_REQUEST and flags & NLM_F_DUMP == NLM_F_DUMP:
        names = MESSAGE_FLAGS | {NLM_F_DUMP: "NLM_F_DUMP"}
    else:
        names = MESSAGE_FLAGS | GET_FLAGS
    told = (
        (4, "nlmsg_len", str(length), problem),
        (2, "nlmsg_type", f"{kind:#x} {_type_name(run, kind)}", ""),
        (2, "nlmsg_flags", f"{flags:#x} {bits(flags, names)}".rstrip(), ""),
        (4, "nlmsg_seq", str(sequence), ""),
        (4, "nlmsg_pid", str(port), ""),
    )
    parts = []
    for size, name, value, wrong in told:
        parts.append(run.leaf(start, start + size, name, value, wrong))
        start += size
    return run.whole("nlmsghdr", "", parts)


def _payload(run: _Run, start: int, stop: int, kind: int, flags: int) -> list[Field]:
    if kind in (NLMSG_ERROR, NLMSG_DONE):
        return _status(run, start, stop, kind, flags)
    if kind < NLMSG_MIN_TYPE or kind not in run.families:
        return [run.leaf(start, stop, "payload")]
    return _generic(run, start, stop, run.families[kind])


def _generic(run: _Run, start: int, stop: int, family: str) -> list[Field]:
    """Struct genlmsghdr, and the attributes of a family."""
    if stop - start < GENL_HDRLEN:
        problem = f"{stop - start} bytes left, genlmsghdr has {GENL_HDRLEN}"
        return [run.leaf(start, stop, "bytes", problem=problem)]
    command, version, reserved = GENLMSGHDR.unpack_from(run.data, start)
    commands, specs = FAMILIES.get(family, ({}, {}))
    name, spec = commands.get(command, (f"command {command}", ""))
    header = run.whole(
        "genlmsghdr",
        "",
        [
            run.leaf(start, start + 1, "cmd", name),
            run.leaf(start + 1, start + 2, "version", str(version)),
            run.leaf(start + 2, start + 4, "reserved", str(reserved)),
        ],
    )
    return [header, *_attributes(run, start + GENL_HDRLEN, stop, specs.get(spec, {}))]


def _status(run: _Run, start: int, stop: int, kind: int, flags: int) -> list[Field]:
    """Struct nlmsgerr or the errno of NLMSG_DONE, and the extended acknowledgement."""
    if stop - start < S32.size:
        problem = f"{stop - start} bytes left, an errno has {S32.size}"
        return [run.leaf(start, stop, "bytes", problem=problem)]
    error: int = S32.unpack_from(run.data, start)[0]
    right = -4095 <= error <= 0  # MAX_ERRNO, include/linux/err.h
    value = (f"{error} {errno.errorcode.get(-error, '')}" if error else "0 no error").rstrip()
    problem = "" if right else "neither 0 nor a negative errno"
    parts = [run.leaf(start, start + S32.size, "error", value, problem)]
    start += S32.size
    if kind == NLMSG_ERROR:
        echoed, start = _echoed(run, start, stop, capped=bool(flags & NLM_F_CAPPED))
        parts += echoed
    if start < stop:
        if flags & NLM_F_ACK_TLVS:
            parts += _attributes(run, start, stop, EXTACK)
        else:
            parts.append(run.leaf(start, stop, "bytes"))
    return parts


def _echoed(run: _Run, start: int, stop: int, *, capped: bool) -> tuple[list[Field], int]:
    """The request that is answered: its header, and unless capped its payload."""
    if stop - start < NLMSG_HDRLEN:
        if start == stop:
            return [], stop
        problem = f"{stop - start} bytes left, the request's header has {NLMSG_HDRLEN}"
        return [run.leaf(start, stop, "bytes", problem=problem)], stop
    length, kind, _flags, _sequence, _port = NLMSGHDR.unpack_from(run.data, start)
    end = start + NLMSG_HDRLEN
    problem = ""
    if not capped:
        if NLMSG_HDRLEN <= length <= stop - start:
            end = start + length
        else:
            problem = f"does not fit the {stop - start} bytes there are"
    parts = [_header(run, start, problem)]
    if end > start + NLMSG_HDRLEN:
        body = start + NLMSG_HDRLEN
        # An answer to an answer is taken as bytes: no request is one.
        parts += (
            _payload(run, body, end, kind, 0)
            if kind >= NLMSG_MIN_TYPE
            else [run.leaf(body, end, "payload")]
        )
    after = min(start + align(end - start), stop)
    parts += _padding(run, end, after)
    return [run.whole("msg", "the request that this answers", parts)], after


def _attributes(run: _Run, start: int, stop: int, spec: Spec) -> list[Field]:
    found = []
    while start < stop:
        if run.left <= 0:
            found.append(run.leaf(start, stop, "bytes", problem="more than is told apart"))
            break
        left = stop - start
        if left < NLA_HDRLEN:
            problem = f"{left} bytes left, an attribute's header has {NLA_HDRLEN}"
            found.append(run.leaf(start, stop, "bytes", problem=problem))
            break
        length, kind = NLATTR.unpack_from(run.data, start)
        known = spec.get(kind & NLA_TYPE_MASK) or Known(f"attribute {kind & NLA_TYPE_MASK}")
        if not NLA_HDRLEN <= length <= left:
            problem = (
                f"nla_len {length} is "
                + (f"below {NLA_HDRLEN}" if length < NLA_HDRLEN else "beyond the end")
                + f", {left} bytes left"
            )
            found.append(run.leaf(start, stop, known.name, problem=problem))
            break
        end = start + length
        found.append(_attribute(run, start, end, known))
        start = min(start + align(length), stop)
        found += _padding(run, end, start)
    return found


def _attribute(run: _Run, start: int, end: int, known: Known) -> Field:
    _length, kind = NLATTR.unpack_from(run.data, start)
    payload = run.data[start + NLA_HDRLEN : end]
    marks = bits(kind & ~NLA_TYPE_MASK, ATTRIBUTE_FLAGS)
    if known.inside is not None:
        header = run.leaf(start, start + NLA_HDRLEN, "nlattr", f"nest {marks}".rstrip())
        inside = _attributes(run, start + NLA_HDRLEN, end, known.inside)
        return run.whole(known.name, "", [header, *inside])
    if known.read is None:
        return run.leaf(start, end, known.name, marks)
    value = known.read(payload)
    if value is None:
        return run.leaf(start, end, known.name, problem=f"{len(payload)} bytes, not {known.width}")
    return run.leaf(start, end, known.name, f"{value} {marks}".rstrip())


def _padding(run: _Run, start: int, end: int) -> list[Field]:
    if start >= end:
        return []
    problem = "" if not any(run.data[start:end]) else "not zero"
    return [run.leaf(start, end, "padding", problem=problem)]

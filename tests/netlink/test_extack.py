# SPDX-License-Identifier: MIT

"""NLMSG_ERROR and NLMSG_DONE: the errno and the kernel's words, in each of their layouts."""

from __future__ import annotations

import re

import pytest

from xdpconform.errors import KernelError, WireError
from xdpconform.netlink import extack, netdev
from xdpconform.netlink.constants import (
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLM_F_DUMP,
    NLM_F_MULTI,
    NLMSG_DONE,
    NLMSG_ERROR,
)
from xdpconform.netlink.extack import ExtAck, Status, pull_status
from xdpconform.netlink.transaction import Request, Transaction
from xdpconform.netlink.wire import Attribute, Message

# the request: 28 bytes, nlmsghdr, genlmsghdr and ifindex 0
HEADER = "1c000000 1400 0100 01000000 00000000"
BODY = "01010000 0800 0100 00000000"
ERANGE = "deffffff"
MSG = "1900 0100 696e7465676572206f7574206f662072616e676500 000000"
OFFS = "0800 0200 14000000"
POLICY_BODY = "0c00 0400 0100000000000000 0c00 0500 ffffffff00000000 0800 0100 04000000"
POLICY = "2400 0480" + POLICY_BODY
SAID = ExtAck("integer out of range", 20, policy=bytes.fromhex(POLICY_BODY))


def message(kind: int, flags: int, data: str) -> Message:
    """A status message with the payload given in hex."""
    return Message(kind, flags, 1, 0, bytes.fromhex(data))


STATUS = {
    "echoed-with-tlvs": (
        (NLMSG_ERROR, NLM_F_ACK_TLVS, ERANGE + HEADER + BODY + MSG + OFFS + POLICY),
        Status(34, SAID),
    ),
    "capped-with-tlvs": (
        (NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS, ERANGE + HEADER + MSG + OFFS + POLICY),
        Status(34, SAID),
    ),
    "echoed-odd-request": (  # 31 bytes of request are echoed with their padding
        (
            NLMSG_ERROR,
            NLM_F_ACK_TLVS,
            "eaffffff 1f000000" + HEADER[8:] + BODY + "010203 00" + OFFS,
        ),
        Status(22, ExtAck(offset=20)),
    ),
    "echoed-without-tlvs": ((NLMSG_ERROR, 0, "edffffff" + HEADER + BODY), Status(19, ExtAck())),
    "capped-without-tlvs": (
        (NLMSG_ERROR, NLM_F_CAPPED, "edffffff" + HEADER),
        Status(19, ExtAck()),
    ),
    "echoed-flag-without-tlvs": (
        (NLMSG_ERROR, NLM_F_ACK_TLVS, "edffffff" + HEADER + BODY),
        Status(19, ExtAck()),
    ),
    "capped-flag-without-tlvs": (
        (NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS, "edffffff" + HEADER),
        Status(19, ExtAck()),
    ),
    "tlvs-without-flag": (
        (NLMSG_ERROR, NLM_F_CAPPED, "edffffff" + HEADER + OFFS),
        Status(19, ExtAck()),
    ),
    "acknowledged": ((NLMSG_ERROR, NLM_F_CAPPED, "00000000" + HEADER), Status(0, ExtAck())),
    "acknowledged-with-a-warning": (
        (NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS, "00000000" + HEADER + "0700 0100 686900 00"),
        Status(0, ExtAck("hi")),
    ),
    "missing-attribute-and-nest": (
        (
            NLMSG_ERROR,
            NLM_F_CAPPED | NLM_F_ACK_TLVS,
            "eaffffff" + HEADER + "0800 0500 03000000 0800 0600 14000000",
        ),
        Status(22, ExtAck(missing_type=3, missing_nest=20)),
    ),
    "cookie-and-unknown": (
        (
            NLMSG_ERROR,
            NLM_F_CAPPED | NLM_F_ACK_TLVS,
            "eaffffff" + HEADER + "0700 0300 aabbcc 00 0600 4d00 0102 0000",
        ),
        Status(22, ExtAck(cookie=b"\xaa\xbb\xcc", unknown=(Attribute(77, b"\1\2"),))),
    ),
    "largest-errno": ((NLMSG_ERROR, NLM_F_CAPPED, "01f0ffff" + HEADER), Status(4095, ExtAck())),
    "done": ((NLMSG_DONE, NLM_F_MULTI, "00000000"), Status(0, ExtAck())),
    "done-with-errno": ((NLMSG_DONE, NLM_F_MULTI, "edffffff"), Status(19, ExtAck())),
    "done-with-errno-and-tlvs": (
        (NLMSG_DONE, NLM_F_MULTI | NLM_F_ACK_TLVS, "a1ffffff" + OFFS),
        Status(95, ExtAck(offset=20)),
    ),
    "done-flag-without-tlvs": (
        (NLMSG_DONE, NLM_F_MULTI | NLM_F_ACK_TLVS, "a1ffffff"),
        Status(95, ExtAck()),
    ),
    "done-without-payload": ((NLMSG_DONE, NLM_F_MULTI, ""), Status(0, ExtAck())),
}
status_rows = pytest.mark.parametrize(("row", "expected"), STATUS.values(), ids=STATUS)


@status_rows
def test_pull_status(row: tuple[int, int, str], expected: Status) -> None:
    """Each layout of NLMSG_ERROR and NLMSG_DONE gives its errno and the kernel's words."""
    assert expected == pull_status(message(*row))


@status_rows
def test_pull_status_cut(row: tuple[int, int, str], expected: Status) -> None:
    """Cut at any byte, a status keeps its errno or is refused; words never come from elsewhere."""
    kind, flags, data = row
    whole = bytes.fromhex(data)
    known = set(expected.extack)
    for cut in range(len(whole)):
        try:
            status = pull_status(Message(kind, flags, 1, 0, whole[:cut]))
        except WireError:
            continue
        assert (cut == 0 and kind == NLMSG_DONE) or expected.errno == status.errno
        assert set(status.extack) <= known | {None, ()}


@status_rows
@pytest.mark.parametrize("extra", [1, 2, 3])
def test_pull_status_trailing(row: tuple[int, int, str], expected: Status, extra: int) -> None:
    """Trailing bytes are an error where TLVs stand, and without meaning where none may."""
    kind, flags, data = row
    payload = bytes.fromhex(data) + bytes(extra)
    if flags & NLM_F_ACK_TLVS:
        text = f"nlattr at byte {len(payload) - extra}: {extra} bytes left, 4 needed"
        with pytest.raises(WireError, match=f"^{text}$"):
            pull_status(Message(kind, flags, 1, 0, payload))
    elif len(payload) < 4:
        with pytest.raises(WireError, match=f"^nlmsgerr: {extra} bytes, at least 4 needed$"):
            pull_status(Message(kind, flags, 1, 0, payload))
    else:
        assert expected == pull_status(Message(kind, flags, 1, 0, payload))


@pytest.mark.parametrize(
    ("kind", "flags", "data", "expected"),
    [
        (NLMSG_ERROR, 0, "", "nlmsgerr: 0 bytes, at least 4 needed"),
        (NLMSG_ERROR, 0, "edffff", "nlmsgerr: 3 bytes, at least 4 needed"),
        (NLMSG_DONE, 0, "00", "nlmsgerr: 1 bytes, at least 4 needed"),
        (NLMSG_ERROR, 0, "edffffff", "nlmsgerr: 4 bytes, 20 needed for the request's header"),
        (
            NLMSG_ERROR,
            NLM_F_CAPPED,
            "edffffff" + HEADER[:-2],
            "nlmsgerr: 19 bytes, 20 needed for the request's header",
        ),
        (
            NLMSG_ERROR,
            0,
            "13000000" + HEADER + BODY,
            "nlmsgerr: error 19 is neither 0 nor a negative errno",
        ),
        (NLMSG_DONE, 0, "00f0ffff", "nlmsgerr: error -4096 is neither 0 nor a negative errno"),
        (
            NLMSG_ERROR,
            0,
            "edffffff" + HEADER,
            "nlmsgerr: the echoed request's length 28 does not fit the 16 bytes there",
        ),
        (
            NLMSG_ERROR,
            0,
            "edffffff 0f000000" + HEADER[8:] + BODY,
            "nlmsgerr: the echoed request's length 15 does not fit the 28 bytes there",
        ),
        (
            NLMSG_ERROR,
            NLM_F_CAPPED | NLM_F_ACK_TLVS,
            "edffffff" + HEADER + "0600 0200 1400 0000",
            "attribute NLMSGERR offset: 2 bytes, a 32-bit number needed",
        ),
        (
            NLMSG_ERROR,
            NLM_F_CAPPED | NLM_F_ACK_TLVS,
            "edffffff" + HEADER + "0300 0200",
            "nlattr at byte 20: length 3 is below the header's 4",
        ),
    ],
)
def test_pull_status_refuses(kind: int, flags: int, data: str, expected: str) -> None:
    """A status that breaks its layout is refused, and the text says what was found and needed."""
    with pytest.raises(WireError, match=f"^{re.escape(expected)}$"):
        pull_status(message(kind, flags, data))


REQUEST = Request(
    "netdev dev-get",
    20,
    bytes.fromhex("01010000 0800 0100 01000000 0c00 0300 0100000000000000 0800 c800 01000000"),
    names=netdev.DEV_NAMES,
)


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (0, None),
        (19, None),
        (20, 1),
        (24, 1),
        (27, 1),
        (28, 3),
        (39, 3),
        (40, 200),
        (47, 200),
        (48, None),
        (2**32 - 1, None),
    ],
)
def test_attribute_at(offset: int, expected: int | None) -> None:
    """An offset into the request finds the attribute that holds it, and none elsewhere."""
    data = Transaction(REQUEST, 1, 0).data

    assert expected == extack.attribute_at(data, offset, 4)


def test_attribute_at_behind_a_longer_header() -> None:
    """The family's own header is skipped whatever its length."""
    data = bytes(16) + bytes(16) + bytes.fromhex("0800 1d00 08000000 0900 0300 657468300000 0000")

    assert (29, 3) == (extack.attribute_at(data, 32, 16), extack.attribute_at(data, 40, 16))


def test_attribute_at_in_a_malformed_request() -> None:
    """An offset into a request that is no attributes finds none, and does not fail."""
    assert None is extack.attribute_at(bytes(20) + b"\1\0\1\0", 20, 4)


def said(request: Request, flags: int, error: str, tlvs: str) -> KernelError:
    """What the kernel's refusal of a request is raised as."""
    transaction = Transaction(request, 1, 9)
    data = bytes.fromhex(error) + transaction.data[:16] + bytes.fromhex(tlvs)
    header = (16 + len(data)).to_bytes(4, "little") + bytes.fromhex("0200")
    transaction.receive(
        header + (flags | NLM_F_CAPPED).to_bytes(2, "little") + b"\1\0\0\0\x09\0\0\0" + data
    )
    with pytest.raises(KernelError) as caught:
        transaction.result()
    return caught.value


DUMP = Request("netdev dev-get dump", 20, REQUEST.payload, NLM_F_DUMP, names=netdev.DEV_NAMES)
TEXTS = {
    "errno-only": (
        REQUEST,
        ("edffffff", ""),
        "netdev dev-get: the kernel said ENODEV (No such device)",
    ),
    "words-and-attribute": (
        REQUEST,
        ("deffffff", MSG + OFFS + POLICY),
        ("netdev dev-get: the kernel said ERANGE (Numerical result out of range): integer out of"
        " range; it points at the request's ifindex"),
    ),
    "attribute-without-words": (
        DUMP,
        ("feffffff", "0800 0200 1c000000"),
        ("netdev dev-get dump: the kernel said ENOENT (No such file or directory); it points at"
        " the request's xdp-features"),
    ),
    "unnamed-attribute": (
        REQUEST,
        ("eaffffff", ("1b00 0100 556e6b6e6f776e20617474726962757465207479706500 00"
         "0800 0200 28000000")),
        ("netdev dev-get: the kernel said EINVAL (Invalid argument): Unknown attribute type; it"
        " points at the request's attribute 200"),
    ),
    "no-attribute-there": (
        REQUEST,
        ("eaffffff", "0800 0200 10000000"),
        ("netdev dev-get: the kernel said EINVAL (Invalid argument); it points at the request's"
        " byte 16"),
    ),
    "missing": (
        REQUEST,
        ("eaffffff", "0800 0500 01000000"),
        ("netdev dev-get: the kernel said EINVAL (Invalid argument); it misses the attribute"
        " ifindex"),
    ),
    "errno-without-a-name": (
        REQUEST,
        ("f4fdffff", ""),
        "netdev dev-get: the kernel said errno 524 (Unknown error 524)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("request_", "answer", "expected"), TEXTS.values(), ids=TEXTS)
def test_kernel_error_text(request_: Request, answer: tuple[str, str], expected: str) -> None:
    """A KernelError says what was asked, the errno, the kernel's words and what they point at."""
    error = said(request_, NLM_F_ACK_TLVS if answer[1] else 0, *answer)

    assert expected == str(error)


def test_kernel_error_fields() -> None:
    """A KernelError keeps the errno's name, the words and the attribute as data."""
    error = said(REQUEST, NLM_F_ACK_TLVS, "deffffff", MSG + OFFS + POLICY)

    assert (34, "ERANGE", "ifindex", None) == (
        error.errno,
        error.name,
        error.attribute,
        error.missing,
    )
    assert SAID == error.extack


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (19, "ENODEV"),
        (11, "EAGAIN"),
        pytest.param(35, "EDEADLK"),
        (95, "EOPNOTSUPP"),
    ],
)
def test_errno_name(code: int, expected: str) -> None:
    """An errno has the name that the kernel's sources use, not an alias of the C library's."""
    assert expected == KernelError(code, ExtAck()).name

# SPDX-License-Identifier: MIT
"""The scapy packets build and dissect what kernels send."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xdpconform.mock.packets import (
    GenericMessage,
    GenlMsgHdr,
    IfInfoMsg,
    NlAttr,
    NlMsgDone,
    NlMsgErr,
    NlMsgHdr,
    RequestHeader,
    RouteMessage,
    dissect,
    undissected,
)

DATA = Path(__file__).parents[1] / "data"
RECORDED = [
    (kernel, one["name"], reply)
    for kernel in ("7.3", "6.12")
    for one in json.loads((DATA / f"recorded-{kernel}.json").read_text())["exchanges"]
    for reply in one["replies"]
]
NOTIFIED = [
    datagram
    for kernel in ("7.3", "6.12")
    for one in json.loads((DATA / f"recorded-{kernel}.json").read_text())["notifications"]
    for datagram in one["datagrams"]
]


def test_recorded() -> None:
    """Every recorded datagram is dissected, and built again from its fields alone."""
    for kernel, name, reply in RECORDED:
        messages = list(dissect(bytes.fromhex(reply)))
        built = b"".join(bytes(undissected(message)) for message in messages)

        assert (kernel, name, reply) == (kernel, name, built.hex())


def test_notified() -> None:
    """Every recorded notification is dissected, and built again from its fields alone."""
    for datagram in NOTIFIED:
        (message,) = dissect(bytes.fromhex(datagram))

        assert datagram == bytes(undissected(message)).hex()
        assert [1, 3, 5, 6] == [one.nla_type for one in message.payload.attributes]


def test_memory_is_lost() -> None:
    """A packet without memory is built anew: a changed field shows."""
    (message,) = dissect(bytes.fromhex(NOTIFIED[0]))
    message.payload.attributes[0].value = b"\x07\0\0\0"

    assert NOTIFIED[0].replace("0800010035", "0800010007") == bytes(undissected(message)).hex()


def test_lengths() -> None:
    """Lengths and padding are filled in, and stay as they are where they were given."""
    filled = NlMsgHdr(nlmsg_type=28, nlmsg_seq=3) / GenlMsgHdr(
        cmd=1, attributes=[NlAttr(nla_type=2, value=b"abc"), NlAttr(nla_type=9, value=b"")]
    )
    given = NlAttr(nla_len=2, nla_type=2, value=b"abcd")

    assert "200000001c000000030000000000000001010000070002006162630004000900" == bytes(filled).hex()
    assert "0200020061626364" == bytes(given).hex()


def test_nests() -> None:
    """A nest with NLA_F_NESTED is dissected, one without it stays bytes, both are built."""
    inner = [NlAttr(nla_type=1, value=b"x"), NlAttr(nla_type=2, value=b"")]
    flagged = NlAttr(nla_type=0x8005, nested=inner)
    plain = NlAttr(nla_type=5, nested=inner)
    again = NlAttr(bytes(flagged))

    assert "100005800500010078000000" + "04000200" == bytes(flagged).hex()
    assert bytes(flagged)[4:] == bytes(plain)[4:]
    assert [1, 2] == [one.nla_type for one in again.nested]
    assert bytes(plain)[4:] == NlAttr(bytes(plain)).value
    assert bytes(flagged) == bytes(undissected(again))


@pytest.mark.parametrize("flags", [0, 0x100, 0x200, 0x300])
def test_errors(flags: int) -> None:
    """An error has the request's payload without NLM_F_CAPPED, and TLVs with NLM_F_ACK_TLVS."""
    request = bytes.fromhex("180000001c000100020000000000000001010000aabbccdd")
    header = NlMsgHdr(nlmsg_type=2, nlmsg_flags=flags, nlmsg_seq=2)
    body = NlMsgErr(
        error=-22,
        msg=RequestHeader(request[:16]),
        request=b"" if flags & 0x100 else request[16:],
        tlvs=[NlAttr(nla_type=1, value=b"no\0")],
    )
    (found,) = dissect(bytes(header / body))

    assert NlMsgErr is type(found.payload)
    assert -22 == found.payload.error
    assert request[:16] == bytes(found.payload.msg)
    assert (b"" if flags & 0x100 else request[16:]) == found.payload.request
    assert ([b"no\0"] if flags & 0x200 else None) == (
        [one.value for one in found.payload.tlvs] if found.payload.tlvs else None
    )
    assert bytes(header / body) == bytes(undissected(found))


def test_done() -> None:
    """NLMSG_DONE has an errno, and TLVs with NLM_F_ACK_TLVS."""
    bare = NlMsgHdr(nlmsg_type=3, nlmsg_flags=2) / NlMsgDone(error=-19)
    told = NlMsgHdr(nlmsg_type=3, nlmsg_flags=0x202) / NlMsgDone(
        error=-95, tlvs=[NlAttr(nla_type=2, value=b"\x14\0\0\0")]
    )
    found = [next(dissect(bytes(message))).payload for message in (bare, told)]

    assert [-19, -95] == [one.error for one in found]
    assert "a1ffffff0800020014000000" == bytes(told)[16:].hex()
    assert b"\x14\0\0\0" == found[1].tlvs[0].value


def test_links() -> None:
    """A link's header and attributes come back as they were put."""
    body = IfInfoMsg(
        ifi_type=772, ifi_index=-1, ifi_flags=9, attributes=[NlAttr(nla_type=3, value=b"lo\0")]
    )
    (found,) = dissect(bytes(RouteMessage(nlmsg_type=16) / body), RouteMessage)
    (other,) = dissect(bytes(GenericMessage(nlmsg_type=16) / GenlMsgHdr(cmd=1)))

    assert IfInfoMsg is type(found.payload)
    assert (772, -1, 9) == (
        found.payload.ifi_type,
        found.payload.ifi_index,
        found.payload.ifi_flags,
    )
    assert b"lo\0" == found.payload.attributes[0].value
    assert GenlMsgHdr is type(other.payload)

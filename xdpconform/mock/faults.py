# SPDX-License-Identifier: MIT
"""Every way in which the mock misbehaves, and what must come of each.

A harmless fault is one that a reader has to live with: the NIC conforms in spite of it. Of the
others a few lines are named that must say so. Outcomes are those of a NIC that conforms
otherwise, is up and claims zero copy.
"""

from __future__ import annotations

import errno
import re
from struct import pack
from typing import Final

from xdpconform.mock import acts
from xdpconform.mock.fault import Fault, Outcome, attr, edited, edited_link, masked, put
from xdpconform.mock.told import lost, malformed, nothing, stale, twice, unknown

DO: Final = ("dev-get",)
DUMP: Final = ("dev-get dump",)
ACK: Final = ("dev-get ack",)
DEVICE: Final = (*DO, *DUMP, *ACK)
NETDEV: Final = ("getfamily netdev",)
LINKS: Final = ("getlink dump",)
QUEUES: Final = ("queue-get dump",)
REFUSAL: Final = ("refusal",)
TRIES: Final = 5
"""How often an interrupted or lost answer is asked for (xdpconform.sources.base)."""

HARMLESS: Final = Outcome("CONFORMS")
MALFORMED: Final = Outcome("FAILS", {"XDP-PROTO-02": "fail malformed"})
UNANSWERED: Final = Outcome("INCOMPLETE", {"XDP-PROTO-02": "blocked", "XDP-FEAT-02": "blocked"})
NO_DUMP: Final = Outcome("INCOMPLETE", {"XDP-PROTO-04": "blocked"})


def _fails(kind: str, *lines: str) -> Outcome:
    return Outcome("FAILS", dict.fromkeys((f"XDP-{line}" for line in lines), f"fail {kind}"))


def _ends(error: str, place: str) -> Outcome:
    return Outcome("INCOMPLETE", error=error, place=place)


_REFUSED: Final = ("PROTO-06", "PROTO-07", "PROTO-08", "PROTO-10", "PROTO-12[notification]")
_POINTED: Final = ("PROTO-07", "PROTO-08", "PROTO-09[ifindex-16-bit]", "PROTO-10")

_DATAGRAMS: Final = (
    Fault("truncated-N", "a reply to dev-get ends at byte N", MALFORMED, DO, acts.truncated,
          numbers=(*range(1, 72),), beyond=(72, HARMLESS)),
    Fault("wrong-sequence", "a reply to dev-get has another sequence number", UNANSWERED, DO,
          acts.wrong_sequence),
    Fault("foreign-sender", "another process sends forged replies first", HARMLESS, (),
          acts.foreign_first),
    Fault("only-foreign", "all replies to dev-get come from another process", UNANSWERED, DO,
          acts.foreign),
    Fault("stale-reply-first", "a reply to an older request comes first", HARMLESS, (),
          acts.stale_first),
    Fault("noop-first", "NLMSG_NOOP comes first", HARMLESS, (), acts.noop_first),
    Fault("reply-repeated", "a reply to dev-get comes a second time, too late to matter", HARMLESS,
          DO, acts.repeated),
    Fault("unknown-control", "a control message of an unknown type answers dev-get", MALFORMED,
          DO, acts.control(9)),
    Fault("overrun-message", "NLMSG_OVERRUN answers dev-get, always", UNANSWERED, DO,
          acts.control(4)),
    Fault("overrun-N", "the answer to dev-get is lost to ENOBUFS N times", HARMLESS, DO,
          acts.overrun, numbers=(1, 4, 5), beyond=(TRIES, UNANSWERED)),
    Fault("garbage-megabytes", "1 MiB of garbage answers dev-get", MALFORMED, DO, acts.garbage(1)),
    Fault("garbage-beyond-limit", "5 MiB of garbage answers dev-get", UNANSWERED, DO,
          acts.garbage(5)),
    Fault("silence", "nothing is answered", _ends("Timeout", "getlink dump"), (), acts.nothing),
    Fault("silence-about-claims", "dev-get is not answered", UNANSWERED, DO, acts.nothing),
    Fault("silence-about-queues", "the dump of queues is not answered",
          Outcome("INCOMPLETE", {"XDP-QUEUE-01": "blocked"}), QUEUES, acts.nothing),
)  # fmt: skip

_DUMPS: Final = (
    Fault("lost-done", "the dump of dev-get has no NLMSG_DONE", NO_DUMP, DUMP, acts.without_done),
    Fault("done-with-errno", "NLMSG_DONE of dev-get says EIO", _fails("mismatch", "PROTO-04"),
          DUMP, acts.done_with_errno),
    Fault("dump-interrupted-N", "NLM_F_DUMP_INTR in the dump of dev-get, N times", HARMLESS, DUMP,
          acts.interrupted, numbers=(1, 2, 4, 5), beyond=(TRIES, NO_DUMP)),
    Fault("dump-interrupted", "NLM_F_DUMP_INTR in every dump of dev-get", NO_DUMP, DUMP,
          acts.interrupted, number=1 << 30),
    Fault("links-interrupted", "NLM_F_DUMP_INTR in every dump of links",
          _ends("SourceError", "getlink dump"), LINKS, acts.interrupted, number=1 << 30),
    Fault("dump-of-nothing", "the dump of dev-get lists no device", _fails("mismatch", "PROTO-04"),
          DUMP, acts.only_done),
    Fault("dump-twice", "the dump of dev-get lists each device twice",
          _fails("mismatch", "PROTO-04"), DUMP, acts.each_twice),
)  # fmt: skip

_MESSAGES: Final = (
    Fault("two-replies", "dev-get of one device is answered by two messages",
          _fails("mismatch", "PROTO-02"), DO, acts.each_twice),
    Fault("other-device", "dev-get is answered about another device",
          _fails("mismatch", "PROTO-02"), DO, edited(put(1, acts.moved))),
    Fault("ack-first", "the acknowledgement comes before the reply",
          _fails("mismatch", "PROTO-05"), ACK, acts.backwards),
    Fault("no-ack", "NLM_F_ACK is not heeded", Outcome("INCOMPLETE", {"XDP-PROTO-05": "blocked"}),
          ACK, acts.first_only),
    Fault("refused", "dev-get is refused with EPERM", _fails("mismatch", "PROTO-02"), DO,
          acts.refused(errno.EPERM)),
    Fault("vanishes", "the device is gone once it is asked for",
          _ends("NoSuchInterface", "dev-get"), DO, acts.refused(errno.ENODEV)),
    Fault("ethtool-malformed", "channels and features have numbers of 16 bits", HARMLESS,
          ("channels-get", "features-get"),
          edited(lambda attrs: [attr(one.nla_type, b"\2\0") for one in attrs])),
    Fault("ethtool-refused", "ethtool is refused with EPERM", HARMLESS,
          ("channels-get", "features-get"), acts.refused(errno.EPERM)),
    Fault("family-missing", "nlctrl knows no family netdev",
          Outcome("INCOMPLETE", {"XDP-PROTO-01": "blocked", "XDP-FEAT-02": "blocked"}), NETDEV,
          acts.refused(errno.ENOENT)),
    Fault("family-refused", "nlctrl refuses with EPERM",
          _ends("KernelError", "getfamily netdev"), NETDEV, acts.refused(errno.EPERM)),
    Fault("family-without-operations", "nlctrl lists no operations", _fails("mismatch", "PROTO-01"),
          NETDEV, edited(put(6, lambda _value: None))),
    Fault("family-without-groups", "nlctrl lists no groups", _fails("mismatch", "PROTO-01"),
          NETDEV, edited(put(7, lambda _value: None))),
    Fault("family-version-2", "the family netdev has version 2", _fails("mismatch", "PROTO-01"),
          NETDEV, edited(put(3, lambda _value: attr(3, pack("=I", 2))))),
    Fault("family-without-id", "nlctrl gives no id", _ends("WireError", "getfamily netdev"),
          NETDEV, edited(put(1, lambda _value: None))),
    Fault("family-name-endless", "nlctrl gives a name of 4000 bytes",
          _ends("WireError", "getfamily netdev"), NETDEV,
          edited(put(2, lambda _value: attr(2, b"n" * 4000)))),
    Fault("link-without-name", "links have no name", _ends("WireError", "getlink dump"), LINKS,
          edited_link(put(3, lambda _value: None))),
    Fault("strings-without-terminator", "names of links have no NUL", HARMLESS, LINKS,
          edited_link(put(3, lambda value: attr(3, value.rstrip(b"\0"))))),
    Fault("family-name-without-terminator", "the name of the family has no NUL", HARMLESS, NETDEV,
          edited(put(2, lambda value: attr(2, value.rstrip(b"\0"))))),
    Fault("queue-missing", "the dump of queues lacks the last", _fails("mismatch", "QUEUE-01"),
          QUEUES, acts.without_last),
    Fault("queue-twice", "the dump lists each queue twice", _fails("mismatch", "QUEUE-01"),
          QUEUES, acts.each_twice),
    Fault("queue-without-id", "queues have no number", _fails("malformed", "QUEUE-01"), QUEUES,
          edited(put(1, lambda _value: None))),
    Fault("queue-moved", "queue-get answers about another queue than was asked for",
          _fails("mismatch", "QUEUE-02"), ("queue-get",),
          edited(put(1, lambda _value: attr(1, pack("=I", 1))))),
    Fault("queues-without-end", "there is a queue of whatever number",
          _fails("mismatch", "QUEUE-03"), REFUSAL, acts.any_queue),
    Fault("queue-of-another", "queues are another device's", _fails("mismatch", "QUEUE-01"),
          QUEUES, edited(put(2, lambda _value: attr(2, pack("=I", 99))))),
)  # fmt: skip

_ERRORS: Final = (
    Fault("broken-tlvs", "the TLVs of errors lead beyond the end", _fails("malformed", *_POINTED),
          REFUSAL, acts.refusals(acts.broken_tlvs)),
    Fault("no-tlvs", "errors have no extended acknowledgement", _fails("mismatch", *_POINTED),
          REFUSAL, acts.refusals(acts.no_tlvs)),
    Fault("words-without-terminator", "the kernel's words have no NUL", HARMLESS, REFUSAL,
          acts.refusals(acts.unended_words)),
    Fault("errno-above-0", "errors are above 0", _fails("malformed", *_REFUSED), REFUSAL,
          acts.refusals(acts.positive_errno)),
    Fault("errno-of-another", "every error is EIO", _fails("mismatch", *_REFUSED), REFUSAL,
          acts.refusals(acts.other_errno)),
    Fault("error-cut", "errors end inside the header that they echo",
          _fails("malformed", *_REFUSED), REFUSAL, acts.cut_in_echo),
    Fault("accepts-all", "what should be refused is answered", _fails("mismatch", *_REFUSED),
          REFUSAL, acts.accepted),
)  # fmt: skip


def _attribute(name: str, title: str, outcome: Outcome, edit: object) -> Fault:
    return Fault(name, title, outcome, DEVICE, edited(edit))  # type: ignore[arg-type]


def _width(name: str, title: str, kind: int, value: bytes) -> Fault:
    return _attribute(name, title, MALFORMED, put(kind, lambda _value: attr(kind, value)))


_TWICE: Final = attr(3, pack("=Q", 0))
_ATTRIBUTES: Final = (
    *(
        _attribute(
            f"attribute-length-{length}",
            f"xdp-features has nla_len {length}, less than its header",
            MALFORMED,
            put(3, lambda value, length=length: attr(3, value, length)),  # type: ignore[misc]
        )
        for length in range(4)
    ),
    _attribute("attribute-beyond-end", "xdp-features leads beyond the end", MALFORMED,
               put(3, lambda value: attr(3, value, 0x7FFF))),
    _width("features-32-bit", "xdp-features has 32 bits", 3, bytes(4)),
    _width("features-empty", "xdp-features has no bits", 3, b""),
    _width("metadata-8-bit", "xdp-rx-metadata-features has 8 bits", 5, bytes(1)),
    _width("xsk-128-bit", "xsk-features has 128 bits", 6, bytes(16)),
    _width("segments-64-bit", "xdp-zc-max-segs has 64 bits", 4, bytes(8)),
    _width("ifindex-16-bit", "ifindex has 16 bits", 1, bytes(2)),
    _attribute("attribute-twice", "xdp-features is there twice, the second 0",
               _fails("malformed", "PROTO-03"), acts.more(_TWICE)),
    _attribute("ifindex-missing", "ifindex is missing", _fails("malformed", "PROTO-03"),
               put(1, lambda _value: None)),
    _attribute("features-missing", "xdp-features is missing", _fails("malformed", "PROTO-03"),
               put(3, lambda _value: None)),
    _attribute("metadata-missing", "xdp-rx-metadata-features is missing",
               _fails("malformed", "PROTO-03"), put(5, lambda _value: None)),
    _attribute("xsk-missing", "xsk-features is missing", _fails("malformed", "PROTO-03"),
               put(6, lambda _value: None)),
    _attribute("segments-missing", "xdp-zc-max-segs is missing", _fails("malformed", "ZC-02"),
               put(4, lambda _value: None)),
    _attribute("unknown-attribute", "there is an attribute 77",
               Outcome("INCOMPLETE", {"XDP-PROTO-03": "blocked"}),
               acts.more(attr(77, pack("=I", 7)))),
    _attribute("padded", "NETDEV_A_DEV_PAD before each 64-bit number", HARMLESS, acts.padded),
    _attribute("reordered-attributes", "attributes come in the opposite order", HARMLESS,
               acts.mirrored),
    _attribute("unknown-feature-bit", "bit 40 of xdp-features is set",
               Outcome("INCOMPLETE", {"XDP-INV-04[xdp-features]": "blocked"}),
               masked(3, on=1 << 40)),
    _attribute("unknown-metadata-bit", "bit 63 of xdp-rx-metadata-features is set",
               Outcome("INCOMPLETE", {"XDP-INV-04[xdp-rx-metadata-features]": "blocked"}),
               masked(5, on=1 << 63)),
    _attribute("zero-segments", "xdp-zc-max-segs is 0", _fails("malformed", "ZC-02"),
               put(4, lambda _value: attr(4, bytes(4)))),
    _attribute("endless-segments", "xdp-zc-max-segs is 4294967295",
               _fails("over-claim", "ZC-03"), put(4, lambda _value: attr(4, b"\xff" * 4))),
    _attribute("segments-alone", "xdp-zc-max-segs without xsk-zerocopy",
               _fails("over-claim", "ZC-02"), masked(3, off=0x8)),
    _attribute("over-claim", "hw-offload is claimed too", _fails("over-claim", "FEAT-06"),
               masked(3, on=0x10)),
    _attribute("under-claim", "redirect is not claimed",
               _fails("under-claim", "FEAT-03"), masked(3, off=0x2)),
    Fault("dump-claims-more", "the dump claims hw-offload, dev-get does not",
          _fails("mismatch", "PROTO-04"), DUMP, edited(masked(3, on=0x10))),
)  # fmt: skip

_NOTIFICATIONS: Final = (
    Fault("birth-untold", "no notification of the second device", _fails("mismatch", "PROTO-13"),
          told=lost(2)),
    Fault("death-untold", "no notification of the second device's end",
          _fails("mismatch", "PROTO-13"), told=lost(3)),
    Fault("birth-told-twice", "each birth is told twice", _fails("mismatch", "PROTO-13"),
          told=twice(2)),
    Fault("change-untold", "no notification of the change", _fails("mismatch", "PROTO-14"),
          told=lost(4)),
    Fault("change-stale", "the notification of the change has the old features",
          _fails("mismatch", "PROTO-14"), told=stale),
    Fault("nothing-told", "there are no notifications", _fails("mismatch", "PROTO-13", "PROTO-14"),
          told=nothing),
    Fault("notification-unknown", "a notification is of an unknown kind",
          _fails("malformed", "PROTO-13"), told=unknown),
    Fault("notification-malformed", "a notification is cut", _fails("malformed", "PROTO-13"),
          told=malformed),
)  # fmt: skip

FAULTS: Final[dict[str, Fault]] = {
    fault.name: fault
    for group in (_DATAGRAMS, _DUMPS, _MESSAGES, _ERRORS, _ATTRIBUTES, _NOTIFICATIONS)
    for fault in group
}
"""By name; ``N`` at the end of one stands for a number."""

_NUMBERED: Final = re.compile(r"(.*-)([1-9][0-9]{0,8})")


def fault_named(name: str) -> Fault | None:
    """A fault by its name, with a number in place of ``N``; None if there is none."""
    fault = FAULTS.get(name)
    if fault is not None and not fault.numbers:
        return fault
    match = _NUMBERED.fullmatch(name)
    family = FAULTS.get(f"{match[1]}N") if match else None
    return family.numbered(int(match[2])) if family and match else None

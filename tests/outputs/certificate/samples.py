# SPDX-License-Identifier: MIT
"""Results to make pages of: a recording's, and lines made for a purpose."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tests.outputs.attest.folders import VIRTIO, judged
from xdpconform.outputs.certificate.page import certificate_page
from xdpconform.outputs.results import Environment, Module, Result

if TYPE_CHECKING:
    from typing import Any

    from xdpconform.outputs.results import NicResults, Results

ENVIRONMENT = Environment(
    build="#1 SMP Mon Nov 2 10:00:00 UTC 2026",
    machine="x86_64",
    config={"CONFIG_XDP_SOCKETS": "y", "CONFIG_BPF_JIT": "y"},
    module=Module("virtio_net", "in-tree", None, "F0E1D2C3B4A5968778695A4"),
    offloads=["rx-checksum", "tx-tcp-segmentation"],
)


def line(requirement: str, outcome: str = "pass", **fields: Any) -> Result:
    """A line, with what matters said."""
    found = {
        "title": f"{requirement} holds.",
        "param": "",
        "kind": "mismatch" if outcome == "fail" else None,
        "level": "packets",
        "expected": "what should be",
        "observed": "what was",
        "reason": "",
        "evidence": {},
    }
    return Result(requirement=requirement, outcome=outcome, **(found | fields))  # type: ignore[arg-type]


def results(*lines: Result, level: str = "packets", **fields: Any) -> Results:
    """The NIC of a recording, with other lines if any are given, and other fields."""
    found = judged(VIRTIO)
    nic = replace(found.nics[0], **fields)
    if lines:
        nic = replace(nic, results=list(lines))
    return replace(found, nics=[nic], level=level)


def nic(*lines: Result, **fields: Any) -> NicResults:
    """The same, the NIC alone."""
    return results(*lines, **fields).nics[0]


class Page(HTMLParser):
    """What a browser sees of a page: elements, and the text of each id."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._hidden = ""
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        if tag in ("dt", "dd", "td", "th"):
            self.text += " "
        if tag == "style":
            self._hidden = tag

    def handle_endtag(self, tag: str) -> None:
        """Note the end of what has no text to read."""
        if tag == self._hidden:
            self._hidden = ""

    def handle_data(self, data: str) -> None:
        """Note text."""
        if not self._hidden:
            self.text += data

    @property
    def tags(self) -> list[str]:
        """The elements' names, in order."""
        return [tag for tag, _attributes in self.elements]

    def of(self, attribute: str) -> list[str]:
        """Every value of an attribute."""
        return [
            str(attributes[attribute])
            for _tag, attributes in self.elements
            if attribute in attributes
        ]


def page(*lines: Result, signer: str | None = None, **fields: Any) -> str:
    """A page's text, white space as one blank."""
    made = certificate_page(results(*lines, **fields), signer)
    return re.sub(r"\s+", " ", Page(made).text)

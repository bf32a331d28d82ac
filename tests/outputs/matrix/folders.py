# SPDX-License-Identifier: MIT
"""Certificates' folders for a matrix: small results, with statements that are true of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

import msgspec

from xdpconform.outputs.attest import attest
from xdpconform.outputs.results import Results, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAGE: Final = b"<!DOCTYPE html><title>Certificate</title>"


_NOTHING: Final = {"observed": "", "evidence": {}}


class Said(NamedTuple):
    """A line, and how it came out."""

    requirement: str
    outcome: str = "pass"
    param: str = ""
    level: str = "claims"
    kind: str | None = None
    expected: str = ""
    reason: str = ""


def results(
    *said: Said,
    driver: str | None = "veth",
    kernel: str = "6.12.0",
    started: str = "2026-11-24T10:00:00+00:00",
    verdict: str = "CONFORMS",
    level: str = "claims",
    ifname: str = "eth0",
    source: str = "kernel",
    profile: str | None = "veth",
    flags: Sequence[str] = (),
    firmware: str | None = None,
) -> Results:
    """A run of one NIC."""
    identity = {
        "ifname": ifname, "ifindex": 2, "driver": driver, "driver-version": None,
        "firmware": firmware, "bus-info": None, "sysfs-driver": None, "bus": None, "kind": None,
        "pci": None, "kernel": kernel, "mtu": 1500, "queues": {},
    }  # fmt: skip
    claims = {
        "xdp-features": list(flags), "xdp-zc-max-segs": None, "xdp-rx-metadata-features": None,
        "xsk-features": None, "zero-copy": "unavailable", "unknown": {},
    }  # fmt: skip
    nic = {
        "id": ifname, "source": source, "identity": identity, "capabilities": {"idle": claims},
        "profile": profile and {"name": profile, "digest": f"sha256:{'0' * 64}"},
        "verdict": verdict, "missing": [],
        "results": [
            one._asdict() | {"title": f"Title of {one.requirement}.", **_NOTHING}
            for one in said or (Said("XDP-FEAT-02"),)
        ],
    }  # fmt: skip
    run = {
        "schema": "xdpconform-results-1", "tool": {"name": "xdpconform", "version": "1"},
        "started": started, "level": level, "nics": [nic],
    }  # fmt: skip
    return msgspec.convert(run, Results)


def store(folder: Path, run: Results) -> Path:
    """A certificate's folder; its page is a stub."""
    files = {"results.json": encode(run), "certificate.html": PAGE}
    folder.mkdir(parents=True)
    for name, data in (files | attest(run, files, None)).items():
        (folder / name).write_bytes(data)
    return folder


def files_of(site: Path) -> Mapping[str, bytes]:
    """Every file of a site, by its path."""
    return {
        str(path.relative_to(site)): path.read_bytes()
        for path in sorted(site.rglob("*"))
        if path.is_file()
    }


def links(page: Path) -> list[Path]:
    """The files that a page's links lead to."""
    found = re.findall(r'href="([^"#]*)[^"]*"', page.read_text(encoding="utf-8"))
    return [page.parent / unquote(href) for href in found if href]


def cells(page: Path) -> dict[str, list[str]]:
    """The text of a page's first table: by row's head the cells."""
    table = page.read_text(encoding="utf-8").partition("<tbody>")[2].partition("</tbody>")[0]
    rows = {}
    for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL):
        head, *rest = re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)
        rows[_text(head)] = [_text(cell) for cell in rest]
    return rows


def _text(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", markup).split())

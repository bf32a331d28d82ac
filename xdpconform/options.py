# SPDX-License-Identifier: MIT
"""The options of the pytest plugin, and what each is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

IFACE = "--iface"
NETNS = "--netns"
RECORDING = "--recording"
MOCK = "--mock"
PROFILE = "--profile"
VARIANT = "--variant"
LEVEL = "--level"
TESTBED = "--testbed"
PEER = "--peer"
LOOPBACK = "--loopback"
OWNED = "--i-own-this-port"
RESULTS = "--xdp-results"
CERTIFICATE = "--certificate"
KEY = "--certificate-key"
SUMMARY = "--summary-md"
ALLOW_INCOMPLETE = "--allow-incomplete"

LEVELS = ("claims", "attach", "packets")
TESTBEDS = ("veth", "tap")


def add_options(parser: pytest.Parser) -> None:
    """Tell pytest what a run may be given."""
    group = parser.getgroup("xdpconform", "XDP conformance of NICs")
    group.addoption(
        IFACE,
        action="append",
        default=[],
        metavar="NAME",
        help="certify this NIC: a name, number, glob, or 'all'; may be repeated; NETIF in the"
        " environment or in net.config is the default",
    )
    group.addoption(NETNS, metavar="NAME|PATH", help="network namespace that the NICs are in")
    group.addoption(
        RECORDING,
        action="append",
        default=[],
        metavar="PATH",
        help="certify the NICs of a recording: a file, a folder or a glob, as --recording=PATH; may"
        " be repeated",
    )
    group.addoption(
        MOCK,
        action="append",
        default=[],
        metavar="DRIVER",
        help="run on a simulated NIC, such as ice@7.3, or 'all'; docs/mock.md; may be repeated",
    )
    group.addoption(
        PROFILE,
        action="append",
        default=[],
        metavar="FILE|DIR",
        help="profiles that come before the shipped ones, as --profile=FILE; may be repeated",
    )
    group.addoption(
        VARIANT,
        action="append",
        default=[],
        metavar="PROFILE:VARIANT",
        help="say which variant a NIC is where no fact tells; may be repeated",
    )
    group.addoption(
        LEVEL,
        choices=LEVELS,
        help="how strong the evidence shall be: read the claims, attach programs, or send frames"
        " (default: packets where a testbed is named, else claims)",
    )
    group.addoption(
        TESTBED,
        choices=TESTBEDS,
        help="certify a NIC made for the run, in a network namespace of its own; needs root",
    )
    group.addoption(
        PEER,
        metavar="NAME",
        help="the port cabled to the NIC; it is moved into a network namespace and brought back",
    )
    group.addoption(
        LOOPBACK,
        action="store_true",
        help="send frames over the NIC's own loopback (ethtool feature 'loopback')",
    )
    group.addoption(
        OWNED,
        action="append",
        default=[],
        metavar="NAME",
        help="let this NIC or peer be tested although it looks to be in use; docs/safety.md; may"
        " be repeated",
    )
    group.addoption(
        RESULTS,
        metavar="PATH",
        help="write results.json here (default: reports/, named by NIC and time)",
    )
    group.addoption(
        CERTIFICATE,
        metavar="DIR",
        help="write certificates into this new folder; docs/certificate.md",
    )
    group.addoption(
        KEY, metavar="KEY", help="sign them by this key, a PEM or OpenSSH one; docs/attestation.md"
    )
    group.addoption(SUMMARY, metavar="PATH", help="write a summary in Markdown, for a pull request")
    group.addoption(
        ALLOW_INCOMPLETE,
        action="store_true",
        help="exit with 0 also where something could not be tested",
    )
    parser.addini("xdp_ifaces", "NICs to certify where --iface is not given", type="args")

# SPDX-License-Identifier: MIT
"""The profiles in docs/profiles.md load, and say what the text says they do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from xdpconform.errors import ProfileError
from xdpconform.netlink.netdev import Capabilities
from xdpconform.nic import ATTACHED, FLAGS, IDLE, Identity, Link, Nic, QueueCounts, XdpAct
from xdpconform.profiles import load_all
from xdpconform.profiles.load import LoadedProfile, decode, load
from xdpconform.profiles.match import match
from xdpconform.profiles.model import Profile, Variant

PAGE = (Path(__file__).parents[2] / "docs/profiles.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PROFILES = {profile.name: profile for profile in (decode(b.encode(), "page") for b in BLOCKS)}
SHIPPED = {loaded.profile.name: loaded.profile for loaded in load_all()}
EXAMPLES = {"smallest", "every-field", "veth-waived", "virtio_net-cloud", "igc-el"}
"""Blocks that are no shipped profile's."""


def test_all_are_profiles() -> None:
    """Every block is a profile with a name of its own, so that it can be tried alone."""
    assert len(BLOCKS) == len(PROFILES) >= 20


@pytest.mark.parametrize("block", BLOCKS, ids=list(PROFILES))
def test_loads(block: str, tmp_path: Path) -> None:
    """A reader can save a block as a file and use it, with what it extends."""
    path = tmp_path / "mine.toml"
    path.write_text(block, encoding="utf-8")

    assert load(path).profile.name in PROFILES


def test_shipped_or_example() -> None:
    """Each block is a shipped profile's or a known example: none is of a driver that is not so."""
    assert PROFILES.keys() - EXAMPLES == PROFILES.keys() & SHIPPED.keys()


def bare(part: Profile | Variant) -> dict[str, Any]:
    """A profile's or variant's rules without what the page leaves out."""
    table = msgspec.to_builtins(part)
    for key in ("source", "note", "title", "crashes", "jumbo-errno", "variant", "waiver"):
        table.pop(key, None)
    rules = [*table["claim"], *table["zc-max-segs"]]
    for rule in [*rules, table.get("computed") or {}]:
        rule.pop("source", None)
        rule.pop("note", None)
    return table


@pytest.mark.parametrize("name", sorted(PROFILES.keys() & SHIPPED.keys()))
def test_as_shipped(name: str) -> None:
    """A block of a shipped profile is that profile, but for what the page says it leaves out."""
    page, shipped = PROFILES[name], SHIPPED[name]
    variants = {variant.name: bare(variant) for variant in shipped.variant}

    assert bare(shipped) == bare(page)
    assert [variants[variant.name] for variant in page.variant] == [*map(bare, page.variant)]
    assert page.waiver in ([], shipped.waiver)
    assert bool(page.variant) == bool(shipped.variant)


def test_waivers() -> None:
    """The table has each shipped waiver, and what it is restricted to."""
    table = PAGE.partition("<!-- waivers: begin -->\n\n")[2].partition("\n\n<!-- waivers: end")[0]
    rows = [
        f"| {name} | {waiver.variant} | {waiver.requirement}"
        + (f"[{waiver.param}]" if waiver.param else "")
        + f" | {waiver.release or 'every'} |"
        for name, profile in sorted(SHIPPED.items())
        for waiver in profile.waiver
    ]

    assert ["| profile | variant | line | release |", "|---|---|---|---|", *rows] == (
        table.splitlines()
    )


NONE = XdpAct(0)
UNCOUNTED = QueueCounts()


def make_nic(
    driver: str,
    *,
    kernel: str = "6.12.0",
    state: str = IDLE,
    up: bool = True,
    claims: XdpAct = NONE,
    bus: str | None = "pci",
    queues: QueueCounts = UNCOUNTED,
    sysfs: dict[str, str] | None = None,
    features: frozenset[str] | None = frozenset(),
    ports: tuple[Capabilities, ...] | None = None,
    lower: int | None = None,
) -> Nic:
    """A NIC with these facts."""
    return Nic(
        id="nic",
        identity=Identity("nic", 7, kernel, driver=driver, bus=bus),
        link=Link(7, "nic", "ether", up, 1500, None, "none", lower, False, None),
        state=state,
        capabilities={state: capabilities(claims)},
        queues=queues,
        sysfs=sysfs or {},
        features=features,
        ports=ports,
    )


def capabilities(features: XdpAct) -> Capabilities:
    """Only xdp-features."""
    blank = dict.fromkeys(Capabilities._fields)
    return Capabilities(**{**blank, "features": features})  # type: ignore[arg-type]


def expected(name: str, nic: Nic) -> dict[str, str]:
    """What a profile of the page expects, without what is forbidden."""
    found = match([LoadedProfile(PROFILES[name], name, "")], nic)
    assert found is not None
    words = {
        flag: found.expectation(flag, nic, nic.state).expect.value for flag in FLAGS["xdp-features"]
    }
    return {flag: word for flag, word in words.items() if word != "forbidden"}


def required(*flags: str) -> dict[str, str]:
    """All of them required."""
    return dict.fromkeys(flags, "required")


MLX5 = ("basic", "redirect", "xsk-zerocopy", "rx-sg")
NDO = ("ndo-xmit", "ndo-xmit-sg")
ALL = XdpAct.BASIC | XdpAct.REDIRECT | XdpAct.NDO_XMIT | XdpAct.XSK_ZEROCOPY
LRO = frozenset({"rx-lro"})


@pytest.mark.parametrize(
    ("name", "nic", "wanted"),
    [
        ("ixgbe", make_nic("ixgbe"), required("basic", "redirect", "xsk-zerocopy")),
        (
            "ixgbe",
            make_nic("ixgbe", state=ATTACHED),
            required("basic", "redirect", "xsk-zerocopy", *NDO),
        ),
        (
            "gve",
            make_nic("gve", state=ATTACHED),
            required("basic", "redirect", "xsk-zerocopy", "ndo-xmit"),
        ),
        (
            "gve",
            make_nic("gve", state=ATTACHED, up=False),
            required("basic", "redirect", "xsk-zerocopy"),
        ),
        ("igb", make_nic("igb"), {**required("basic", "redirect"), "xsk-zerocopy": "optional"}),
        (
            "igc-el",
            make_nic("igc", kernel="5.14.0-570.el9.x86_64"),
            required("basic", "redirect", "xsk-zerocopy"),
        ),
        ("mlx5_core", make_nic("mlx5_core"), required(*MLX5, *NDO)),
        ("mlx5_core", make_nic("mlx5_core", features=LRO), {}),
        (
            "mlx5_core",
            make_nic("mlx5_core", kernel="6.18.1"),
            {**required(*MLX5), **dict.fromkeys(NDO, "optional")},
        ),
        ("mlx5_core", make_nic("mlx5_core", kernel="7.3.0"), required(*MLX5)),
        (
            "mlx5_core",
            make_nic("mlx5_core", kernel="7.3.0", state=ATTACHED),
            required(*MLX5, *NDO),
        ),
        (
            "ena",
            make_nic("ena", queues=QueueCounts(combined=4, combined_max=8)),
            required("basic", "redirect"),
        ),
        ("ena", make_nic("ena", queues=QueueCounts(combined=8, combined_max=8)), {}),
        (
            "vmxnet3",
            make_nic("vmxnet3"),
            {**required("basic", "redirect"), "ndo-xmit": "optional"},
        ),
        (
            "vmxnet3",
            make_nic("vmxnet3", state=ATTACHED),
            required("basic", "redirect", "ndo-xmit"),
        ),
        (
            "bonding",
            make_nic(
                "bonding",
                sysfs={"bonding/mode": "active-backup 1", "bonding/xmit_hash_policy": "layer2 0"},
                ports=(capabilities(ALL), capabilities(ALL & ~XdpAct.NDO_XMIT)),
            ),
            required("basic", "redirect"),
        ),
        (
            "bonding",
            make_nic("bonding", sysfs={"bonding/mode": "balance-tlb 5"}, ports=()),
            {},
        ),
        (
            "netkit",
            make_nic("netkit", kernel="7.3.0"),
            required("xsk-zerocopy"),
        ),
        ("netkit", make_nic("netkit", kernel="7.3.0", lower=8), {}),
        ("mlx5e_rep", make_nic("mlx5e_rep"), {}),
    ],
)
def test_says_what_the_text_says(name: str, nic: Nic, wanted: dict[str, str]) -> None:
    """Each kind of row expects what the driver does."""
    assert wanted == expected(name, nic)


def test_safe_mode_is_assumed() -> None:
    """A variant that no fact tells is found by its claims, and has to be confirmed."""
    loaded = LoadedProfile(PROFILES["ice"], "ice", "")
    full = XdpAct.BASIC | XdpAct.REDIRECT | XdpAct.XSK_ZEROCOPY | XdpAct.RX_SG
    found = [
        match([loaded], make_nic("ice")),
        match([loaded], make_nic("ice", claims=full)),
        match([loaded], make_nic("ice"), ["ice:safe-mode"]),
    ]

    assert [("ice:safe-mode", True), ("ice:PF", False), ("ice:safe-mode", False)] == [
        (one.name, bool(one.assumed)) for one in found if one
    ]


def test_error_example() -> None:
    """The message that the page shows is the one that comes."""
    shown = re.search(r"^```text\n(my\.toml: .*?)\n```$", PAGE, re.MULTILINE)
    text = 'schema = 1\nname = "x"\ndriver = ["x"]\n\n[[claim]]\nflags = ["rx_sg"]\n'

    assert shown
    with pytest.raises(ProfileError) as error:
        decode(text.encode(), "my.toml")
    assert shown[1] == str(error.value)

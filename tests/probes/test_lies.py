# SPDX-License-Identifier: MIT
"""A NIC that lies about its claims is found out by programs and frames, and in the right direction.

docs/lies.md is what is tested here, and then once more from end to end: pytest certifies a real
NIC whose replies a liar tells.
"""

from __future__ import annotations

import importlib.util
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.namespaces import unavailable
from tests.plugin.runs import CONFIG, QUICK, ROOT, SUITES, Runs
from tests.probes.fates import Matrix, words, wrongs
from tests.probes.fates import matrix as judged
from tests.probes.lying import Liar, Lie, lies
from tests.probes.tried import TODAY, tried
from xdpconform import live
from xdpconform.lab import judge
from xdpconform.netlink.netdev import (
    Capabilities,
    Command,
    DevAttr,
    XdpAct,
    XdpRxMetadata,
    XskFlags,
)
from xdpconform.netlink.wire import U64, push_attribute, push_genlmsghdr, push_message, push_u32
from xdpconform.outputs import results
from xdpconform.probes import trial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.probes.tried import Tried
    from xdpconform.outputs.results import NicResults
    from xdpconform.probes.testbed import Testbed

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.skipif(bool(unavailable()), reason=f"a testbed {unavailable()}")

PATIENCE = 0.5
"""Seconds to wait for frames in runs where many are known not to come."""


@pytest.fixture(scope="module")
def nics() -> Iterator[dict[str, Tried]]:
    """A veth and a tap, tried once for all tests here."""
    with ExitStack() as stack:
        yield {kind: stack.enter_context(tried(kind)) for kind in ("veth", "tap")}


@pytest.fixture(scope="module")
def matrix(nics: dict[str, Tried]) -> Matrix:
    """All lies about both, and all breaks."""
    return judged(nics.values())


def test_every_lie_is_found(matrix: Matrix) -> None:
    """Each lie is contradicted by what was seen, or there is a reason why not; never wrongly."""
    assert [] == wrongs(matrix)
    assert len({(one.kind, one.lie.name) for one in matrix.fates}) == len(matrix.fates)


ZERO_COPY = (
    "BIND-01 03 04 05 06 07 08, "
    + " ".join(f"{'SOCK-' * (n == 1)}{n:02}[zero-copy]" for n in (1, *range(3, 12)))
    + ", TXHINT-02[zero-copy]"
)
"""The lines that rest on zero copy."""
SEGMENTS = ("no xdp-zc-max-segs", "xdp-zc-max-segs 0", "xdp-zc-max-segs 17")
# kind, lie: what programs and frames alone say of it
EXPECTED = {
    ("veth", "-basic"): (
        "ACT-01 02 03[program] 04 05 06 07 08, ATTACH-01, REDIR-01 02 03 04, SG-01 02 03 04 05"
    ),
    ("veth", "-redirect"): "REDIR-01 02 03 04, SG-04",
    ("veth", "-rx-sg"): "ATTACH-04, SG-01 02 03 04 05",
    ("veth", "+ndo-xmit"): "XMIT-01[*-plain]",
    ("veth", "-ndo-xmit"): "XMIT-01[*-gro *-program] 02[*-gro *-program]",
    ("veth", "+ndo-xmit +ndo-xmit-sg"): "XMIT-01[*-plain] 02[*-plain]",
    ("veth", "-ndo-xmit-sg"): "XMIT-02[*-gro *-program]",
    ("veth", "+hw-offload"): "ATTACH-06",
    ("veth", "-timestamp"): "HINT-01[timestamp] 02",
    ("veth", "-hash"): "HINT-01[hash] 03 04 05",
    ("veth", "-vlan-tag"): "HINT-01[vlan-tag] 06",
    ("tap", "-basic"): "ACT-01 02 03 04 05 06 07 08, ATTACH-01, REDIR-01 02 03 04",
    ("tap", "-redirect"): "REDIR-01 02 03 04",
    ("tap", "-ndo-xmit"): "XMIT-01",
    ("tap", "+ndo-xmit-sg"): "XMIT-02",
    ("tap", "+ndo-xmit +ndo-xmit-sg"): "XMIT-02",
    ("tap", "+hw-offload"): "ATTACH-06",
    ("tap", "+timestamp"): "HINT-01[timestamp] 02",
    ("tap", "+hash"): "HINT-01[hash] 03 04 05",
    ("tap", "+vlan-tag"): "HINT-01[vlan-tag] 06",
    **{
        (kind, lie): ZERO_COPY
        for kind in ("veth", "tap")
        for lie in ("+xsk-zerocopy", *(f"+xsk-zerocopy, {told}" for told in SEGMENTS))
    },
    **{(kind, "+xdp-zc-max-segs 1"): "BIND-06 07" for kind in ("veth", "tap")},
}


def test_behaviour_says_so(matrix: Matrix) -> None:
    """The lines of programs and frames that contradict each lie are those that are about it."""
    found = {(one.kind, one.lie.name): words(one.behaviour) for one in matrix.fates}

    assert {key: found.get(key) for key in EXPECTED} == EXPECTED
    assert not [key for key, lines in found.items() if lines and key not in EXPECTED]


def test_page_is_current(matrix: Matrix) -> None:
    """docs/lies.md is what these NICs make of it, on the kernel that it was written on."""
    page: Any = _module("lies")
    kept = page.PAGE.read_text(encoding="utf-8")
    if f"Seen on {page.series()}." not in kept:
        pytest.skip(f"docs/lies.md was written on another kernel than {page.series()}")

    assert page.page(matrix).split("\n") == kept.split("\n"), "run: python docs/lies.py"


def _module(name: str) -> object:
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class Lied(NamedTuple):
    """A run from end to end."""

    kind: str
    lie: str


RUNS = [
    Lied("veth", "-basic"),
    Lied("veth", "-rx-sg"),
    Lied("veth", "+ndo-xmit"),
    Lied("veth", "+hw-offload"),
    Lied("tap", "-ndo-xmit"),
]


@pytest.mark.parametrize("run", RUNS, ids=["".join(run) for run in RUNS])
def test_from_end_to_end(
    nics: dict[str, Tried], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, run: Lied
) -> None:
    """A liar between the kernel and pytest: every line is what was judged from the honest NIC."""
    nic = nics[run.kind]
    lie = next(one for one in lies(nic.seen()) if one.name == run.lie)
    liar = Liar(lie)
    _tell_of_the_nic(liar, monkeypatch)
    monkeypatch.setattr(trial, "PATIENCE", PATIENCE)
    runs = Runs(pytester, monkeypatch, ())

    with liar.speaking():
        result = runs.real(
            f"--testbed={run.kind}", "-p", "no:html", "--tb=no", f"--xdp-results={runs.path}"
        )

    (found,) = runs.results().nics
    assert _lines(found) == _expected(nic, lie)
    assert liar.told > 0
    assert (1, "FAILS") == (result.ret, found.verdict)


def _tell_of_the_nic(liar: Liar, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lie is about the testbed's NIC, as soon as there is one."""
    made = live._made

    def make(*words: Any) -> Testbed:
        bed = made(*words)
        liar.ifindex = bed.nic.ifindex
        return bed

    monkeypatch.setattr(live, "_made", make)


def _lines(nic: NicResults) -> dict[tuple[str, str], tuple[str, str | None]]:
    return {(one.requirement, one.param): (one.outcome, one.kind) for one in nic.results}


def _expected(nic: Tried, lie: Lie) -> dict[tuple[str, str], tuple[str, str | None]]:
    subject = nic.taken(lie)
    found = {(line.requirement, one.param): one for line, one in judge(subject, TODAY)}
    found |= {(name, one.param): one for (name, _row), one in nic.under(lie, subject).items()}
    return {
        key: (one.outcome.value, one.kind.value if one.kind else None) for key, one in found.items()
    }


@pytest.mark.parametrize("waived", [False, True], ids=["bare", "shipped"])
def test_stall(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, *, waived: bool) -> None:
    """XDP_TX towards a veth with GRO and no program stalls, and is found where nobody waived it.

    veth_xdp_xmit queues the frames for the peer's NAPI, and veth_xdp_flush does not wake it.
    """
    runs = Runs(pytester, monkeypatch, ())
    text = (ROOT / "xdpconform/profiles/veth.toml").read_text(encoding="utf-8")
    bare = pytester.path / "veth.toml"
    bare.write_text(text.partition("[[waiver]]")[0], encoding="utf-8")
    words_ = ["-c", str(CONFIG), "-p", "xdpconform.plugin", str(SUITES / "test_actions.py")]
    words_ += ["--testbed=veth", "-p", "no:html", "--tb=no", f"--xdp-results={runs.path}"]

    pytester.runpytest_inprocess(*QUICK, *words_, *([] if waived else [f"--profile={bare}"]))

    (nic,) = results.decode(runs.path.read_bytes(), "results.json").nics
    line = next(x for x in nic.results if (x.requirement, x.param) == ("XDP-ACT-03", "gro"))
    if line.outcome == "pass":
        pytest.skip("veth_xdp_flush of this kernel wakes the peer")
    assert ("waived" if waived else "fail", "over-claim") == (line.outcome, line.kind)
    assert "sent 100 drops 0" in line.observed
    assert "none arrived anywhere" in line.observed
    assert "returned" not in line.evidence
    assert ("INCOMPLETE" if waived else "FAILS") == nic.verdict


CLAIMS = Capabilities(XdpAct.BASIC | XdpAct.RX_SG, XdpRxMetadata.HASH, XskFlags(0), None)


@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        (
            Lie("-rx-sg", "under-claim", "", lack=((DevAttr.XDP_FEATURES, int(XdpAct.RX_SG)),)),
            CLAIMS._replace(features=XdpAct.BASIC),
        ),
        (
            Lie("+tx-checksum", "over-claim", "", add=((DevAttr.XSK_FEATURES, 2),)),
            CLAIMS._replace(xsk=XskFlags.TX_CHECKSUM),
        ),
        (
            Lie("+xdp-zc-max-segs 5", "over-claim", "", add=((DevAttr.XDP_ZC_MAX_SEGS, 5),)),
            CLAIMS._replace(zc_max_segs=5),
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Lie) else "",
)
def test_told(lie: Lie, expected: Capabilities) -> None:
    """A lie changes what it is about, and nothing else."""
    assert expected == lie.told(CLAIMS)


def reply(family: int, ifindex: int, command: Command, features: XdpAct) -> bytes:
    """What the kernel says of a device."""
    payload = push_genlmsghdr(command, 1) + push_u32(DevAttr.IFINDEX, ifindex)
    payload += push_attribute(DevAttr.XDP_FEATURES, U64.pack(features))
    return push_message((family, 2, 3, 4, payload))


def test_retold() -> None:
    """In one datagram: the NIC's reply and notification are changed, and nothing else is."""
    flag = ((DevAttr.XDP_FEATURES, int(XdpAct.HW_OFFLOAD)),)
    liar = Liar(Lie("+hw-offload", "over-claim", "hw-offload", add=flag), ifindex=7)
    true, false = XdpAct.BASIC, XdpAct.BASIC | XdpAct.HW_OFFLOAD
    family = liar._family
    others = (
        reply(family, 8, Command.DEV_GET, true),
        reply(family, 7, Command.QUEUE_GET, true),
        reply(family + 1, 7, Command.DEV_GET, true),
    )
    about = (Command.DEV_GET, Command.DEV_ADD_NTF, Command.DEV_DEL_NTF, Command.DEV_CHANGE_NTF)

    told = liar.retold(b"".join([*others, *(reply(family, 7, one, true) for one in about)]))

    assert b"".join([*others, *(reply(family, 7, one, false) for one in about)]) == told
    assert len(about) == liar.told


def test_wrongs(matrix: Matrix) -> None:
    """A lie that nobody finds, or in the wrong direction, is told of, and so is an idle line."""
    one = next(fate for fate in matrix.fates if fate.lie.name == "+hw-offload")
    row = (("XDP-ACT-01", ""),)

    wrong = wrongs(
        Matrix([one._replace(wrong=row), one._replace(behaviour=(), profile=())], [], {})
    )

    assert wrong[:3] == [
        "veth +hw-offload: ACT-01 speak in the wrong direction",
        "veth +hw-offload: nobody finds it",
        "veth +hw-offload: no program and no frame finds it, and no reason is known",
    ]
    assert wrong[3].startswith("nothing makes these fail: ACT-01 02 03 04")

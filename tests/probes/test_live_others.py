# SPDX-License-Identifier: MIT
"""A program that somebody else put on the NIC while we were about to: blocked, not a fail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.probes.beds import made
from xdpconform.errors import Blocked
from xdpconform.probes import actions, attach
from xdpconform.probes.bench import Bench
from xdpconform.probes.bpf import Link, Mode, Program, programs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("mode", [Mode.NATIVE, Mode.GENERIC])
def test_not_ours(mode: Mode, tmp_path: Path) -> None:
    """Whatever needs a program on the NIC is blocked, and says whose is there and what to do."""
    with made("veth", str(tmp_path)) as bed:
        bench = Bench(lambda: bed, bed)
        with Program.load(programs.passes(), name="theirs", frags=True) as program:
            link = bed.nic.namespace.call(lambda: Link.create(program, bed.nic.ifindex, mode))
            with link:
                texts = []
                for probe in (attach.around, attach.jumbo, attach.configured):
                    with pytest.raises(Blocked) as caught:
                        bench.see(probe)
                    texts.append(str(caught.value))
                with pytest.raises(Blocked) as caught:
                    bench.see(actions.act, "XDP_DROP")
                texts.append(str(caught.value))
                number = program.id
        afterwards = bed.nic.state().xdp

    said = (
        f"veth0 has a program of somebody else (id {number}, {mode.name.lower()}): end whoever"
        " attached it, or ip link set veth0 xdp off"
    )
    assert [said] * 4 == [re.sub(r"; see .*", "", text) for text in texts]
    assert "none" == afterwards

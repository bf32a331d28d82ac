# SPDX-License-Identifier: MIT
"""Programs for the device itself: a load for it, and an attach in hardware mode.

Source: kernel/bpf/offload.c, bpf_prog_dev_bound_init; net/core/dev.c, dev_xdp_attach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdpconform.observed import Offload
from xdpconform.probes.bpf import BpfError, Mode, Program, programs
from xdpconform.probes.kit import claims
from xdpconform.probes.trial import Refused, attached, refusal

if TYPE_CHECKING:
    from xdpconform.observed import Refusal
    from xdpconform.probes.testbed import Testbed


def offload(bed: Testbed) -> Offload:
    """Try to load a program onto the NIC, and to attach one in hardware mode.

    Raises:
        BpfError: for want of privileges.
    """
    port = bed.nic
    bed.progress("a program for the device itself")
    now = claims(port)
    refused: Refusal | None = None
    try:
        program = port.namespace.call(
            lambda: Program.load(programs.passes(), name="xdpconform", ifindex=port.ifindex)
        )
    except BpfError as error:
        refused = refusal(error)
        program = Program.load(programs.passes(), name="xdpconform")
    with program:
        try:
            with attached(bed, port, program, Mode.OFFLOAD):
                return Offload(now, refused, None)
        except Refused as error:
            return Offload(now, refused, error.refusal)

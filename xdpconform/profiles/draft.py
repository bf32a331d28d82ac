# SPDX-License-Identifier: MIT
"""A profile file that certifies a NIC as it is: a start for somebody who knows better."""

from __future__ import annotations

import json
from glob import escape

from xdpconform.errors import InputError, NoSuchInterface, SourceError
from xdpconform.interfaces import listing, safe_id, select, shown
from xdpconform.nic import FLAGS, Link, Nic
from xdpconform.profiles.kernel import KernelVersion


def draft(nic: Nic) -> str:
    """The text of a profile whose rules are just the NIC's claims in the state it is in.

    Raises:
        SourceError: what the NIC claims is not known, or it claims bits that have no name.
    """
    capabilities = nic.now
    ifname = shown(nic.identity.ifname)
    if capabilities is None:
        raise SourceError(f"{ifname}: {shown(nic.unknown)}")
    strange = [name for name in capabilities.names() if name.startswith("bit-")]
    if strange:
        raise SourceError(
            f"{ifname} claims {' and '.join(strange)}, which has no name here:"
            " a newer xdpconform may know it"
        )
    driver = nic.identity.driver
    if driver is None:
        raise SourceError(f"{ifname} has no driver name that a profile could match")
    kernel = KernelVersion.parse(nic.identity.kernel)
    name = safe_id(driver.replace(":", "_").replace("@", "_"))[:40]
    lines = [
        "# Drafted from what a NIC claims; a claim is no proof. Check each rule with the driver's",
        "# source, and give the line in `source`.",
        "schema = 1",
        f"name = {_quoted(name)}",
        f"driver = [{_quoted(escape(driver))}]",
        f"note = {_quoted(f'drafted on kernel {nic.identity.kernel} in state {nic.state}')}",
    ]
    for names in FLAGS.values():
        claimed = [flag for flag in names if flag in capabilities.names()]
        if claimed:
            lines += [
                "",
                "[[claim]]",
                f"flags = [{', '.join(map(_quoted, claimed))}]",
                f'added = "{kernel}"',
                f'states = ["{nic.state}"]',
                'basis = "seen"',
            ]
    if capabilities.zero_copy.available and capabilities.zc_max_segs:
        lines += ["", "[[zc-max-segs]]", f"exactly = {capabilities.zc_max_segs}", 'basis = "seen"']
    return "\n".join(lines) + "\n"


def chosen_link(nic: str | None, links: list[Link], name: str) -> Link:
    """The NIC of a recording that the user means.

    Args:
        nic: a name, number or glob; None means the only one there is.
        links: those that the recording is about.
        name: what to call it.

    Raises:
        InputError: none of them is meant, or several are.
    """
    name = shown(name)
    try:
        found = links if nic is None else select([nic], links)
    except NoSuchInterface as error:
        raise InputError(
            f"no NIC {shown(nic or '')!r} in {name}; it holds: {listing(links)}"
        ) from error
    if len(found) != 1:
        who = f"{name} holds" if nic is None else f"in {name} {shown(nic)} names"
        raise InputError(f"{who} {len(found)} NICs, draft takes one of them: {listing(found)}")
    return found[0]


def _quoted(text: str) -> str:
    # A TOML basic string takes JSON's escapes, but for surrogates and with DEL as one.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

# SPDX-License-Identifier: MIT
"""The certificate says with scripts off what results.json says, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.visit import bare
from xdpconform.interfaces import shown
from xdpconform.outputs.certificate.page import certificate_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.samples import Pages
    from tests.browser.visit import Visit


@pytest.mark.parametrize("verdict", ["CONFORMS", "INCOMPLETE", "FAILS"])
def test_lines(visit: Callable[..., Visit], pages: Pages, verdict: str) -> None:
    """Every line of results.json stands on the page once, with all that it says, and no other
    does; so do the verdict, the NIC, its kernel, its profile and what was not run.
    """
    results = pages.nic(verdict)
    (nic,) = results.nics
    seen = visit(pages.written(f"whole-{verdict}", certificate_page(results, None)), scripts=False)
    whole = bare(seen.text())
    lines = seen.page.evaluate(
        """() => [...document.querySelectorAll("details.line[id^=XDP-]")].map(one =>
          [[...one.classList].join(" "), one.innerText])"""
    )

    for fact in (
        *(verdict, nic.id, nic.identity.driver, nic.identity.kernel, results.started[:10]),
        *(nic.profile.name, nic.profile.digest, "not signed", *nic.missing),
    ):
        assert bare(fact).lower() in whole.lower()
    assert len(nic.results) == len(lines)
    for line in nic.results:
        name = line.requirement + (f" [{line.param}]" if line.param else "")
        head = bare(f"{name} {line.level} {line.title}")
        ((kind, text),) = [(kind, bare(text)) for kind, text in lines if head in bare(text)]

        assert f"line {line.outcome}" == kind
        word = line.kind if line.outcome == "fail" else line.outcome
        for said in (word, line.expected, line.observed, *line.reason.split("\n")):
            assert bare(shown(said)) in text

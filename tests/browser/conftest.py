# SPDX-License-Identifier: MIT
"""One Chromium for the tests of a module, started when the first asks for it."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.browser.samples import Pages
from tests.browser.visit import Visit
from tests.plugin.runs import runs, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

__all__ = ["runs", "snapshot"]

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium without a window; a test is skipped where there is none.

    For a module, not for the session: as long as it runs, this thread has an event loop that
    tests of other folders would find running.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("chromium is not installed")
    # Imported late: tests that need no browser do not wait for it.
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Root has no sandbox of Chromium's; the pages are our own.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens a page: ``visit(path, scripts=, width=, scheme=)``; closed when the test ends."""
    with ExitStack() as stack:
        yield lambda path, **how: stack.enter_context(Visit(chromium, path, **how))


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """Pages of every kind."""
    return Pages(tmp_path_factory.mktemp("pages"))

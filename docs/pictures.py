# SPDX-License-Identifier: MIT
"""Take the README's picture of a certificate: the first screen of the sample, by Chromium.

python docs/pictures.py [CERTIFICATE.html [PICTURE.png]]
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "reports" / "sample" / "veth0" / "certificate.html"
PICTURE = ROOT / "docs" / "images" / "certificate.png"
WIDTH, HEIGHT = 1280, 1540


def take(page: Path, picture: Path) -> None:
    """Write the first screen of a page as PNG.

    Raises:
        SystemExit: there is no Chromium, or no such page.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("chromium is not installed: apt install chromium")
    if not page.is_file():
        raise SystemExit(f"{page}: no such page")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        tab.goto(page.resolve().as_uri())
        tab.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    words = [Path(word) for word in sys.argv[1:]]
    take(*words[:2], *(SAMPLE, PICTURE)[len(words) :])

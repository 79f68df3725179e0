"""Take the picture of a report that README shows: python docs/screenshot.py RUN.

Needs Playwright and the Chromium of ``nox -s tests_browser``. The picture is the first screen of
the page, 1,200 pixels wide.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).parent / "report.png"

if __name__ == "__main__":
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1200, "height": 1060})
        page.goto(Path(sys.argv[1], "report.html").resolve().as_uri())
        page.screenshot(path=PICTURE)
        browser.close()

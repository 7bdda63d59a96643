"""Pictures of every page of the demo office, as people have it before them: `make screenshots`, or with names of pages only those.

An own office in a folder of its own is furnished, looked at in three widths, light and dark, and ended. The pictures that README
and docs use are in git; all others are to be looked at, and made anew at any time.
"""

import os
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from tests import folders  # noqa: E402

os.environ |= {
    "THREESLOT_VAR": str(folders.fresh()),
    "DJANGO_SETTINGS_MODULE": "backoffice.settings",
    "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # playwright's own loop runs in this thread, and none of ours
}

import django  # noqa: E402
from playwright.sync_api import Page, sync_playwright  # noqa: E402

django.setup()

from tests import browser as system  # noqa: E402
from tests.servers import running  # noqa: E402
from tests.sights import Sight, Visitors, furnish  # noqa: E402

FOLDER = ROOT / "docs" / "screenshots"
SIZES = {390: 844, 1440: 900, 1920: 1080}
TALLEST = 4000
USED = {"board-1440-light.png": "board.png", "bin-1440-light.png": "bin.png"}  # the first screen alone, for README
SETTLED = (
    "document.fonts.ready.then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))"
)


def main(names: list[str]) -> None:
    began, taken = time.monotonic(), 0
    with running(THREESLOT_DEMO="1") as run, sync_playwright() as playwright:
        run.until(lambda: run.states()[0] == 200)
        with run.at_hand():
            sights = furnish(run)
        chromium = playwright.chromium.launch(executable_path=system.executable(), args=["--no-sandbox"])
        visitors = Visitors(chromium, run.address)
        for sight in sights:
            if not names or sight.name in names:
                taken += take(sight, visitors.page_of(sight.who))
        chromium.close()
    print(f"{taken} pictures in {FOLDER}, {time.monotonic() - began:.0f} s")


def take(sight: Sight, page: Page) -> int:
    """In every size, each anew, since what was opened may stand elsewhere there."""
    for width, height in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="light")
        sight.see(page)
        if page.locator("[data-live]").count():
            page.wait_for_selector('[data-live="on"]', state="attached")
        page.wait_for_function("!document.querySelector('.htmx-request')")
        tall = page.evaluate("document.documentElement.scrollHeight")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.evaluate(SETTLED)
            path = FOLDER / f"{sight.name}-{width}-{scheme}.png"
            if path.name in USED:
                page.screenshot(path=FOLDER / USED[path.name])
            page.set_viewport_size({"width": width, "height": min(max(height, tall), TALLEST)})
            page.screenshot(path=path)
            page.set_viewport_size({"width": width, "height": height})
    return 2 * len(SIZES)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    finally:
        shutil.rmtree(folders.ROOT, ignore_errors=True)

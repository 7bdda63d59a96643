"""Finds the browser for tests, and with `python -m tests.browser --install` gets one where none is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "microsoft-edge")
PATHS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)


def executable() -> str | None:
    """The browser's path: THREESLOT_BROWSER, the system's, or one that Playwright downloaded; None if there is none."""
    if given := os.environ.get("THREESLOT_BROWSER"):
        return given
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or next((path for path in (*PATHS, *_downloaded()) if Path(path).exists()), None)


def _downloaded() -> list[str]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return [playwright.chromium.executable_path]


def install() -> None:
    """Get Chromium from Debian as root, else from Playwright. Exits with what to do if neither works."""
    if executable():
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        commands = [["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "--no-install-recommends", "chromium"]]
    else:
        commands = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    print("No browser found for the browser tests; installing Chromium:", *commands[-1], flush=True)
    for command in commands:
        subprocess.run(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=False)
    if not executable():
        say = "Install Chromium or Chrome (Debian: apt install chromium), or set THREESLOT_BROWSER to its path."
        sys.exit(say) if os.environ.get("CI") else print(f"Without a browser its tests are skipped. {say}")


if __name__ == "__main__" and "--install" in sys.argv:
    install()

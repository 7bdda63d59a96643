"""Finds the browser for tests, and with `python -m tests.browser --install` gets one.

Best is Chromium's headless shell: the same engine without the windows, profiles and extensions of a browser, which take most of the
time that opening a page takes. A whole browser does as well, three times as slowly.
"""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

BROWSER, SHELL = "chromium", "chromium-headless-shell"  # Debian's packages
APT = ("apt-get", "-qq", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20")
PATIENCE = 600  # seconds, with each command
NAMES = (SHELL, BROWSER, "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "microsoft-edge")
SHELLS = ("headless_shell", "chrome-headless-shell")
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
    """Of Playwright's own, the shell before the browser: they lie in folders side by side."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        whole = Path(playwright.chromium.executable_path)
    folder = next(above for above in whole.parents if above.name.startswith("chromium-"))
    besides = folder.with_name(folder.name.replace("chromium", "chromium_headless_shell"))
    return [*(str(path) for name in SHELLS for path in besides.glob(f"*/{name}")), str(whole)]


def install() -> None:
    """Get Chromium and its shell from Debian as root; elsewhere a shell from Playwright, where no browser is. Exits with what to do
    if neither works."""
    is_there, is_debians = executable(), shutil.which("apt-get") and os.geteuid() == 0
    if is_there and (not is_debians or os.environ.get("THREESLOT_BROWSER") or shutil.which(SHELL)):
        return
    from_debian = [[*APT, "install", "--no-install-recommends", name] for name in (BROWSER, SHELL)]
    if is_there:
        commands = from_debian[1:]
    elif is_debians:
        commands = [[*APT, "update"], *from_debian]
    else:
        commands = [[sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]]
    for command in commands:
        print("For the browser tests:", *command, flush=True)
        with suppress(subprocess.TimeoutExpired):
            quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
            subprocess.run(command, **quiet, timeout=PATIENCE, check=False)
    if not executable():
        say = f"Install Chromium or Chrome (Debian: apt install {BROWSER}), or set THREESLOT_BROWSER to its path."
        sys.exit(say) if os.environ.get("CI") else print(f"Without a browser its tests are skipped. {say}")


if __name__ == "__main__" and "--install" in sys.argv:
    install()

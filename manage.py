#!/usr/bin/env python
"""Django's command line. A command finds the embedded servers running, or starts them for as long as it takes."""

import os
import signal
import sys
from contextlib import nullcontext

from django.core.management import execute_from_command_line

from backoffice import embedded, lifeline

NEED_NO_SERVER = {
    "help",
    "version",
    "check",
    "collectstatic",
    "compilemessages",
    "makemessages",
    "startapp",
    "diffsettings",
}
ASK_ONLY = {"help", "--help", "-h", "--version"}


def main(words: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))  # leave through every `finally`
    lifeline.end_with_family()
    needs_none = len(words) < 2 or words[1] in NEED_NO_SERVER or ASK_ONLY & set(words)
    try:
        with nullcontext() if needs_none else embedded.servers():
            execute_from_command_line(words)
    except embedded.ServerProblem as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main(sys.argv)

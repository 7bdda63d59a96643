"""How a member of the process family notices that the family is gone, even if it was killed outright.

A pipe: the family holds the writing end and never writes, a member reads. The kernel closes the writing end with the family,
on every system, and at once.
"""

import os
import signal
import threading
import time

VARIABLE = "THREESLOT_FAMILY_FD"
STOP_SECONDS = 8  # web gives requests 3 s, a job is mostly done in less


def end_with_family() -> None:
    """In a member: when the family is gone, leave as on SIGTERM, and at last by force. Elsewhere: nothing."""
    if handed_down := os.environ.pop(VARIABLE, None):
        threading.Thread(target=_watch, args=(int(handed_down),), daemon=True).start()


def _watch(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os._exit(1)

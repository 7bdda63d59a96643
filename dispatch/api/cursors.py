"""Where a list goes on: numbers in a text that nobody is meant to read."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error

from django.utils.translation import gettext as _

from dispatch.api.problems import invalid

NUMBERS = re.compile(r"[0-9]{1,19}(\.[0-9]{1,19})*")


def write(*numbers: int) -> str:
    return urlsafe_b64encode(".".join(map(str, numbers)).encode()).decode().rstrip("=")


def read(text: str | None, *, parts: int, name: str = "cursor") -> tuple[int, ...]:
    """The numbers; none for an empty text. Raises Problem."""
    if not text:
        return ()
    try:
        inner = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (Error, UnicodeDecodeError, ValueError):
        inner = ""
    numbers = tuple(map(int, inner.split("."))) if NUMBERS.fullmatch(inner) else ()
    if len(numbers) != parts or any(number >= 2**63 for number in numbers):
        raise invalid(name, _("This is no cursor of this list. Begin without one, and go on with next_cursor."))
    return numbers

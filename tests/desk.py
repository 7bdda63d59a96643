"""Reading and filling in pages as a person would, without a browser."""

import re
from html import unescape

import pytest

from dispatch.models import Slot
from skills.models import Worker

HTMX = {"HX-Request": "true"}
BOTH = pytest.mark.parametrize("headers", [{}, HTMX], ids=["form", "htmx"])


def form(**values: str) -> dict[str, str]:
    return {"reference": "CL-0041", "file_type": "settlements-claim", **values}


def form_of(worker: Worker, position: int = 1) -> dict[str, object]:
    """What every form on the file in this slot brings along."""
    file = Slot.objects.select_related("file").get(bin=worker.pk, position=position).file
    assert file
    return {"file": file.pk, "reference": file.reference}


def text(response) -> str:
    """What a person reads, white space collapsed."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def value(response, field: str) -> str | None:
    """What stands in a field, or is chosen in it."""
    html = response.content.decode()
    found = re.search(rf'<input[^>]*name="{field}"[^>]*>', html)
    if found is None:
        found = re.search(rf'<select[^>]*name="{field}".*?<option value="([^"]*)" selected', html, re.DOTALL)
        return found[1] if found else None
    held = re.search(r'value="([^"]*)"', found[0])
    return unescape(held[1]) if held else None


def undo_in(response) -> str:
    """The event that the page offers to undo."""
    found = re.search(r'name="event" value="(\d+)"', response.content.decode())
    assert found, "nothing can be undone"
    return found[1]

"""An assistant brings a table of many files: it is checked, mended and imported from the keyboard, with a bar while it lasts."""

import re

import pytest
from playwright.sync_api import Page, expect

from dispatch.models import File
from tests.journeys.cast import new_cast
from tests.journeys.conftest import Visitors
from tests.servers import Run

ROWS = 900


FOCUSED = """
  [document.activeElement, ...(document.activeElement.labels ?? [])].filter((each) => each !== document.body)
    .map((each) => each.innerText).join()
"""


def tab_to(page: Page, name: str) -> None:
    """Goes on with the Tab key until the thing of that name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if name in page.evaluate(FOCUSED):
            return
    raise AssertionError(f"Tab never comes to {name}")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_table_is_mended_and_imported_from_the_keyboard(visit: Visitors, at_hand: Run, *, scripts: bool) -> None:
    cast = new_cast()
    start = cast.team.slug
    rows = [f"{start}-{number};{cast.claim.name};Harbour" for number in range(ROWS)]
    rows[-1] = rows[-1].replace(start, f"{start} x")
    table = "\n".join(["dossier;type;client", *rows]).encode()
    page = visit.signed_in(cast.assistant, scripts=scripts)
    tab_to(page, "Import many files")
    page.keyboard.press("Enter")
    expect(page.locator("#table")).to_be_focused()
    page.locator("#table").set_input_files({"name": "march.csv", "mimeType": "text/csv", "buffer": table})
    tab_to(page, "For which team")
    page.keyboard.type(cast.team.name)
    tab_to(page, "Check the table")
    page.keyboard.press("Enter")

    expect(page.locator("#import").get_by_text("Something has to be mended first.")).to_be_visible()
    expect(page.get_by_text(f"Row {ROWS + 1}", exact=True)).to_be_visible()
    assert not File.objects.filter(team=cast.team).exists()
    tab_to(page, "Reference")
    expect(page.get_by_label("Reference").first).to_have_value(f"{start} x-{ROWS - 1}")
    page.keyboard.press("Control+A")
    page.keyboard.type(f"{start}-last")
    page.keyboard.press("Enter")
    expect(page.locator("#import").get_by_text(f"{ROWS} files would be logged.")).to_be_visible()
    if scripts:
        expect(page.locator("#import-title")).to_be_focused()
        expect(page.locator("#spoken")).to_contain_text("Nothing has been logged yet.")
    assert not File.objects.filter(team=cast.team).exists()
    tab_to(page, f"Import {ROWS} files")
    page.keyboard.press("Enter")
    expect(page.locator("#import").get_by_text(f"{ROWS} files are logged")).to_be_visible()
    if scripts:
        expect(page.locator("#import-title")).to_be_focused()
    assert File.objects.filter(team=cast.team).count() == ROWS
    assert File.objects.filter(reference=f"{start}-last").exists()
    tab_to(page, "Upload another table")
    page.keyboard.press("Enter")
    expect(
        page.get_by_role("row", name=re.compile(rf"march\.csv {cast.team.name} Imported {ROWS} 0 {ROWS} "))
    ).to_be_visible()

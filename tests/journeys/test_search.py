"""Search as one types, from the keyboard alone, and a document attached, seen and removed."""

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.journeys.cast import new_cast


def test_a_slash_a_few_letters_and_enter_open_the_file(visit):
    cast = new_cast()
    [file] = cast.log(1)
    page = visit.signed_in(cast.leader)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(cast.board)
    page.keyboard.press("/")
    page.keyboard.type(file.reference[:-1].lower())
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/search/\?q="))
    page.get_by_role("link", name=file.reference).wait_for()

    page.goto("/search/")
    expect(page.get_by_role("main").get_by_role("searchbox")).to_be_focused()
    page.keyboard.type(file.reference)  # a slash in a field is a slash
    page.get_by_role("link", name=file.reference).wait_for()
    page.wait_for_url(re.compile(rf"\?q={file.reference}$"))
    page.get_by_label("State").select_option("done")
    page.get_by_role("link", name=file.reference).wait_for(state="detached")
    page.wait_for_url(re.compile(r"state=done"))
    page.get_by_label("State").select_option("")
    link = page.get_by_role("link", name=file.reference)
    link.wait_for()
    for _ in range(6):  # button, four filters, the first row
        page.keyboard.press("Tab")
        if link.evaluate("link => link === document.activeElement"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/files/{file.reference}/")


def test_a_document_is_attached_seen_and_removed_without_scripts(visit, tmp_path: Path):
    cast = new_cast()
    [file] = cast.log(1)
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"%PDF-1.7 hello")
    page = visit.signed_in(cast.assistant, scripts=False)
    page.goto(f"/files/{file.reference}/")
    page.get_by_label("Add documents").set_input_files(letter)
    page.get_by_role("button", name="Attach").click()
    page.get_by_text("letter.pdf is attached.").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="letter.pdf").click()
    assert Path(download.value.path()).read_bytes() == letter.read_bytes()
    page.get_by_role("button", name="Remove letter.pdf").click()
    page.get_by_text("letter.pdf is removed.").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("link", name="letter.pdf").wait_for()

"""At the desk: files logged from the keyboard alone, their cover sheets printed, and scanned by whoever works them."""

import re
import time

from django.utils import timezone
from playwright.sync_api import Page, expect

from dispatch import directory, flow
from dispatch.models import Customer, File
from tests import office
from tests.journeys.cast import Cast, new_cast
from tests.journeys.conftest import Visitors
from tests.servers import Run

PAGES = re.compile(rb"/Type\s*/Page\b")


class Hands:
    """Types, and counts every key and every request that a key made."""

    def __init__(self, page: Page) -> None:
        self.page, self.keys, self.saved = page, 0, 0
        page.on("request", self._on_request)

    def _on_request(self, request) -> None:
        self.saved += request.method == "POST"

    def type(self, text: str) -> None:
        self.keys += len(text)
        self.page.keyboard.type(text)

    def press(self, *keys: str) -> None:
        self.keys += len(keys)
        for key in keys:
            self.page.keyboard.press(key)


def customer(name: str) -> None:
    if not Customer.objects.filter(name=name).exists():
        Customer.objects.create(name=name, slug=directory.free_addresses(Customer, [name])[name])


def last_message(page: Page):
    return page.locator("#intake .notice.is-good")


def test_a_file_takes_a_few_keys_and_one_round_trip(visit: Visitors, at_hand: Run) -> None:
    """From the empty form to saved: what is typed, five keys to get about, one request. In a run: the title and Enter."""
    cast = new_cast()
    customer("Rijkaart Logistics")
    office.file_type("Towing", cast.team)
    page = visit.signed_in(cast.assistant)
    stem = f"K{cast.team.pk}"
    hands, began = Hands(page), time.monotonic()
    expect(page.get_by_label("Reference")).to_be_focused()
    hands.type(f"{stem}-0123")
    hands.press("Tab")
    hands.type("tow")
    expect(page.locator("[role=option][aria-selected=true]")).to_contain_text("Towing")
    hands.press("Tab")  # takes the best match
    hands.type("rij")
    expect(page.get_by_role("option", name="Rijkaart Logistics")).to_be_visible()
    hands.press("ArrowDown", "Tab")
    hands.press("Enter")
    expect(last_message(page)).to_contain_text(f"{stem}-0123 is logged.")
    file = File.objects.get(reference=f"{stem}-0123")
    assert (file.file_type.name, file.customer.name) == ("Towing", "Rijkaart Logistics")
    assert hands.keys - len(f"{stem}-0123") == len("tow" + "rij") + 5
    assert hands.saved == 1
    assert time.monotonic() - began < 5, "and that on a busy machine"

    expect(page.get_by_label("Reference")).to_have_value(f"{stem}-0124")
    expect(page.get_by_label("Reference")).to_be_focused()
    hands.press("Tab")
    hands.type("tow")
    hands.press("Alt+KeyK")
    expect(page.get_by_label("Keep type and customer")).to_be_checked()
    hands.press("Enter")
    expect(last_message(page)).to_contain_text(f"{stem}-0124 is logged.")
    for number in (125, 126):
        expect(page.get_by_label("Title")).to_be_focused()  # the reference counts by itself
        hands.keys = hands.saved = 0
        hands.type("Hail")
        hands.press("Enter")
        expect(last_message(page)).to_contain_text(f"{stem}-0{number} is logged.")
        assert (hands.keys, hands.saved) == (len("Hail") + 1, 1)
    expect(page.locator("#intake .notice.is-warn")).to_have_count(0)
    assert File.objects.filter(reference__startswith=stem, file_type__name="Towing").count() == 4


def test_the_next_reference_is_typed_over_freely(visit: Visitors, at_hand: Run) -> None:
    cast = new_cast()
    office.log(cast.claim, 1)
    page = visit.signed_in(cast.assistant)
    expect(page.get_by_label("Reference")).to_be_focused()
    for number in (7, 40):
        page.keyboard.type(f"T{cast.team.pk}-{number}")
        page.keyboard.press("Tab")
        page.keyboard.type(cast.claim.name)
        page.keyboard.press("Enter")  # takes the match, and sends
        expect(last_message(page)).to_contain_text(f"T{cast.team.pk}-{number} is logged.")
        expect(page.get_by_label("Reference")).to_be_focused()
    page.get_by_role("button", name=f"Undo T{cast.team.pk}-40").click()
    expect(page.locator("#latest .notice")).to_contain_text("Taken back")
    expect(page.get_by_label("Reference")).to_have_value(f"T{cast.team.pk}-41")


def test_the_file_type_is_a_combobox_as_its_pattern_says(visit: Visitors, at_hand: Run) -> None:
    cast = new_cast()
    page = visit.signed_in(cast.assistant)
    box = page.get_by_role("combobox", name="File type")
    box.focus()
    expect(box).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("ArrowDown")
    expect(box).to_have_attribute("aria-expanded", "true")
    options = page.get_by_role("listbox", name="File type").get_by_role("option")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    assert box.get_attribute("aria-activedescendant") == options.last.get_attribute("id")
    page.keyboard.press("Escape")
    expect(box).to_have_attribute("aria-expanded", "false")
    expect(box).to_have_value("")
    page.keyboard.type(cast.claim.name)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")  # reached with an arrow: takes it, and does not send
    expect(box).to_have_attribute("aria-expanded", "false")
    assert page.locator("#id_file_type").input_value() == cast.claim.slug
    page.keyboard.press("Control+a")
    page.keyboard.type("no such type")
    page.get_by_label("Reference").fill(f"B{cast.team.pk}")
    page.keyboard.press("Enter")
    expect(box).to_have_value("no such type")  # the browser asks for another, and keeps it
    expect(box).to_be_focused()
    assert not File.objects.filter(reference=f"B{cast.team.pk}").exists()


def test_what_is_wrong_comes_back_with_all_that_was_typed(visit: Visitors, at_hand: Run) -> None:
    visit.forgiven += "|409"
    cast = new_cast()
    [there] = office.log(cast.claim, 1)
    page = visit.signed_in(cast.assistant)
    expect(page.get_by_label("Reference")).to_be_focused()
    page.keyboard.type(there.reference)
    page.keyboard.press("Tab")
    page.keyboard.type(cast.claim.name)
    page.keyboard.press("Tab")
    page.keyboard.type("Nobody’s & Sons")
    page.keyboard.press("Tab")
    page.keyboard.type("Another one")
    page.keyboard.press("Enter")
    expect(page.locator("#id_reference_error")).to_contain_text("is logged already, with other content")
    expect(page.get_by_label("Reference")).to_be_focused()
    expect(page.get_by_label("Reference")).to_have_value(there.reference)
    expect(page.get_by_role("combobox", name="File type")).to_have_value(re.compile(re.escape(cast.claim.name)))
    expect(page.get_by_role("combobox", name="Customer")).to_have_value("Nobody’s & Sons")
    expect(page.get_by_label("Title")).to_have_value("Another one")


def test_signed_out_while_typing(visit: Visitors, at_hand: Run) -> None:
    """Nobody is led away in the middle of a word, and after signing in again everything is there."""
    cast = new_cast()
    page = visit.signed_in(cast.assistant)
    page.context.clear_cookies(name="sessionid")
    expect(page.get_by_label("Reference")).to_be_focused()
    page.keyboard.type(f"S{cast.team.pk}")
    page.keyboard.press("Tab")
    page.keyboard.type(cast.claim.name)
    page.keyboard.press("Tab")
    expect(page.locator("#promise")).to_contain_text("You were signed out")
    page.keyboard.type("Rij")
    page.keyboard.press("Tab")
    page.keyboard.type("Typed in vain?")
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_contain_text("what you typed is kept")
    visit.sign_in(page, cast.assistant)
    expect(page.get_by_label("Title")).to_have_value("Typed in vain?")
    expect(page.get_by_role("combobox", name="Customer")).to_have_value("Rij")
    assert page.locator("#id_file_type").input_value() == cast.claim.slug
    page.get_by_label("Title").press("Enter")
    expect(last_message(page)).to_contain_text(f"S{cast.team.pk} is logged.")


def test_thirty_cover_sheets_are_thirty_pages(visit: Visitors, at_hand: Run) -> None:
    """On A4 and on labels, with names as long as they may be; the header of the page is not printed."""
    cast = new_cast()
    for number in range(30):
        reference = f"P{cast.team.pk}-{number}"
        title = "w" * 200 if number % 2 else "A long title, of many words. " * 6
        flow.log(
            reference=reference if number % 3 else reference.ljust(64, "x"),
            file_type=cast.claim, title=title, weight=9, by=cast.assistant, now=timezone.now(),
        )  # fmt: skip
    page = visit.signed_in(cast.assistant)
    files = File.objects.filter(team=cast.team).values_list("reference", flat=True)
    asked = "&".join(f"reference={reference}" for reference in files)
    for kind, box in (("page", b"594.95"), ("label", b"282.95")):
        page.goto(f"/files/covers/?{asked}&as={kind}")
        expect(page.get_by_role("button", name="Print")).to_be_visible()
        printed = page.pdf(prefer_css_page_size=True)
        assert len(PAGES.findall(printed)) == 30
        assert set(re.findall(rb"/MediaBox \[0 0 (\d+\.\d\d)", printed)) == {box}
        page.emulate_media(media="print")
        expect(page.locator("header.site-header")).to_be_hidden()
        assert page.evaluate("[...document.querySelectorAll('.cover-square')].every((each) => each.checkVisibility())")
        page.emulate_media(media="null")


def scan(page: Page, text: str) -> None:
    """As a hand scanner does: keys and Enter, wherever the cursor is."""
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def worked(cast: Cast, at_hand: Run) -> tuple[File, File]:
    first, second, *_others = cast.log(4)
    at_hand.until(lambda: "" not in office.in_bin(cast.worker))
    return first, second


def test_a_hand_scanner_starts_and_finishes_a_file(visit: Visitors, at_hand: Run) -> None:
    """What the cover sheet says is scanned: once to see it, once to start it, once to finish it; never past the checklist."""
    visit.forgiven += "|422"
    cast = new_cast()
    first, _second = worked(cast, at_hand)
    page = visit.signed_in(cast.worker)
    address = f"{at_hand.address}/scan/{first}/"
    page.goto("/scan/")
    scan(page, address)
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    scan(page, address)
    expect(page.get_by_role("button", name="Done")).to_be_visible()
    scan(page, address)
    expect(page.get_by_role("alert")).to_contain_text("Still to confirm: Sums agree; Customer told")
    page.get_by_label("Sums agree").check()
    page.get_by_label("Customer told").check()  # the cursor is in a tick now, where letters would be lost
    scan(page, address)
    expect(page.get_by_text(f"{first} is done.")).to_be_visible()
    first.refresh_from_db()
    assert first.state == "done"
    expect(page.get_by_label("Scan a cover sheet")).to_be_focused()  # for the next one
    page.locator("body").evaluate("() => document.activeElement.blur()")
    page.keyboard.type("undone?")  # U would be the key of Undo, were it not a scanner's letter
    expect(page.get_by_label("Scan a cover sheet")).to_have_value("undone?")
    first.refresh_from_db()
    assert first.state == "done"


def test_scanning_without_scripts(visit: Visitors, at_hand: Run) -> None:
    cast = new_cast()
    first, second = worked(cast, at_hand)
    page = visit.signed_in(cast.worker, scripts=False)
    page.goto("/scan/")
    page.get_by_label("Scan a cover sheet").fill(second.reference)
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{first} is next")).to_be_visible()
    page.get_by_label("Scan a cover sheet").fill(first.reference)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Start").click()
    page.get_by_label("Sums agree").check()
    page.get_by_label("Customer told").check()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text(f"{first} is done.")).to_be_visible()


CAMERA = """
window.BarcodeDetector = class {
  static async getSupportedFormats() { return ["qr_code"]; }
  async detect(video) { return video.readyState ? [{ rawValue: "CODE" }] : []; }
};
navigator.mediaDevices.getUserMedia = async () => {
  const canvas = document.createElement("canvas");
  canvas.getContext("2d").fillRect(0, 0, 9, 9);
  return canvas.captureStream(10);
};
"""


def test_the_camera_reads_a_code_where_the_browser_can(visit: Visitors, at_hand: Run) -> None:
    """With a browser that says it can; what it reads goes the way of everything else. Others are offered no camera."""
    cast = new_cast()
    first, _second = worked(cast, at_hand)
    page = visit.signed_in(cast.worker)
    page.goto("/scan/")
    expect(page.get_by_role("button", name="Use the camera")).to_be_hidden()
    page.add_init_script(CAMERA.replace("CODE", f"http://elsewhere/scan/{first}/"))
    page.goto("/scan/")
    page.get_by_role("button", name="Use the camera").click()
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    expect(page).to_have_url(re.compile(f"/scan/{first}/$"))

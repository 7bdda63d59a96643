"""Four people's day without a mouse: Tab, Space, Enter, letters and the keys shown on the buttons. The focus is never lost, can
always be seen, and what an act did is told to whoever does not see it."""

from playwright.sync_api import Page, expect

from dispatch.models import File, HelpCall
from tests import office
from tests.journeys.cast import Cast, new_cast
from tests.journeys.conftest import Visitors
from tests.servers import Run

LIVE = '[data-live="on"]'
# Where the keyboard is: what it is called, and whether one can see that it is there.
WHERE = """() => {
  const active = document.activeElement;
  const ringed = [active, active.closest("tr")].filter(Boolean).map((each) => getComputedStyle(each));
  const drawn = ringed.some((style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0);
  const box = active.getBoundingClientRect();
  const name = [active, ...(active.labels ?? [])].map((each) => each.innerText || each.getAttribute("aria-label")).join(" ");
  return {
    is_lost: active === document.body,
    is_main: active.id === "main",
    is_visible: drawn && box.width > 0 && box.bottom > 0 && box.top < innerHeight,
    name: active === document.body ? "" : name,
    html: active.outerHTML.slice(0, 200),
  };
}"""


class Hands:
    """On the keyboard, and nowhere else."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def reach(self, name: str) -> None:
        """With the Tab key, seeing each time where it went."""
        for _ in range(80):
            self.press("Tab")
            where = self.page.evaluate(WHERE)
            if where["is_lost"]:
                continue  # from the last thing of a page back to the browser's own, and on to the first
            assert where["is_visible"], f"not to be seen: {where['html']}"
            if name in " ".join(where["name"].split()):
                return
        raise AssertionError(f"Tab never comes to {name}")

    def go(self, name: str) -> None:
        self.reach(name)
        self.press("Enter")

    def stands(self, name: str = "") -> None:
        """The focus is on that, or at least on something, and can be seen."""
        for _ in range(20):
            where = self.page.evaluate(WHERE)
            if not where["is_lost"] and name in " ".join(where["name"].split()):
                break
            self.page.wait_for_timeout(100)
        else:
            raise AssertionError("the focus is lost" if where["is_lost"] else f"the focus is on {where['html']}")
        assert where["is_visible"] or where["is_main"], f"not to be seen: {where['html']}"

    def hears(self, text: str) -> None:
        """Told politely: in a live region that was there before."""
        spoken = self.page.locator("#spoken")
        expect(spoken).to_have_attribute("aria-live", "polite")
        expect(spoken).to_contain_text(text)


def at_work(at_hand: Run, *, files: int = 8) -> tuple[Cast, list[str]]:
    cast = new_cast()
    references = [file.reference for file in cast.log(files)]
    at_hand.until(lambda: "" not in office.in_bin(cast.worker))
    return cast, references


def test_the_first_stop_of_every_page_leads_past_the_header(visit: Visitors, at_hand: Run) -> None:
    cast, _references = at_work(at_hand, files=3)
    page = visit.signed_in(cast.leader)
    hands = Hands(page)
    for path in (cast.board, "/office/", "/search/", "/preferences/", "/intake/"):
        page.goto(path)
        page.evaluate("document.activeElement.blur()")  # of the field where the cursor waits on some pages
        page.locator("body").evaluate(
            "(body) => { body.tabIndex = -1; body.focus(); body.removeAttribute('tabindex'); }"
        )
        hands.go("Skip to the content")
        hands.stands()
        hands.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || !document.activeElement.closest('header.site-header')"
        )


def test_an_assistant_logs_files_and_imports_a_table(visit: Visitors, at_hand: Run) -> None:
    cast = new_cast()
    page = visit.signed_in(cast.assistant)
    hands, stem = Hands(page), f"D{cast.team.pk}"
    hands.stands("Reference")
    for number, title in ((1, "Water in the hold"), (2, "Hail")):
        hands.press("Control+A")
        hands.type(f"{stem}-{number}")
        hands.reach("File type")
        hands.type(cast.claim.name)
        hands.reach("Title")
        hands.type(title)
        hands.press("Enter")
        hands.hears(f"{stem}-{number} is logged.")
        hands.stands("Reference")
    page.goto("/intake/")
    page.keyboard.press("Shift+Tab")
    hands.go("Import many files")
    expect(page.locator("#table")).to_be_focused()
    rows = [f"{stem}-{number};{cast.claim.name}" for number in (3, 4)]
    # Deaf until painted.
    page.evaluate("new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")
    with page.expect_file_chooser() as chooser:
        hands.press("Space")
    chooser.value.set_files(
        {"name": "two.csv", "mimeType": "text/csv", "buffer": "\n".join(["reference;type", *rows]).encode()}
    )
    hands.go("Check the table")
    expect(page.get_by_text("2 files would be logged.")).to_be_visible()
    hands.go("Import 2 files")
    expect(page.locator("#import").get_by_text("2 files are logged")).to_be_visible()
    hands.hears("2 files are logged")
    hands.stands()
    assert File.objects.filter(team=cast.team).count() == 4


def test_a_worker_works_a_day(visit: Visitors, at_hand: Run) -> None:
    """Without the single keys, which whoever speaks to the machine switches off: Tab, Space and Enter do all of it."""
    visit.forgiven += "|422"
    cast, (first, second, third, fourth, *_) = at_work(at_hand)
    page = visit.signed_in(cast.worker)
    page.wait_for_selector(LIVE)
    hands, front = Hands(page), page.locator("#bin h2[data-after], #bin .hand-head h2").first

    hands.reach(cast.worker.get_short_name())
    hands.press("Enter")
    hands.go("Keys on the keyboard")
    hands.press("Escape")
    hands.stands(cast.worker.get_short_name())
    hands.press("s", "d")
    expect(page.get_by_role("button", name="Start")).to_be_visible()

    hands.go("Start")
    hands.hears(f"{first} is in hand.")
    hands.stands("Sums agree")
    hands.go("Done")
    expect(page.get_by_role("alert")).to_contain_text("Still to confirm")
    hands.stands("Sums agree")
    hands.press("Space")
    hands.reach("Customer told")
    hands.press("Space")
    hands.go("Done")
    hands.hears(f"{first} is done.")
    hands.stands("Start")

    hands.press("Enter")
    hands.hears(f"{second} is in hand.")
    hands.go("Stuck, call for help")
    hands.stands("What are you stuck on?")
    hands.type("No account number")
    hands.go("Call for help")
    expect(page.locator(".slot.is-stuck")).to_contain_text(second)
    hands.hears(second)
    hands.stands("Start")

    expect(front).to_contain_text(third)
    hands.go("Waiting on others")
    hands.stands("What does it wait on?")
    hands.type("The broker")
    hands.go("Put on my shelf")
    expect(page.locator(".shelf")).to_contain_text(third)
    hands.stands("Start")

    expect(front).to_contain_text(fourth)
    hands.go("Pass back")
    hands.stands("Why do you pass it back?")
    hands.type("My neighbour's")
    hands.go("Pass back")
    expect(front).not_to_contain_text(fourth)
    hands.hears(fourth)
    hands.stands("Start")
    hands.go("Undo")
    expect(front).to_contain_text(fourth)
    hands.hears("Undone")
    hands.stands()

    hands.go("Away")
    hands.go("Leave my bin")
    expect(page.get_by_role("heading", name="You are away")).to_be_visible()
    hands.stands("You are away")
    hands.go("I am back")
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    hands.stands("Start")


def test_a_leader_keeps_the_day_going(visit: Visitors, at_hand: Run) -> None:
    cast, references = at_work(at_hand)
    page = visit.signed_in(cast.leader)
    page.wait_for_selector(LIVE)
    hands = Hands(page)
    call_for_help(visit.signed_in(cast.worker))
    call = HelpCall.objects.get(team=cast.team)
    card = page.locator(f"#call-{call.pk}")
    expect(card).to_be_visible()

    hands.press("h")
    expect(card).to_contain_text("comes to help")
    hands.hears("help")
    hands.stands()
    hands.go("End the help call")
    hands.stands("What was behind it?")
    hands.type("Form unclear")
    hands.press("Enter")
    expect(card).to_have_count(0)
    hands.hears("ended")
    hands.stands()

    hands.press("/")
    hands.stands("Search files")
    hands.type(references[-1])
    hands.press("Enter")
    page.wait_for_url("**/search/**")
    hands.go(references[-1])
    page.wait_for_url("**/files/**")
    hands.go("Expedite")
    hands.stands("Why does it go first?")
    hands.type("The customer is at sea")
    hands.go("Expedite this file")
    expect(page.get_by_role("status").filter(has_text=references[-1])).to_be_visible()
    assert File.objects.get(reference=references[-1]).expedite

    page.goto(cast.board)
    page.wait_for_selector(LIVE)
    hands.go(cast.worker.get_short_name())
    page.wait_for_url("**/bin/**")
    hands.reach("Note for whoever gets the files")
    hands.type("At the dentist")
    hands.go("is away")
    expect(page.get_by_role("status").filter(has_text="is away")).to_be_visible()
    hands.go("is back")
    expect(page.get_by_role("status").filter(has_text="is here again")).to_be_visible()
    hands.reach("From")
    hands.type("03052035")
    hands.press("ArrowRight")
    hands.type("0900AM")
    hands.reach("Until")
    hands.type("03072035")
    hands.press("ArrowRight")
    hands.type("0500PM")
    hands.go("Plan this absence")
    expect(page.get_by_role("listitem").filter(has_text="5 Mar 2035, 09:00")).to_be_visible()


def call_for_help(page: Page) -> None:
    hands = Hands(page)
    page.wait_for_selector(LIVE)
    hands.press("s")
    expect(page.get_by_role("button", name="Done")).to_be_visible()
    hands.press("h")
    hands.type("Counterparty missing")
    hands.press("Control+Enter")
    expect(page.locator(".slot.is-stuck")).to_be_visible()


def test_a_manager_looks_at_every_team_and_finds_a_file(visit: Visitors, at_hand: Run) -> None:
    cast, references = at_work(at_hand, files=5)
    page = visit.signed_in(cast.manager)
    hands = Hands(page)
    hands.go(cast.team.name)
    page.wait_for_url(f"**{cast.board}")
    page.wait_for_selector(LIVE)
    hands.go("Office")
    page.wait_for_url("**/office/")
    hands.press("/")
    hands.stands("Search files")
    hands.type(references[0])
    hands.press("Enter")
    page.wait_for_url("**/search/**")
    hands.go(references[0])
    page.wait_for_url(f"**/files/{references[0]}/")
    expect(page.get_by_role("heading", name=references[0])).to_be_visible()

"""What a board does while one looks at it: it moves calmly and only where something changed, says what is wrong, keeps the focus
where it was, and says so when it is not live."""

from collections.abc import Callable

from django.utils import timezone
from playwright.sync_api import Page, expect

from dispatch import andon, flow
from dispatch.models import HelpCall, Slot
from tests import office
from tests.journeys.cast import Cast, new_cast
from tests.journeys.conftest import Visitors
from tests.servers import Run

LIVE = '[data-live="on"]'
RECORD = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) {
    // A text at the right that gets longer begins further left, while its box stays: that is its own change.
    const sources = [...each.sources].filter(({node}) => node?.nodeType !== Node.TEXT_NODE);
    if (each.hadRecentInput || (each.sources.length && !sources.length)) continue;
    const moved = sources.map(({node, previousRect: was, currentRect: is}) =>
      `${node?.id || node?.className} "${node?.textContent.trim()}" from ${was.x}, ${was.y} to ${is.x}, ${is.y}`);
    window.shifts.push(`${each.value}: ${moved.join("; ")}`);
  }
}).observe({type: "layout-shift", buffered: true});
window.moves = [];
const animate = Element.prototype.animate;
Element.prototype.animate = function (frames, how) {
  window.moves.push([this.id || this.className, Object.keys(frames[0]).includes("transform")]);
  return animate.call(this, frames, how);
};
"""


def watch(page: Page, path: str, *, width: int = 1440, height: int = 900) -> Page:
    """Opens a board, live, and records what moves on it from now on."""
    page.add_init_script(RECORD)
    page.set_viewport_size({"width": width, "height": height})
    page.goto(path)
    page.wait_for_selector(LIVE)
    page.evaluate("document.fonts.ready.then(() => new Promise(requestAnimationFrame))")
    page.evaluate("() => { window.shifts.length = 0; window.never_reloaded = true; }")
    return page


def wall_of(cast: Cast) -> str:
    return f"{cast.board}?wall={cast.team.queue.wall_secret}"


def oldest(cast: Cast) -> int:
    """The position of the file to work next: that which is in hand, or the oldest that waits for no help."""
    slots = Slot.objects.filter(bin=cast.worker.pk, file__isnull=False)
    calm = slots.exclude(file__in=HelpCall.objects.filter(ended_at=None).values("file"))
    return calm.order_by("-in_hand", "filled_at", "position")[0].position


def call_for_help(cast: Cast) -> HelpCall:
    position, now = oldest(cast), timezone.now()
    flow.start(cast.worker, position, by=cast.worker, now=now)
    return andon.stuck(cast.worker, position, reason="counterparty data missing", by=cast.worker, now=now)


def finish(cast: Cast) -> None:
    position, now = oldest(cast), timezone.now()
    flow.start(cast.worker, position, by=cast.worker, now=now)
    flow.mark_done(cast.worker, position, by=cast.worker, now=now)


def busy_cast(at_hand: Run, files: int = 12) -> Cast:
    """Two people at work, and files that wait."""
    cast = new_cast()
    office.worker(f"Bo {cast.team.pk}", cast.team)
    cast.log(files)
    at_hand.until(lambda: "" not in office.in_bin(cast.worker))
    return cast


# --- What moves ---------------------------------------------------------------------------------------------------------------


def test_what_did_not_change_stays_where_it_is(visit: Visitors, at_hand: Run) -> None:
    """Desk, phone and wall: arrivals, work, a call for help and its end, somebody away: not a pixel of layout shift."""
    cast = busy_cast(at_hand)
    pages = [
        watch(visit.signed_in(cast.leader), cast.board),
        watch(visit.signed_in(cast.manager), cast.board, width=390, height=844),
        watch(visit.stranger(), wall_of(cast), width=1920, height=1080),
    ]

    def see(text: str) -> None:
        for page in pages:
            expect(page.locator("main")).to_contain_text(text)

    for _ in range(3):
        finish(cast)
        [file] = cast.log(1)
    see(str(file.reference)[:2])
    call = call_for_help(cast)
    see("counterparty data missing")
    andon.answer(call, by=cast.leader, now=timezone.now())
    see("comes to help")
    andon.end(call, cause="form unclear", by=cast.leader, now=timezone.now())
    cast.log(40)  # the bars take another scale
    flow.away(cast.worker, by=cast.worker, now=timezone.now())
    see("away")
    for page in pages:
        expect(page.locator("main")).not_to_contain_text("counterparty data missing")
        shifts = page.evaluate("window.shifts")
        assert not shifts, "\n".join(shifts)
        assert page.evaluate("window.never_reloaded")


def test_a_file_travels_to_its_slot(visit: Visitors, at_hand: Run) -> None:
    cast = new_cast()
    moving, still = visit.signed_in(cast.leader), visit.stranger()
    moving.emulate_media(reduced_motion="no-preference")
    watch(moving, cast.board)
    watch(still, wall_of(cast))
    [file] = cast.log(1)
    for page in (moving, still):
        expect(page.locator(".slot", has_text=file.reference)).to_be_visible()
    moved = moving.evaluate("window.moves")
    assert [f"slot-{cast.worker.pk}-1", True] in moved
    assert ["tile-number", False] in moved
    assert not [slot for slot, travels in moved if travels and slot != f"slot-{cast.worker.pk}-1"]
    assert still.evaluate("window.moves") == []


# --- What is said -------------------------------------------------------------------------------------------------------------


def test_what_is_wrong_is_spoken_together_and_refills_are_not(visit: Visitors, at_hand: Run) -> None:
    cast = busy_cast(at_hand)
    page = watch(visit.signed_in(cast.leader), cast.board)
    spoken = page.locator("#board-spoken")
    assert spoken.get_attribute("aria-live") == "polite"
    finish(cast)
    expect(page.locator(".tile", has_text="Done today").locator(".tile-number")).to_have_text("1")
    page.wait_for_timeout(3_500)
    expect(spoken).to_have_text("")
    call_for_help(cast)
    expect(spoken).to_contain_text("counterparty data missing")
    expect(spoken).to_contain_text("clogged")
    said = spoken.inner_text()
    finish(cast)
    page.wait_for_timeout(3_500)
    assert spoken.inner_text() == said  # not a second time


def test_one_click_on_the_call_answers_it_and_focus_goes_on(visit: Visitors, at_hand: Run) -> None:
    """Also where somebody else ends the call under one's fingers."""
    cast = busy_cast(at_hand)
    page = watch(visit.signed_in(cast.leader), cast.board)
    call = call_for_help(cast)
    card = page.locator(f"#call-{call.pk}")
    button = card.get_by_role("button", name="I help")
    expect(button).to_be_in_viewport()  # without scrolling, however long the board
    button.focus()
    page.keyboard.press("Enter")
    expect(card).to_contain_text("comes to help")
    expect(card.locator(":focus")).to_have_count(1)
    card.get_by_text("End", exact=False).first.press("Enter")
    expect(page.get_by_label("What was behind it?")).to_be_focused()
    page.keyboard.type("form uncl")
    cast.log(1)
    finish(cast)
    expect(page.locator(".tile", has_text="Done today").locator(".tile-number")).to_have_text("1")
    page.wait_for_timeout(800)  # the strip of one's own is fetched after the board
    expect(page.get_by_label("What was behind it?")).to_be_focused()
    expect(page.get_by_label("What was behind it?")).to_have_value("form uncl")
    andon.end(call, cause="form unclear", by=cast.worker, now=timezone.now())
    expect(card).to_have_count(0)
    assert page.evaluate(
        "document.activeElement !== document.body && document.querySelector('main').contains(document.activeElement)"
    )


# --- When it is not live ------------------------------------------------------------------------------------------------------


def test_a_board_that_is_not_live_says_since_when_and_recovers(visit: Visitors, at_hand: Run) -> None:
    visit.forgiven += "|/live/|htmx:sse:error|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION|ERR_FAILED"
    cast = busy_cast(at_hand)
    board, wall = visit.signed_in(cast.leader), visit.stranger()
    pages = [watch(board, cast.board), watch(wall, wall_of(cast), width=1920, height=1080)]
    assert wall.evaluate("getComputedStyle(document.documentElement).cursor") == "none"
    for page in pages:
        page.route("**/live/**", lambda route: route.abort())
    at_hand.kill("web")
    for page in pages:
        expect(page.locator("#stale")).to_contain_text("Not live since", timeout=15_000)
        expect(page.locator("#stale")).to_contain_text(page.locator("#clock").inner_text())
        assert page.evaluate("window.shifts") == []
    for page in pages:
        page.unroute("**/live/**")
    [file] = cast.log(1)
    recovered(pages, lambda page: expect(page.locator(".tile").first).to_contain_text("7", timeout=20_000))
    assert file.reference


def recovered(pages: list[Page], shows: Callable[[Page], None]) -> None:
    """Live again, by themselves, with what happened since."""
    for page in pages:
        shows(page)
        page.wait_for_selector(LIVE)
        expect(page.locator("#stale")).to_be_hidden()
        assert page.evaluate("window.never_reloaded")

"""A file's whole life where no script runs: three people, three plain pages."""

from playwright.sync_api import expect

from dispatch.models import File, State
from tests.journeys.cast import new_cast
from tests.journeys.conftest import Visitors
from tests.servers import Run


def test_a_file_is_logged_worked_and_leaves_the_board(visit: Visitors, at_hand: Run) -> None:
    cast = new_cast()
    reference = f"NS-{cast.team.pk}"
    assistant, worker, leader = (
        visit.signed_in(each, scripts=False) for each in (cast.assistant, cast.worker, cast.leader)
    )
    done = leader.locator(".tile", has_text="Done today").locator(".tile-number")
    expect(done).to_have_text("0")

    assistant.get_by_label("Reference").fill(reference)
    assistant.get_by_label("File type").select_option(cast.claim.slug)
    assistant.get_by_role("button", name="Log the file").click()
    expect(assistant.get_by_role("status").filter(has_text=f"{reference} is logged.")).to_be_visible()
    at_hand.until(lambda: File.objects.get(reference=reference).state == State.IN_SLOT)

    leader.reload()
    expect(leader.locator(".bin", has_text=cast.worker.name)).to_contain_text(reference)
    worker.reload()
    expect(worker.get_by_role("heading", name=reference)).to_be_visible()
    worker.get_by_role("button", name="Start").click()
    for item in ("Sums agree", "Customer told"):
        worker.get_by_label(item).check()
    worker.get_by_role("button", name="Done").click()
    expect(worker.get_by_role("status").filter(has_text=f"{reference} is done.")).to_be_visible()

    leader.reload()
    expect(leader.locator("#board")).not_to_contain_text(reference)
    expect(done).to_have_text("1")

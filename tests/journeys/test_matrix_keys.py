"""The skills matrix by keyboard: from mark to mark with the arrows, a letter sets a level where one is, and nothing is lost."""

import pytest
from playwright.sync_api import Page, expect

from skills.models import Competence, Level, LevelChange, Worker
from tests import office
from tests.journeys.cast import Cast, new_cast
from tests.journeys.conftest import Visitors
from tests.servers import Run

FITS = "document.documentElement.scrollWidth <= innerWidth"


def new_team() -> tuple[Cast, Worker, Worker]:
    """Two people, of whom one alone can do what the team needs."""
    cast = new_cast()
    number = cast.team.pk
    bea = office.worker(f"Bea{number}", cast.team, **{f"marine{number}": "U", f"cargo{number}": "L"})
    office.file_type(f"Hull {number}", cast.team, needs=f"marine{number}")
    return cast, cast.worker, bea


def mark(page: Page, worker: Worker, skill: str):
    of = office.skill(skill)
    return page.locator(f"#c{worker.pk}-{of.pk} > a")


def level_of(worker: Worker, skill: str) -> int | None:
    found = Competence.objects.filter(worker=worker, skill=office.skill(skill))
    return found.values_list("level", flat=True).first()


def test_levels_are_set_undone_and_opened_without_a_mouse(visit: Visitors, at_hand: Run) -> None:
    cast, ada, bea = new_team()
    marine, cargo = f"marine{cast.team.pk}", f"cargo{cast.team.pk}"
    page = visit.signed_in(cast.leader)
    page.goto(f"/skills/{cast.team.slug}/")
    focused = page.locator(":focus")
    mark(page, ada, marine).focus()
    page.keyboard.press("l")
    expect(mark(page, ada, marine)).to_have_text("L")
    expect(focused).to_have_text("L")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("o")
    expect(mark(page, ada, cargo)).to_have_text("O")
    expect(page.locator(f"#v{office.skill(cargo).pk}")).to_contain_text("1")
    expect(page.locator("#level-changes")).to_contain_text(f"{ada.name}, {cargo}")
    for _ in range(2):  # what was undone can be typed again
        page.keyboard.press("z")
        expect(mark(page, ada, cargo)).to_have_text("–")
        expect(mark(page, ada, cargo)).to_be_focused()
        page.keyboard.press("o")
        expect(mark(page, ada, cargo)).to_have_text("O")
    page.keyboard.press("z")
    expect(mark(page, ada, cargo)).to_have_text("–")
    page.keyboard.press("ArrowDown")
    expect(mark(page, bea, cargo)).to_be_focused()
    page.keyboard.press("Delete")
    expect(mark(page, bea, cargo)).to_have_text("–")
    assert (level_of(ada, marine), level_of(ada, cargo), level_of(bea, cargo)) == (Level.L, None, None)
    assert LevelChange.objects.filter(by=cast.leader).count() == 8
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="no level")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(mark(page, bea, cargo)).to_have_text("I")
    expect(mark(page, bea, cargo)).to_be_focused()
    expect(page.locator("#level-panel")).to_be_empty()
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="I, in training")).to_be_focused()
    page.keyboard.press("Escape")
    expect(mark(page, bea, cargo)).to_be_focused()


def test_whoever_types_on_does_not_wait_for_answers(visit: Visitors, at_hand: Run) -> None:
    """Every letter arrives, in order, also two on the same mark."""
    cast, ada, bea = new_team()
    marine, cargo = f"marine{cast.team.pk}", f"cargo{cast.team.pk}"
    page = visit.signed_in(cast.leader)
    page.goto(f"/skills/{cast.team.slug}/")
    mark(page, ada, marine).focus()
    for key in ("i", "l", "ArrowRight", "u", "ArrowDown", "u", "o"):
        page.keyboard.press(key)
    expect(mark(page, bea, cargo)).to_have_text("O")
    expect(mark(page, ada, cargo)).to_have_text("U")
    expect(mark(page, ada, marine)).to_have_text("L")
    assert (level_of(ada, marine), level_of(ada, cargo), level_of(bea, cargo)) == (Level.L, Level.U, Level.O)


def test_what_would_orphan_files_is_asked_and_answered_by_key(visit: Visitors, at_hand: Run) -> None:
    visit.forgiven += "|409"
    cast, _ada, bea = new_team()
    marine = f"marine{cast.team.pk}"
    office.log(cast.team.file_types.get(skill=office.skill(marine)), 6)
    page = visit.signed_in(cast.leader)
    page.goto(f"/skills/{cast.team.slug}/")
    mark(page, bea, marine).focus()
    page.keyboard.press("i")
    expect(page.locator("#level-panel")).to_contain_text(f"Hull {cast.team.pk}")
    expect(page.get_by_role("button", name="Save anyway")).to_be_focused()
    page.keyboard.press("Escape")
    expect(mark(page, bea, marine)).to_be_focused()
    assert level_of(bea, marine) == Level.U
    page.keyboard.press("i")
    expect(page.get_by_role("button", name="Save anyway")).to_be_focused()
    page.keyboard.press("Enter")
    expect(mark(page, bea, marine)).to_have_text("I")
    assert level_of(bea, marine) == Level.I


def test_who_may_not_set_levels_reads_and_no_key_does_anything(visit: Visitors, at_hand: Run) -> None:
    cast, _ada, bea = new_team()
    page = visit.signed_in(bea)
    page.goto(f"/skills/{cast.team.slug}/")
    mark(page, bea, f"cargo{cast.team.pk}").focus()
    page.keyboard.press("o")
    page.keyboard.press("Enter")
    expect(page.locator("#level-panel")).to_contain_text("L, can do with support")
    assert level_of(bea, f"cargo{cast.team.pk}") == Level.L
    expect(page.get_by_role("button", name="Save")).to_have_count(0)


@pytest.mark.parametrize("width", [390, 1440])
def test_sixty_people_by_forty_skills_scroll_in_their_own_box_and_stay_quick(
    visit: Visitors, at_hand: Run, width: int
) -> None:
    cast, _ada, _bea = new_team()
    skills = [office.skill(f"s{number:02} of {cast.team.pk}") for number in range(40)]
    people = [
        Worker(username=f"w{number}-{cast.team.pk}", name=f"Worker {number:02}", team=cast.team, roles=["worker"])
        for number in range(58)
    ]
    Worker.objects.bulk_create(people)
    Competence.objects.bulk_create(
        Competence(worker=worker, skill=skill, level=1 + (place + other) % 4)
        for place, worker in enumerate(people)
        for other, skill in enumerate(skills)
    )
    page = visit.signed_in(cast.leader)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"/skills/{cast.team.slug}/")
    assert page.evaluate(FITS)
    last = page.locator(f"#c{people[-1].pk}-{skills[-1].pk} > a")
    last.focus()
    expect(last).to_be_in_viewport()
    expect(page.get_by_role("rowheader", name="Worker 57")).to_be_in_viewport()
    expect(page.locator(".skill-name", has_text=skills[-1].name)).to_be_in_viewport()
    was = last.text_content()
    page.keyboard.press("i" if was != "I" else "u")
    expect(last).to_have_text("I" if was != "I" else "U")
    page.keyboard.press("ArrowUp")
    expect(page.locator(f"#c{people[-2].pk}-{skills[-1].pk} > a")).to_be_focused()

"""Ways round the rules that the state machine looks for, each by itself: limits that undo, the shelf or help calls could leak."""

from datetime import timedelta

import pytest

from dispatch import andon, flow, refusals, shelf, undo
from dispatch.models import Event, File, HelpCall, Queue, ShelfPlace, Slot, State
from skills.models import Competence
from tests import office
from tests.office import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books_balance")]
SOON = NOW + timedelta(seconds=20)
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def team():
    return office.team(expedite_limit=1)


@pytest.fixture
def ada(team, claim):
    """A worker with three of four files, the first in hand."""
    office.log(claim, 4)
    made = office.worker("Ada", team)
    flow.start(made, 1, by=made, now=NOW)
    return made


def held(worker, position):
    return File.objects.get(slot__bin=worker.pk, slot__position=position)


def undo_last(kind, by, now=SOON):
    undo.undo(Event.objects.filter(kind=kind).latest("pk"), by=by, now=now)


def woken_in_slot_1(ada):
    """The file in hand goes to the shelf, wakes, and is in the same slot again, kept for Ada."""
    file = held(ada, 1)
    shelf.shelve(ada, 1, reason="bank", wake_at=LATER, by=ada, now=NOW + timedelta(seconds=1))
    flow.start(ada, 2, by=ada, now=SOON)
    shelf.rouse(ShelfPlace.objects.get(), by=ada, now=SOON)
    flow.mark_done(ada, 2, by=ada, now=SOON)
    assert held(ada, 2) == file
    return file


def test_r13_a_woken_file_that_is_passed_back_is_kept_for_nobody(ada, team):
    file = woken_in_slot_1(ada)
    flow.pass_back(ada, 2, reason="not mine", by=ada, now=LATER)
    assert held(office.worker("Ben", team), 1) == file


def test_r13_a_woken_file_in_the_bin_of_who_leaves_is_kept_for_nobody(ada, team):
    file = woken_in_slot_1(ada)
    flow.away(ada, by=ada, now=LATER)
    assert held(office.worker("Ben", team), 1) == file


@pytest.mark.parametrize("lost", ["skill", "team"])
def test_r13_a_file_wakes_for_everybody_when_its_person_cannot_take_it_any_more(team, lost):
    [file] = office.log(office.file_type("Hull", team, needs="marine"))
    ada = office.worker("Ada", team, marine="U")
    shelf.shelve(ada, 1, reason="bank", wake_at=LATER, by=ada, now=NOW)
    if lost == "skill":
        Competence.objects.all().delete()
    else:
        flow.away(ada, by=ada, now=NOW)
        type(ada).objects.filter(pk=ada.pk).update(team=office.team("Elsewhere"))
    shelf.rouse_due(now=LATER)
    assert File.objects.get(pk=file.pk).kept_for is None


def passed_back_twice(team, claim):
    """A file with an open help call, in the bin of the third person; the help call."""
    [file] = office.log(claim)
    for name in ("Ben", "Cid"):
        worker = office.worker(name, team)
        flow.pass_back(worker, 1, reason=f"{name} cannot", by=worker, now=NOW)
    third = office.worker("Dora", team)
    assert held(third, 1) == file
    return third, HelpCall.objects.get()


def test_r14_who_gets_a_file_that_was_passed_back_twice_may_start_and_finish_it(team, claim):
    dora, call = passed_back_twice(team, claim)
    flow.start(dora, 1, by=dora, now=NOW)
    call.refresh_from_db()
    assert call.ended_at is None
    flow.mark_done(dora, 1, by=dora, now=LATER)
    call.refresh_from_db()
    assert (call.ended_at, call.cause) == (LATER, "done")
    undo_last("done", dora, now=LATER)
    call.refresh_from_db()
    assert (call.ended_at, call.cause) == (None, "")


def test_r12_help_is_called_once_more_on_a_file_that_was_passed_back_twice(team, claim):
    dora, first = passed_back_twice(team, claim)
    flow.start(dora, 1, by=dora, now=NOW)
    second = andon.stuck(dora, 1, reason="me neither", by=dora, now=SOON)
    assert list(HelpCall.objects.filter(ended_at=None)) == [second]
    undo_last("stuck", dora, now=LATER - timedelta(minutes=4, seconds=30))
    assert list(HelpCall.objects.filter(ended_at=None)) == [first]
    assert Slot.objects.get(in_hand=True).file == first.file


def test_r14_the_help_call_stays_when_the_third_person_leaves(team, claim):
    dora, call = passed_back_twice(team, claim)
    flow.away(dora, by=dora, now=LATER)
    call.refresh_from_db()
    assert call.ended_at is None


def test_r3_undo_does_not_pass_the_limit_of_expedites(ada, team, claim):
    urgent = office.log(claim, expedite_reason="court")[0]
    flow.mark_done(ada, 1, by=ada, now=NOW)
    assert held(ada, 1) == urgent
    flow.withdraw(urgent, reason="settled", by=ada, now=SOON)
    office.log(claim, now=SOON, expedite_reason="another")
    with pytest.raises(refusals.ExpediteLimitReached):
        undo_last("withdrawn", ada)
    assert File.objects.get(pk=urgent.pk).state == State.WITHDRAWN


def test_r17_what_is_being_reworked_stays_done(ada):
    file = held(ada, 1)
    flow.mark_done(ada, 1, by=ada, now=NOW)
    again = flow.rework(file, reason="wrong sum", by=ada, now=NOW)
    with pytest.raises(undo.TooLate, match="rework"):
        undo_last("done", ada)
    flow.withdraw(again, reason="by mistake", by=ada, now=NOW)
    undo_last("done", ada)
    with pytest.raises(undo.TooLate):
        undo.undo(Event.objects.get(file=again, kind="withdrawn"), by=ada, now=SOON)


def test_r1_undo_does_not_use_a_slot_beyond_what_the_team_has_now(ada, team):
    file = held(ada, 3)
    Queue.objects.filter(team=team).update(bin_size=2)
    flow.withdraw(file, reason="by mistake", by=ada, now=NOW)
    undo_last("withdrawn", ada)
    file.refresh_from_db()
    assert (file.state, file.kept_for) == (State.WAITING, ada)


def test_r4_undo_gives_nothing_to_who_has_lost_the_skill(team):
    [file] = office.log(office.file_type("Hull", team, needs="marine"))
    ada = office.worker("Ada", team, marine="U")
    flow.start(ada, 1, by=ada, now=NOW)
    flow.mark_done(ada, 1, by=ada, now=NOW)
    Competence.objects.all().delete()
    undo_last("done", ada)
    assert not any(office.in_bin(ada))
    file.refresh_from_db()
    assert (file.state, file.kept_for) == (State.WAITING, None)


def test_r12_undo_opens_the_help_call_again_that_the_act_ended(ada):
    file = held(ada, 1)
    call = andon.stuck(ada, 1, reason="?", by=ada, now=NOW)
    flow.withdraw(file, reason="by mistake", by=ada, now=SOON)
    undo_last("withdrawn", ada)
    call.refresh_from_db()
    assert (call.ended_at, held(ada, 1)) == (None, file)
    with pytest.raises(refusals.StillStuck):
        flow.start(ada, 1, by=ada, now=SOON)


def test_r12_undo_never_leaves_two_help_calls_in_one_bin(ada):
    """Ended for the first file, called on the second; then the end is undone."""
    first = andon.stuck(ada, 1, reason="?", by=ada, now=NOW)
    flow.start(ada, 2, by=ada, now=NOW)
    andon.end(first, cause="form unclear", by=ada, now=SOON)
    andon.stuck(ada, 2, reason="?", by=ada, now=SOON)
    with pytest.raises(undo.TooLate, match="another file"):
        undo_last("unstuck", ada)


def test_r15_undo_of_away_not_once_the_person_came_and_went_again(ada):
    flow.away(ada, by=ada, now=NOW)
    event = Event.objects.get(kind="away")
    flow.back(ada, by=ada, now=NOW)
    flow.away(ada, by=ada, now=NOW)
    with pytest.raises(undo.TooLate):
        undo.undo(event, by=ada, now=SOON)
    ada.refresh_from_db()
    assert not ada.is_present


def test_r18_an_answer_is_taken_back(ada, team):
    lea = office.person("Lea", "leader", leads=team)
    call = andon.stuck(ada, 1, reason="?", by=ada, now=NOW)
    andon.answer(call, by=lea, now=NOW)
    undo_last("answered", lea)
    call.refresh_from_db()
    assert (call.answered_by, call.answered_at, call.ended_at) == (None, None, None)

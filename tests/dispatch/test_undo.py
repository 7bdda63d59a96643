"""R18: every act of a person can be undone for a minute, and undoing obeys R1 like any other act."""

from datetime import timedelta

import pytest

from dispatch import andon, flow, shelf, undo
from dispatch.models import Event, File, HelpCall, PassBack, Queue, ShelfPlace, Slot, State
from dispatch.refill import refill
from skills.models import Worker
from tests import office
from tests.office import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books_balance")]
SOON = NOW + timedelta(seconds=30)


@pytest.fixture
def ada(team):
    """A worker with three of five files, the first in hand."""
    office.log(office.file_type("Claim", team, checklist=("Amount agrees",)), 5)
    made = office.worker("Ada", team)
    flow.start(made, 1, by=made, now=NOW)
    return made


def last(kind):
    return Event.objects.filter(kind=kind).latest("pk")


def undo_last(kind, by, now=SOON):
    undo.undo(last(kind), by=by, now=now)


def bin_as_it_is(worker):
    return list(
        Slot.objects.filter(bin=worker.pk)
        .order_by("position")
        .values_list("file__reference", "filled_at", "in_hand", "started_at")
    )


ACTS = {
    "done": lambda ada: flow.mark_done(ada, 1, by=ada, now=NOW),
    "passed_back": lambda ada: flow.pass_back(ada, 1, reason="not mine", by=ada, now=NOW),
    "shelved": lambda ada: shelf.shelve(ada, 1, reason="x", wake_at=NOW + timedelta(days=1), by=ada, now=NOW),
    "stuck": lambda ada: andon.stuck(ada, 1, reason="x", by=ada, now=NOW),
    "withdrawn": lambda ada: flow.withdraw(
        Slot.objects.get(bin=ada.pk, in_hand=True).file, reason="x", by=ada, now=NOW
    ),
    "away": lambda ada: flow.away(ada, by=ada, now=NOW),
}


@pytest.mark.parametrize("kind", ACTS)
def test_r18_the_bin_is_as_it_was(ada, kind):
    before, files = bin_as_it_is(ada), set(File.objects.values_list("reference", "state", "done_by"))
    ACTS[kind](ada)
    assert bin_as_it_is(ada) != before
    undo_last(kind, ada)
    assert bin_as_it_is(ada) == before
    assert set(File.objects.values_list("reference", "state", "done_by")) == files
    assert not PassBack.objects.exists()
    assert not ShelfPlace.objects.exists()
    assert not HelpCall.objects.filter(ended_at=None).exists()


@pytest.mark.parametrize("kind", ["done", "passed_back", "shelved", "withdrawn"])
def test_r18_nothing_is_taken_out_of_a_hand(ada, kind):
    """The slot was refilled and its new file started: the old one waits at the head, kept for its person."""
    file = Slot.objects.get(bin=ada.pk, position=1).file
    Slot.objects.filter(bin=ada.pk).exclude(position=1).update(filled_at=SOON)
    ACTS[kind](ada)
    flow.start(ada, 1, by=ada, now=SOON)
    in_hand = office.in_bin(ada)[0]
    undo_last(kind, ada)
    assert office.in_bin(ada)[0] == in_hand
    file.refresh_from_db()
    assert (file.state, file.kept_for) == (State.WAITING, ada)
    flow.mark_done(ada, 1, confirmed=None, by=ada, now=SOON)
    assert office.in_bin(ada)[0] == file.reference


def test_r18_start_and_expedite_and_log_and_back(ada, team):
    undo_last("started", ada)
    assert not Slot.objects.filter(in_hand=True).exists()
    waiting = File.objects.filter(state=State.WAITING).first()
    flow.expedite(waiting, reason="court", by=ada, now=NOW)
    undo_last("expedited", ada)
    waiting.refresh_from_db()
    assert (waiting.expedite, waiting.turn) == (False, 2)
    file, _new = flow.log(reference="OOPS", file_type=team.file_types.get(), by=ada, now=NOW)
    undo_last("logged", ada)
    file.refresh_from_db()
    assert file.state == State.WITHDRAWN
    undo_last("back", ada)
    ada.refresh_from_db()
    assert not ada.is_present
    assert not any(office.in_bin(ada))


def test_r18_what_was_taken_from_the_shelf_by_hand_lies_there_again_until_its_day(ada):
    tomorrow = NOW + timedelta(days=1)
    shelf.shelve(ada, 1, reason="broker", wake_at=tomorrow, by=ada, now=NOW)
    place = ShelfPlace.objects.get()
    Queue.objects.update(bin_size=1)  # so that it stays in the queue
    shelf.rouse(place, by=ada, now=NOW)
    undo_last("woken", ada)
    again = ShelfPlace.objects.get()
    assert (again.file, again.worker, again.reason, again.wake_at, again.shelved_at) == (
        place.file, ada, "broker", tomorrow, NOW
    )  # fmt: skip
    assert shelf.rouse_due(now=tomorrow) == 1


def test_r18_the_shelf_is_no_fuller_for_an_undo(ada):
    """R13: the team allows fewer meanwhile."""
    tomorrow = NOW + timedelta(days=1)
    for position in (1, 2):
        shelf.shelve(ada, position, reason="broker", wake_at=tomorrow, by=ada, now=NOW)
    shelf.rouse(ShelfPlace.objects.first(), by=ada, now=NOW)
    Queue.objects.update(shelf_limit=1)
    with pytest.raises(shelf.ShelfFull):
        undo_last("woken", ada)
    assert ShelfPlace.objects.count() == 1


def test_r18_a_help_call_that_was_ended_is_open_again(ada):
    call = andon.stuck(ada, 1, reason="x", by=ada, now=NOW)
    andon.end(call, cause="form unclear", by=ada, now=NOW)
    undo_last("unstuck", ada)
    call.refresh_from_db()
    assert (call.ended_at, call.cause) == (None, "")


def test_r18_only_for_a_minute_only_once_only_by_who_did_it(ada, team):
    ben = office.person("Ben", "leader", leads=team)
    flow.mark_done(ada, 1, by=ada, now=NOW)
    with pytest.raises(undo.NotYours):
        undo_last("done", ben)
    with pytest.raises(undo.TooLate):
        undo_last("done", ada, now=NOW + timedelta(seconds=61))
    undo_last("done", ada)
    with pytest.raises(undo.CannotBeUndone):
        undo_last("done", ada)
    with pytest.raises(undo.CannotBeUndone):
        undo_last("filled", ada)


def test_r18_not_once_somebody_else_has_the_file(ada, team):
    flow.pass_back(ada, 1, reason="not mine", by=ada, now=NOW)
    ben = office.worker("Ben", team)
    before = (office.in_bin(ada), office.in_bin(ben))
    with pytest.raises(undo.TooLate, match="gone on"):
        undo_last("passed_back", ada)
    assert (office.in_bin(ada), office.in_bin(ben)) == before


def test_r18_who_changed_teams_gets_nothing_back_of_the_old_one(ada):
    """As a lent person does: it stays in the queue that it went back to."""
    flow.away(ada, by=ada, now=NOW)
    Worker.objects.filter(pk=ada.pk).update(team=office.team("Marine"))
    undo_last("away", ada)
    assert Worker.objects.get(pk=ada.pk).is_present
    assert not Slot.objects.filter(bin=ada.pk, file__isnull=False).exists()


def test_r18_away_undone_brings_back_what_still_waits(ada, team):
    held = office.in_bin(ada)
    flow.away(ada, by=ada, now=NOW)
    ben = office.worker("Ben", team, present=False)
    Queue.objects.filter(team=team).update(bin_size=1)
    flow.open_bins(team.pk, now=NOW)
    flow.back(ben, by=ben, now=NOW)
    Queue.objects.filter(team=team).update(bin_size=3)
    flow.open_bins(team.pk, now=NOW)
    assert office.in_bin(ben)[0] == held[0]
    undo_last("away", ada)
    assert office.in_bin(ada) == ["", held[1], held[2]]
    refill(team.pk, now=SOON)
    assert all(office.in_bin(ada)) or not File.objects.filter(state=State.WAITING).exists()


def test_r18_logging_is_undone_though_the_file_came_into_a_slot_since_it_was_read(ada, team):
    bo = office.worker("Bo", team)  # takes the two that still waited
    file, _new = flow.log(reference="OOPS", file_type=team.file_types.get(), by=ada, now=NOW)
    read_before = Event.objects.select_related("file", "by").get(kind="logged", file=file)
    refill(team.pk, now=NOW)
    assert "OOPS" in office.in_bin(bo)
    undo.undo(read_before, by=ada, now=SOON)
    file.refresh_from_db()
    assert file.state == State.WITHDRAWN

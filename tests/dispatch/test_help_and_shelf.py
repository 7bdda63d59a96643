"""Stuck, shelf, absences, the last minutes, rework, expedite: the rules R3, R12, R13, R15, R16, R17, each tried to break."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction
from django.utils import translation

from dispatch import absences, andon, flow, refusals, shelf, undo
from dispatch.models import Absence, Event, File, FileType, Gone, HelpCall, Queue, ShelfPlace, State
from dispatch.refill import refill
from skills.models import Worker
from tests import office, texts
from tests.office import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books_balance")]
LATER = NOW + timedelta(minutes=5)
TOMORROW = NOW + timedelta(days=1)


@pytest.fixture
def ada(team, claim):
    """A worker with three of five files, the first in hand."""
    office.log(claim, 5)
    made = office.worker("Ada", team)
    flow.start(made, 1, by=made, now=NOW)
    return made


def held(worker, position):
    return File.objects.get(slot__bin=worker.pk, slot__position=position)


# --- R12 ------------------------------------------------------------------------------------------------------------------


def test_r12_stuck_keeps_the_file_in_its_slot_and_lets_the_next_one_start(ada):
    before = office.in_bin(ada)
    andon.stuck(ada, 1, reason="counterparty data missing", by=ada, now=NOW)
    assert office.in_bin(ada) == before
    with pytest.raises(refusals.StillStuck):
        flow.start(ada, 1, by=ada, now=NOW)
    with pytest.raises(refusals.NotNext):
        flow.start(ada, 3, by=ada, now=NOW)
    flow.start(ada, 2, by=ada, now=NOW)
    with pytest.raises(andon.AlreadyStuck):
        andon.stuck(ada, 2, reason="this one too", by=ada, now=NOW)


def test_r12_help_is_called_for_what_is_in_hand_and_for_a_reason(ada):
    with pytest.raises(refusals.NotInHand):
        andon.stuck(ada, 2, reason="no idea", by=ada, now=NOW)
    with pytest.raises(refusals.ReasonMissing):
        andon.stuck(ada, 1, reason=" ", by=ada, now=NOW)


def test_r12_the_leader_and_who_can_teach_may_help(team):
    office.log(office.file_type("Hull", team, needs="marine"))
    stuck_one = office.worker("Ada", team, marine="U")
    teacher = office.worker("Otto", team, marine="O")
    office.worker("Ursula", team, marine="U")
    office.worker("Olga", team, present=False, marine="O")
    leader = office.person("Lea", "leader", leads=team)
    flow.start(stuck_one, 1, by=stuck_one, now=NOW)
    call = andon.stuck(stuck_one, 1, reason="?", by=stuck_one, now=NOW)
    assert set(andon.who_can_help(call)) == {leader, teacher}


def test_r12_a_help_call_is_answered_once_and_ends_with_a_cause(ada, team):
    lea, max_ = office.person("Lea", "leader", leads=team), office.person("Max", "leader", leads=team)
    call = andon.stuck(ada, 1, reason="?", by=ada, now=NOW)
    andon.answer(call, by=lea, now=LATER)
    andon.answer(call, by=max_, now=LATER)
    with pytest.raises(refusals.ReasonMissing):
        andon.end(call, cause="", by=ada, now=LATER)
    andon.end(call, cause="form  unclear", by=ada, now=LATER)
    call.refresh_from_db()
    assert (call.answered_by, call.cause, call.ended_by) == (lea, "form unclear", ada)
    with pytest.raises(andon.HelpCallEnded):
        andon.end(call, cause="again", by=ada, now=LATER)
    flow.start(ada, 1, by=ada, now=LATER)
    assert office.story(held(ada, 1)) == ["logged", "filled", "started", "stuck", "answered", "unstuck", "started"]


def test_r12_a_cause_for_the_third_time_in_ten_working_days_is_a_problem(ada, team):
    def end_one(cause, at):
        call = HelpCall.objects.create(team=team, file=held(ada, 1), worker=ada, reason="?", raised_at=at)
        andon.end(call, cause=cause, by=ada, now=at)

    two_weeks_ago = NOW - timedelta(days=14)
    for cause, at in [
        ("form unclear", two_weeks_ago - timedelta(days=1)),
        ("Form unclear", two_weeks_ago),
        ("form unclear", NOW),
        ("system down", NOW),
        ("system down", NOW),
    ]:
        end_one(cause, at)
    for _ in range(3):
        end_one("away", NOW)  # what the product writes itself is no cause
    assert andon.recurring_causes(team.queue, now=NOW) == {}
    end_one("FORM unclear", NOW)
    assert andon.recurring_causes(team.queue, now=NOW) == {"FORM unclear": 3}


@pytest.mark.parametrize("leave", ["away", "pass_back", "withdraw", "shelve"])
def test_r12_a_help_call_ends_when_its_file_leaves_the_bin(ada, leave):
    file = held(ada, 1)
    call = andon.stuck(ada, 1, reason="?", by=ada, now=NOW)
    {
        "away": lambda: flow.away(ada, by=ada, now=LATER),
        "pass_back": lambda: flow.pass_back(ada, 1, reason="not mine", by=ada, now=LATER),
        "withdraw": lambda: flow.withdraw(file, reason="cancelled", by=ada, now=LATER),
        "shelve": lambda: shelf.shelve(ada, 1, reason="broker", wake_at=TOMORROW, by=ada, now=LATER),
    }[leave]()
    call.refresh_from_db()
    assert (call.ended_at, call.cause in list(Gone)) == (LATER, True)


def test_r12_what_ends_by_itself_is_no_cause_in_whatever_language(ada, team, tmp_path):
    """The language of whoever acts is not that of whoever counts."""
    with texts.in_brackets(tmp_path, language="fr"):
        for minutes in range(3):
            called_at = NOW + timedelta(minutes=minutes)
            andon.stuck(ada, 1, reason="?", by=ada, now=called_at)
            with translation.override("fr"):
                undo.undo(Event.objects.latest("pk"), by=ada, now=called_at + timedelta(seconds=9))
    assert set(HelpCall.objects.values_list("cause", flat=True)) == {"undone"}
    assert andon.recent_causes(team.pk) == []
    assert andon.recurring_causes(team.queue, now=NOW) == {}


def test_r14_the_second_pass_back_raises_a_help_call(team, claim):
    [file] = office.log(claim)
    for name in ("Ada", "Ben"):
        assert not HelpCall.objects.exists()
        worker = office.worker(name, team)
        flow.pass_back(worker, 1, reason=f"{name} cannot", by=worker, now=NOW)
    call = HelpCall.objects.get()
    assert (call.file, call.worker, call.reason) == (file, None, "Ben cannot")


# --- R13 ------------------------------------------------------------------------------------------------------------------


def test_r13_the_shelf_frees_the_slot_and_is_bounded(ada):
    first = held(ada, 1)
    shelf.shelve(ada, 1, reason="waiting on broker", wake_at=TOMORROW, by=ada, now=NOW)
    assert all(office.in_bin(ada))
    assert File.objects.get(pk=first.pk).state == State.SHELVED
    shelf.shelve(ada, 1, reason="waiting on bank", wake_at=TOMORROW, by=ada, now=NOW)
    with pytest.raises(shelf.ShelfFull, match="2 files"):
        shelf.shelve(ada, 2, reason="one too many", wake_at=TOMORROW, by=ada, now=NOW)
    assert ShelfPlace.objects.count() == 2


def test_r13_a_shelved_file_has_a_reason_and_a_day(ada):
    with pytest.raises(refusals.ReasonMissing):
        shelf.shelve(ada, 1, reason="", wake_at=TOMORROW, by=ada, now=NOW)
    for wake_at in (NOW, NOW + timedelta(days=400)):
        with pytest.raises(shelf.WakeImpossible):
            shelf.shelve(ada, 1, reason="broker", wake_at=wake_at, by=ada, now=NOW)


def test_r13_on_waking_it_goes_to_the_head_and_to_who_knows_it(ada, team, claim):
    file = held(ada, 1)
    shelf.shelve(ada, 1, reason="broker", wake_at=TOMORROW, by=ada, now=NOW)
    office.log(claim, 9, received_at=NOW - timedelta(days=9))
    assert shelf.rouse_due(now=TOMORROW - timedelta(minutes=1)) == 0
    assert shelf.rouse_due(now=TOMORROW) == 1
    ben = office.worker("Ben", team)
    refill(team.pk, now=TOMORROW)
    assert file.reference not in office.in_bin(ben)
    flow.start(ada, 1, by=ada, now=TOMORROW)
    flow.mark_done(ada, 1, by=ada, now=TOMORROW)
    assert office.in_bin(ada)[0] == file.reference


def test_r13_nobody_waits_for_ever_for_who_knows_it(ada, team):
    file = held(ada, 1)
    shelf.shelve(ada, 1, reason="broker", wake_at=TOMORROW, by=ada, now=NOW)
    shelf.rouse_due(now=TOMORROW)
    ben = office.worker("Ben", team)
    assert file.reference not in office.in_bin(ben)
    refill(team.pk, now=TOMORROW + shelf.KEPT_FOR)
    assert file.reference in office.in_bin(ben)


def test_r13_who_is_away_keeps_nothing(ada, team):
    file = held(ada, 1)
    shelf.shelve(ada, 1, reason="broker", wake_at=TOMORROW, by=ada, now=NOW)
    shelf.rouse_due(now=TOMORROW)
    flow.away(ada, by=ada, now=TOMORROW)
    assert file.reference in office.in_bin(office.worker("Ben", team))


def test_r13_the_database_refuses_a_shelved_file_in_another_state(ada):
    shelf.shelve(ada, 1, reason="broker", wake_at=TOMORROW, by=ada, now=NOW)
    place = ShelfPlace.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        File.objects.filter(pk=place.file_id).update(state=State.WAITING)
    with pytest.raises(IntegrityError), transaction.atomic():
        ShelfPlace.objects.update(place=10)


# --- R15 to R17, R3 -----------------------------------------------------------------------------------------------------------


def test_r15_a_planned_absence_begins_by_itself_once(ada):
    Absence.objects.create(worker=ada, starts_at=LATER, ends_at=TOMORROW, note="dentist")
    assert absences.begin_due(now=NOW) == 0
    assert absences.begin_due(now=LATER) == 1
    ada.refresh_from_db()
    assert (ada.is_present, ada.away_until) == (False, TOMORROW)
    assert not any(office.in_bin(ada))
    flow.back(ada, by=ada, now=LATER)
    assert absences.begin_due(now=LATER) == 0


def test_r15_absences_do_not_overlap(ada):
    Absence.objects.create(worker=ada, starts_at=NOW, ends_at=TOMORROW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Absence.objects.create(worker=ada, starts_at=LATER, ends_at=TOMORROW + timedelta(days=1))
    Absence.objects.create(worker=ada, starts_at=TOMORROW, ends_at=TOMORROW + timedelta(days=1))


def planned(ada, **times):
    told = {"starts_at": LATER, "ends_at": TOMORROW, "note": "dentist", **times}
    return absences.plan(ada, **told, by=ada, now=NOW)


def test_r20_planning_and_removing_an_absence_are_events_that_keep_it(ada):
    version = Queue.objects.get().version
    kept = planned(ada)
    absences.cancel(kept.pk, worker=ada, by=ada, now=NOW)
    events = Event.objects.filter(kind__in=("planned", "cancelled")).order_by("pk")
    assert [(each.kind, each.by, each.worker, each.file, each.cause) for each in events] == [
        ("planned", ada, ada, None, "dentist"),
        ("cancelled", ada, ada, None, "dentist"),
    ]
    assert {each.receipt["starts_at"] for each in events} == {LATER.isoformat()}
    assert Queue.objects.get().version == version + 2, "a board tells who leaves within a day"


def test_r18_a_removed_absence_is_there_again_unless_another_is_in_its_place(ada):
    absences.cancel(planned(ada).pk, worker=ada, by=ada, now=NOW)
    removed = Event.objects.get(kind="cancelled")
    other = planned(ada, ends_at=LATER + timedelta(minutes=1))
    with pytest.raises(absences.Overlapping):
        undo.undo(removed, by=ada, now=NOW)
    assert Absence.objects.get() == other
    absences.cancel(other.pk, worker=ada, by=ada, now=NOW)
    undo.undo(removed, by=ada, now=NOW)
    again = Absence.objects.get()
    assert (again.starts_at, again.ends_at, again.note, again.has_begun) == (LATER, TOMORROW, "dentist", False)
    with pytest.raises(undo.CannotBeUndone):
        undo.undo(removed, by=ada, now=NOW)


def test_r18_what_has_begun_is_not_unplanned(ada):
    planned(ada, starts_at=NOW)
    absences.begin_due(now=NOW)
    with pytest.raises(absences.HasBegun):
        undo.undo(Event.objects.get(kind="planned"), by=ada, now=NOW)
    assert Absence.objects.exists()


def test_r18_planning_an_absence_keeps_nobody_from_undoing_what_was_before(ada):
    flow.away(ada, by=ada, now=NOW)
    planned(ada)
    undo.undo(Event.objects.get(kind="away"), by=ada, now=NOW)
    ada.refresh_from_db()
    assert ada.is_present


def test_r16_in_the_last_minutes_only_what_fits_comes(team, claim):
    Queue.objects.filter(team=team).update(last_minutes=30)
    quick = office.file_type("Quick", team)
    FileType.objects.filter(pk=quick.pk).update(usual_minutes=10)
    office.log(claim)
    office.log(quick)
    ada = office.worker("Ada", team, present=False)
    ends = datetime(2026, 3, 3, 18, tzinfo=ZoneInfo("Europe/Paris"))
    flow.back(ada, by=ada, now=ends - timedelta(minutes=5))
    assert not any(office.in_bin(ada))
    flow.away(ada, by=ada, now=ends)
    flow.back(ada, by=ada, now=ends - timedelta(minutes=15))
    assert File.objects.get(slot__bin=ada.pk).file_type == quick
    refill(team.pk, now=ends - timedelta(minutes=31))
    assert File.objects.filter(slot__bin=ada.pk).count() == 2


def test_r17_rework_is_a_new_file_with_its_own_promise(ada, claim):
    file = held(ada, 1)
    with pytest.raises(refusals.NotDone):
        flow.rework(file, reason="wrong amount", by=ada, now=NOW)
    flow.mark_done(ada, 1, by=ada, now=NOW)
    again = flow.rework(file, reason="wrong amount", by=ada, now=TOMORROW)
    once_more = flow.rework(file, reason="and again", by=ada, now=TOMORROW)
    assert (again.rework_of, once_more.rework_of) == (file, file)
    assert (again.received_at, again.due_at > file.due_at) == (TOMORROW, True)
    assert {again.reference, once_more.reference} == {f"{file.reference}-R1", f"{file.reference}-R2"}
    file.refresh_from_db()
    assert file.state == State.DONE


def test_r17_a_rework_finds_a_reference_of_its_own(team, claim):
    """Whatever others are called: by another system, or as long as a reference can be and alike at its beginning."""
    names = ["C", "C-R1", *(f"{'L' * 62}{number}" for number in (1, 2))]
    files = [flow.log(reference=name, file_type=claim, title="wrong sum", by=None, now=NOW)[0] for name in names]
    ada = office.worker("Ada", team)
    for minute, position in enumerate((1, 2, 3, 1), 1):
        flow.start(ada, position, by=ada, now=NOW + timedelta(minutes=minute))
        flow.mark_done(ada, position, by=ada, now=NOW + timedelta(minutes=minute))
    again = [flow.rework(file, reason="wrong sum", by=ada, now=NOW) for file in files]
    assert [each.rework_of for each in again] == files
    assert len({each.reference for each in again} | set(names)) == 8
    assert again[0].reference == "C-R2"


def test_r3_a_waiting_file_is_expedited_with_a_reason_and_within_the_limit(ada, team, claim):
    waiting = list(File.objects.filter(state=State.WAITING).order_by("-received_at"))
    Queue.objects.filter(team=team).update(expedite_limit=1)
    with pytest.raises(refusals.ReasonMissing):
        flow.expedite(waiting[0], reason="", by=ada, now=NOW)
    with pytest.raises(refusals.NotWaiting):
        flow.expedite(held(ada, 1), reason="court", by=ada, now=NOW)
    flow.expedite(waiting[0], reason="court", by=ada, now=NOW)
    with pytest.raises(refusals.ExpediteLimitReached):
        flow.expedite(waiting[1], reason="court", by=ada, now=NOW)
    flow.mark_done(ada, 1, by=ada, now=NOW)
    assert office.in_bin(ada)[0] == waiting[0].reference


@pytest.mark.parametrize("where", [State.WAITING, State.IN_SLOT, State.SHELVED])
def test_withdrawn_from_wherever_it_is(ada, where):
    if where == State.SHELVED:
        shelf.shelve(ada, 1, reason="broker", wake_at=TOMORROW, by=ada, now=NOW)
    file = File.objects.filter(state=where).first()
    with pytest.raises(refusals.ReasonMissing):
        flow.withdraw(file, reason=" ", by=ada, now=NOW)
    flow.withdraw(file, reason="customer cancelled", by=ada, now=NOW)
    assert File.objects.get(pk=file.pk).state == State.WITHDRAWN
    assert all(office.in_bin(ada)) or not File.objects.filter(state=State.WAITING).exists()
    with pytest.raises(refusals.AlreadyEnded):
        flow.withdraw(file, reason="again", by=ada, now=NOW)
    assert Event.objects.filter(kind="withdrawn").count() == 1
    assert Worker.objects.filter(shelf__file=file).count() == 0

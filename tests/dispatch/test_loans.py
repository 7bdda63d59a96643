"""People lent between teams: where their slots pull from, what they finish, how a loan starts and ends, and what is refused."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from dispatch import absences, andon, boards, flow, ledger, loans, people, shelf, sweep, tables, timetables, undo
from dispatch.models import Absence, Event, File, Loan, Queue, Slot
from dispatch.refill import refill
from dispatch.timetables import Timetable
from skills.models import Role, Team, Worker
from tests import office
from tests.office import NOW

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
SOON = NOW + timedelta(seconds=20)


@pytest.fixture
def home():
    return office.team("Payments")


@pytest.fixture
def host():
    return office.team("Claims")


@pytest.fixture
def payment(home):
    return office.file_type("Payment", home)


@pytest.fixture
def claim(host):
    return office.file_type("Claim", host)


@pytest.fixture
def lea(home):
    return office.person("Lea", Role.LEADER, leads=home)


@pytest.fixture
def ada(home, payment):
    """At home, with three payments of five, the first in hand."""
    office.log(payment, 5)
    made = office.worker("Ada", home)
    flow.start(made, 1, by=made, now=NOW)
    return made


@pytest.fixture(autouse=True)
def books_balance(db):
    yield
    assert ledger.balance().differences == ()


def lend(worker, team, *, by, starts_at=None, ends_at=NOW + 4 * HOUR, is_agreed=True, now=NOW):
    return loans.lend(
        worker,
        to_team=team,
        starts_at=starts_at,
        ends_at=ends_at,
        reason="a flood",
        is_agreed=is_agreed,
        by=by,
        now=now,
    )


def types_in(worker):
    slots = Slot.objects.filter(bin=worker.pk).select_related("file__file_type").order_by("position")
    return [slot.file.file_type.name if slot.file else "" for slot in slots]


def works_in(worker):
    return Worker.objects.get(pk=worker.pk).works_in


# --- Where files come from ------------------------------------------------------------------------------------------------


def test_what_lies_in_the_slots_is_finished_and_emptied_slots_pull_from_the_host(ada, host, claim, lea):
    office.log(claim, 2)
    lend(ada, host, by=lea)
    refill(host.pk, now=NOW)
    assert types_in(ada) == ["Payment"] * 3
    flow.mark_done(ada, 1, by=ada, now=SOON)
    assert types_in(ada) == ["Claim", "Payment", "Payment"]
    flow.start(ada, 2, by=ada, now=SOON)
    flow.pass_back(ada, 2, reason="not mine", by=ada, now=SOON)
    assert types_in(ada) == ["Claim", "Claim", "Payment"]
    assert File.objects.filter(file_type__name="Payment", state="waiting").count() == 3


def test_after_the_loan_the_hosts_files_are_finished_and_slots_pull_from_home(ada, host, claim, lea):
    office.log(claim, 1)
    loan = lend(ada, host, by=lea)
    flow.mark_done(ada, 1, by=ada, now=SOON)
    loans.end(loan, by=lea, now=SOON)
    assert types_in(ada) == ["Claim", "Payment", "Payment"]
    flow.start(ada, 2, by=ada, now=SOON)
    flow.mark_done(ada, 2, by=ada, now=SOON)
    flow.start(ada, 3, by=ada, now=SOON)
    flow.mark_done(ada, 3, by=ada, now=SOON)
    assert types_in(ada) == ["Claim", "Payment", "Payment"]
    flow.start(ada, 1, by=ada, now=SOON)
    flow.mark_done(ada, 1, by=ada, now=SOON)
    assert types_in(ada)[0] == ""  # five payments were all there were


def test_nothing_of_home_comes_to_who_is_lent(ada, host, payment, lea):
    lend(ada, host, by=lea)
    flow.mark_done(ada, 1, by=ada, now=SOON)
    refill(ada.team_id, now=SOON)
    assert types_in(ada) == ["", "Payment", "Payment"]


def test_a_loan_ends_while_a_file_of_the_host_is_in_hand_and_it_stays_there(host, home, claim, lea):
    ada = office.worker("Ada", home)
    [file] = office.log(claim, 1)
    loan = lend(ada, host, by=lea)
    refill(host.pk, now=NOW)
    flow.start(ada, 1, by=ada, now=NOW)
    assert loans.run_due(now=loan.ends_at) == 1
    assert Slot.objects.get(file=file).in_hand
    assert works_in(ada) == home
    [shown] = [bin for bin in boards.team_board(host, now=loan.ends_at).bins if bin.worker_id == ada.pk]
    assert shown.is_elsewhere
    assert [slot.reference for slot in shown.slots] == [file.reference]
    flow.mark_done(ada, 1, by=ada, now=loan.ends_at + HOUR)
    assert boards.team_board(host, now=loan.ends_at + HOUR).bins == ()


def test_away_while_lent_gives_every_file_back_to_its_own_queue_and_the_loan_goes_on(ada, host, claim, lea):
    office.log(claim, 1)
    lend(ada, host, by=lea)
    flow.mark_done(ada, 1, by=ada, now=SOON)
    flow.away(ada, by=ada, now=SOON)
    assert types_in(ada) == ["", "", ""]
    waiting = File.objects.filter(state="waiting").values_list("team__name", flat=True)
    assert sorted(waiting) == ["Claims"] + ["Payments"] * 4
    flow.back(ada, by=ada, now=SOON)
    assert types_in(ada) == ["Claim", "", ""]


def test_a_lent_person_shelves_a_file_of_home_and_it_waits_at_home_for_anybody(ada, host, claim, lea, home):
    lend(ada, host, by=lea)
    shelf.shelve(ada, 1, reason="broker", wake_at=NOW + HOUR, by=ada, now=SOON)
    bo = office.worker("Bo", home)
    shelf.rouse_due(now=NOW + HOUR)
    file = File.objects.get(turn=1)
    assert file.kept_for is None  # Ada could not take it now
    flow.start(bo, 1, by=bo, now=NOW + HOUR)
    flow.mark_done(bo, 1, by=bo, now=NOW + HOUR)
    file.refresh_from_db()
    assert file.state == "in_slot"
    assert file.slot.bin_id == bo.pk


def test_help_is_called_on_a_file_of_home_to_the_leader_of_home(ada, host, lea):
    lend(ada, host, by=lea)
    call = andon.stuck(ada, 1, reason="?", by=ada, now=SOON)
    assert call.team == ada.team
    assert boards.team_board(host, now=SOON).clogged  # the bin that stands still is seen where she works
    assert [bin.worker_id for bin in boards.team_board(ada.team, now=SOON).clogged] == [ada.pk]


def test_a_leader_withdraws_a_file_of_home_from_the_slot_of_who_is_lent(ada, host, claim, lea):
    office.log(claim, 1)
    lend(ada, host, by=lea)
    flow.withdraw(Slot.objects.get(bin=ada.pk, position=2).file, reason="gone", by=lea, now=SOON)
    assert types_in(ada) == ["Payment", "", "Payment"]
    refill(host.pk, now=SOON)
    assert types_in(ada) == ["Payment", "Claim", "Payment"]


# --- Front office ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def front():
    return Team.objects.create(name="Front desk", slug="front-desk", is_front_office=True)


def test_a_front_office_gets_people_with_an_empty_bin_and_nothing_comes_to_them(ada, front, lea, payment):
    loan = lend(ada, front, by=lea)
    refill(ada.team_id, now=SOON)
    assert types_in(ada) == ["", "", ""]
    assert set(Event.objects.filter(kind="returned").values_list("cause", flat=True)) == {"a flood"}
    flow.away(ada, by=ada, now=SOON)
    flow.back(ada, by=ada, now=SOON)
    assert types_in(ada) == ["", "", ""]
    loans.end(loan, by=lea, now=SOON)
    refill(ada.team_id, now=SOON)
    assert types_in(ada) == ["Payment"] * 3


# --- By itself ------------------------------------------------------------------------------------------------------------


def test_a_loan_starts_and_ends_by_itself(ada, home, host, lea):
    loan = lend(ada, host, by=lea, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR)
    assert loans.run_due(now=NOW + HOUR - timedelta(seconds=1)) == 0
    assert works_in(ada) == home
    assert loans.run_due(now=NOW + HOUR) == 1
    assert works_in(ada) == host
    assert loans.run_due(now=NOW + 2 * HOUR) == 1
    assert works_in(ada) == home
    loan.refresh_from_db()
    assert (loan.ended_at, loan.ended_by) == (loan.ends_at, None)


def test_the_sweep_runs_loans(ada, host, lea):
    now = datetime.now(UTC)
    loan = lend(ada, host, by=lea, ends_at=now + HOUR, now=now)
    Loan.objects.filter(pk=loan.pk).update(
        starts_at=now - 2 * HOUR, started_at=now - 2 * HOUR, ends_at=now - timedelta(minutes=1)
    )
    sweep.sweep()
    assert works_in(ada) == ada.team


def test_a_loan_follows_another_at_the_same_instant_however_late_the_first_is_ended(ada, home, host, lea):
    third = office.team("Third")
    lend(ada, host, by=lea, ends_at=NOW + HOUR)
    lend(ada, third, by=lea, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR)
    assert loans.run_due(now=NOW + HOUR + timedelta(minutes=3)) == 2
    assert works_in(ada) == third


def test_a_loan_whose_time_passed_while_nothing_ran_never_happened(ada, home, host, lea):
    loan = lend(ada, host, by=lea, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR)
    loans.run_due(now=NOW + 3 * HOUR)
    loan.refresh_from_db()
    assert (works_in(ada), loan.started_at, loan.end_reason) == (home, None, loans.MISSED)


def test_who_is_lent_anew_before_anything_ended_the_loan_that_is_over_comes_home_first(ada, home, host, lea):
    third = office.team("Third")
    first = lend(ada, host, by=lea, ends_at=NOW + HOUR)
    lend(ada, third, by=lea, ends_at=NOW + 2 * HOUR, now=NOW + HOUR + timedelta(seconds=2))
    first.refresh_from_db()
    assert (works_in(ada), first.ended_at, first.ended_by) == (third, NOW + HOUR, None)


def test_over_midnight_and_across_zones_a_loan_ends_at_its_instant(ada, home, lea):
    tokyo = office.team("Tokyo")
    calendar = timetables.make("Tokyo", Timetable("Asia/Tokyo"), now=NOW)
    Queue.objects.filter(team=tokyo).update(calendar=calendar)
    at_night = datetime(2026, 3, 3, 14, 30, tzinfo=UTC)  # 15:30 in Paris, 23:30 in Tokyo
    loan = lend(ada, tokyo, by=lea, starts_at=at_night, ends_at=at_night + HOUR)
    loans.run_due(now=at_night)
    notes = {
        team.name: [note for bin in boards.team_board(team, now=at_night).bins for note in bin.notes]
        for team in (home, tokyo)
    }
    assert notes == {
        "Payments": ["lent to Tokyo until 16:30"],
        "Tokyo": ["on loan from Payments until 4 Mar, 00:30"],
    }
    loans.run_due(now=at_night + HOUR)
    loan.refresh_from_db()
    assert loan.ended_at == at_night + HOUR


def test_on_the_night_the_clock_goes_forward_a_loan_takes_its_real_time(ada, host, lea):
    before = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # 01:30 in Paris; an hour later it is 03:30 there
    lend(ada, host, by=lea, starts_at=before, ends_at=before + HOUR)
    loans.run_due(now=before)
    assert loans.run_due(now=before + HOUR - timedelta(seconds=1)) == 0
    assert loans.run_due(now=before + HOUR) == 1


def test_who_is_away_is_lent_all_the_same_and_comes_back_to_the_host(ada, host, claim, lea):
    office.log(claim, 1)
    flow.away(ada, by=ada, now=NOW)
    lend(ada, host, by=lea)
    assert types_in(ada) == ["", "", ""]
    flow.back(ada, by=ada, now=SOON)
    assert types_in(ada) == ["Claim", "", ""]


def test_an_absence_begins_while_somebody_is_lent(ada, host, claim, lea):
    lend(ada, host, by=lea)
    Absence.objects.create(worker=ada, starts_at=SOON, ends_at=SOON + HOUR)
    assert absences.begin_due(now=SOON) == 1
    assert types_in(ada) == ["", "", ""]
    assert works_in(ada) == host


def test_whoever_is_deactivated_during_a_loan_comes_home_first(ada, home, host, lea):
    lend(ada, host, by=lea)
    lend(ada, office.team("Third"), by=lea, starts_at=NOW + 5 * HOUR, ends_at=NOW + 6 * HOUR)
    flow.away(ada, by=lea, now=SOON)
    loans.end_all_of(ada, by=lea, now=SOON)
    assert works_in(ada) == home
    assert not Loan.objects.filter(ended_at=None).exists()


def test_whoever_left_the_team_before_a_loan_begins_is_not_lent(ada, home, host, lea):
    loan = lend(ada, host, by=lea, starts_at=NOW + HOUR)
    flow.away(ada, by=lea, now=SOON)
    Worker.objects.filter(pk=ada.pk).update(is_active=False)
    loans.run_due(now=NOW + HOUR)
    loan.refresh_from_db()
    assert (works_in(ada), loan.started_at, loan.end_reason) == (home, None, loans.NOT_THERE)


def test_an_import_of_people_moves_nobody_who_is_lent(ada, host, lea):
    lend(ada, host, by=lea)
    flow.away(ada, by=ada, now=SOON)
    table = tables.read(io.BytesIO(b"username,team\nada,Claims\n"), wanted=people.FIELDS)
    outcome = people.import_people(table, now=SOON)
    assert not outcome.is_written
    assert "End the loan first" in outcome.problems[0].message


# --- Asked for and agreed -----------------------------------------------------------------------------------------------------


def test_a_loan_that_is_only_asked_for_does_not_start(ada, home, host, lea):
    loan = lend(ada, host, by=office.person("Max", Role.LEADER, leads=host), is_agreed=False)
    assert loans.run_due(now=SOON) == 0
    assert works_in(ada) == home
    loans.agree(loan, by=lea, now=SOON)
    assert works_in(ada) == host


def test_what_nobody_agreed_to_in_time_is_asked_for_no_more(ada, home, host, lea):
    loan = lend(ada, host, by=lea, is_agreed=False)
    assert loans.run_due(now=loan.ends_at - timedelta(seconds=1)) == 0
    assert loans.run_due(now=loan.ends_at) == 1
    loan.refresh_from_db()
    assert (works_in(ada), loan.ended_by, loan.end_reason) == (home, None, loans.MISSED)
    assert Event.objects.filter(kind="called_off", team=host).exists()


def test_two_teams_may_ask_for_one_person_and_one_gets_them(ada, home, host, lea):
    third = office.team("Third")
    first = lend(ada, host, by=lea, is_agreed=False)
    second = lend(ada, third, by=lea, is_agreed=False)
    loans.agree(second, by=lea, now=SOON)
    with pytest.raises(loans.Overlapping, match="lent to Third"):
        loans.agree(first, by=lea, now=SOON)
    with pytest.raises(loans.AlreadyAgreed):
        loans.agree(second, by=lea, now=SOON)
    loans.end(second, by=lea, now=SOON)
    loans.agree(first, by=lea, now=SOON + HOUR)
    assert works_in(ada) == host


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"reason": " "}, loans.LoanImpossible),
        ({"ends_at": NOW}, loans.LoanImpossible),
        ({"ends_at": NOW + timedelta(days=400)}, loans.LoanImpossible),
        ({"starts_at": NOW + 5 * HOUR}, loans.LoanImpossible),
    ],
)
def test_a_loan_without_sense_is_refused_and_nothing_is_written(ada, host, lea, change, fact):
    asked = {"to_team": host, "ends_at": NOW + HOUR, "reason": "x", "is_agreed": True, "by": lea, "now": NOW}
    with pytest.raises(fact):
        loans.lend(ada, **asked | change)
    assert not Loan.objects.exists()


def test_who_has_no_team_or_is_at_home_there_cannot_be_lent(ada, home, host, lea):
    nobody = office.person("Nobody", Role.WORKER)
    for worker, team in [(ada, home), (nobody, host), (lea, host)]:
        with pytest.raises(loans.NotLendable):
            lend(worker, team, by=lea)


# --- Undo -----------------------------------------------------------------------------------------------------------------


def last(kind):
    return Event.objects.filter(kind=kind).order_by("pk").last()


def test_lending_is_undone_within_a_minute(ada, home, host, lea):
    lend(ada, host, by=lea)
    undo.undo(last("lent"), by=lea, now=SOON)
    assert works_in(ada) == home
    lend(ada, host, by=lea, now=SOON)
    assert works_in(ada) == host


def test_asking_back_is_undone_within_a_minute(ada, host, lea):
    loan = lend(ada, host, by=lea)
    loans.end(loan, by=lea, now=SOON)
    undo.undo(last("home"), by=lea, now=SOON)
    assert works_in(ada) == host
    assert Loan.objects.get().ended_at is None


@pytest.mark.parametrize("change", ["team", "is_active"])
def test_nobody_is_lent_again_by_undo_who_left_since(ada, home, host, lea, change):
    flow.away(ada, by=ada, now=NOW)
    loans.end(lend(ada, host, by=lea), by=lea, now=NOW)
    Worker.objects.filter(pk=ada.pk).update(**{change: {"team": office.team("Third"), "is_active": False}[change]})
    with pytest.raises(loans.NotLendable, match="does not work in Payments any more"):
        undo.undo(last("home"), by=lea, now=SOON)
    assert Loan.objects.get().ended_at


def test_agreeing_to_what_another_asked_for_is_undone_to_asked(ada, home, host, lea):
    max_ = office.person("Max", Role.LEADER, leads=host)
    lend(ada, host, by=max_, starts_at=NOW + HOUR, is_agreed=False)
    loans.agree(Loan.objects.get(), by=lea, now=NOW)
    undo.undo(last("agreed"), by=lea, now=SOON)
    assert (Loan.objects.get().agreed_at, Loan.objects.get().ended_at) == (None, None)


def test_calling_off_is_undone_and_the_loan_still_starts(ada, host, lea):
    loan = lend(ada, host, by=lea, starts_at=NOW + HOUR)
    loans.end(loan, by=lea, now=NOW)
    undo.undo(last("called_off"), by=lea, now=SOON)
    loans.run_due(now=NOW + HOUR)
    assert works_in(ada) == host


def test_done_on_a_file_of_home_is_undone_by_who_is_lent_and_the_hosts_file_goes_back(ada, host, claim, lea):
    [file] = office.log(claim, 1)
    lend(ada, host, by=lea)
    flow.mark_done(ada, 1, by=ada, now=SOON)
    undo.undo(last("done"), by=ada, now=SOON)
    assert types_in(ada) == ["Payment"] * 3
    file.refresh_from_db()
    assert file.state == "waiting"


# --- What the database refuses ---------------------------------------------------------------------------------------------


def refused(sql, *parameters):
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; {sql}", parameters)


def test_nobody_works_elsewhere_than_their_loan_says(ada, home, host, lea):
    refused("UPDATE skills_worker SET works_in_id = %s WHERE id = %s", host.pk, ada.pk)
    loan = lend(ada, host, by=lea)
    refused("UPDATE skills_worker SET works_in_id = %s WHERE id = %s", home.pk, ada.pk)
    refused("UPDATE dispatch_loan SET ended_at = now() WHERE id = %s", loan.pk)
    refused("UPDATE skills_worker SET team_id = %s WHERE id = %s", host.pk, ada.pk)


def test_whoever_moves_to_another_team_works_there(ada, host):
    flow.away(ada, by=ada, now=NOW)
    Worker.objects.filter(pk=ada.pk).update(team=host)
    assert works_in(ada) == host


COPY = """
INSERT INTO dispatch_loan (worker_id, from_team_id, to_team_id, starts_at, ends_at, reason, asked_by_id, asked_at, agreed_by_id,
    agreed_at, end_reason)
SELECT worker_id, from_team_id, to_team_id, starts_at + %s, ends_at + %s, reason, asked_by_id, asked_at, agreed_by_id, agreed_at, ''
FROM dispatch_loan
"""


def test_two_loans_of_one_person_never_overlap(ada, host, lea):
    lend(ada, host, by=lea, starts_at=NOW + HOUR, ends_at=NOW + 3 * HOUR)
    for later in (timedelta(), HOUR, -HOUR):
        refused(COPY, later, later)
    with connection.cursor() as cursor:
        cursor.execute(COPY, [2 * HOUR, 2 * HOUR])  # one begins as the other ends
    assert Loan.objects.count() == 2


@pytest.mark.parametrize(
    "change",
    [
        "ends_at = starts_at",
        "to_team_id = from_team_id",
        "reason = ''",
        "agreed_by_id = NULL",
        "agreed_at = NULL, agreed_by_id = NULL",
        "started_at = starts_at - interval '1 second'",
        "ended_at = started_at - interval '1 second'",
        "ended_by_id = asked_by_id",
        "end_reason = 'x'",
    ],
)
def test_a_loan_that_makes_no_sense_is_refused_by_the_database(ada, host, lea, change):
    lend(ada, host, by=lea)
    refused(f"UPDATE dispatch_loan SET {change}")

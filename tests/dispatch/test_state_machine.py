"""The rules of pull under acts in any order (R1, R3, R4, R8, R10, R12 to R18, R20), and those of loans, on the real PostgreSQL.

Hypothesis plays an office: people of two teams, skills that come and go, arrivals, every verb, undo, planned absences, people
lent and asked back, bins that grow and shrink, wake-ups that get lost, and a clock that moves on. What has to hold is written
down here once more, in plain Python that shares nothing with the product. One example is one transaction, rolled back.

    THREESLOT_STEPS=20000 python -m pytest tests/dispatch/test_state_machine.py     a long search
"""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.db.models import F
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from dispatch import absences, andon, flow, ledger, loans, refusals, repromise, shelf, undo
from dispatch.models import (
    Absence,
    Event,
    File,
    FileType,
    HelpCall,
    Loan,
    PassBack,
    Queue,
    ShelfPlace,
    Slot,
    State,
)
from dispatch.refill import refill
from skills.models import Competence, Level, Worker
from tests import office
from tests.office import NOW

STEPS = 40  # an example
LONG = "THREESLOT_STEPS" in os.environ
PARIS = ZoneInfo("Europe/Paris")
SKILLS = ("marine", "cargo")

picks = st.integers(0, 7)
people = st.integers(0, 2)
yes_or_no = st.booleans()

# Everything an act may write, in one look.
ALL_THERE_IS = " UNION ALL ".join(
    f"SELECT '{table}', md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM {table} t"
    for table in (
        "dispatch_file",
        "dispatch_slot",
        "dispatch_bin",
        "dispatch_shelfplace",
        "dispatch_helpcall",
        "dispatch_loan",
        "dispatch_passback",
        "dispatch_event",
        "dispatch_tally",
        "dispatch_queue",
        "skills_worker",
    )
)


def all_there_is() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(ALL_THERE_IS)
        return cursor.fetchall()


# What may never be, each with the rule that it breaks. R20 is the ledger's, R4 and R16 are looked at after each act.
BROKEN = """
SELECT 'R1: two slots hold it', s.file_id FROM dispatch_slot s WHERE s.file_id IS NOT NULL
GROUP BY 2 HAVING count(*) > 1
UNION ALL SELECT 'R1: beyond its bin', s.file_id FROM dispatch_slot s JOIN dispatch_bin b ON b.worker_id = s.bin_id
WHERE s.file_id IS NOT NULL AND (s.position NOT BETWEEN 1 AND b.size OR b.size > 5)
UNION ALL SELECT 'R3: too many expedites', f.team_id FROM dispatch_file f JOIN dispatch_queue q USING (team_id)
WHERE f.expedite AND f.state NOT IN ('done', 'withdrawn') GROUP BY 2, q.expedite_limit HAVING count(*) > q.expedite_limit
UNION ALL SELECT 'R10: two in hand', s.bin_id FROM dispatch_slot s WHERE s.in_hand GROUP BY 2 HAVING count(*) > 1
UNION ALL SELECT 'R10: in hand and stuck', s.file_id FROM dispatch_slot s
JOIN dispatch_helpcall c ON c.file_id = s.file_id AND c.worker_id = s.bin_id AND c.ended_at IS NULL WHERE s.in_hand
UNION ALL SELECT 'R12: help is called where the file is not', c.file_id FROM dispatch_helpcall c
LEFT JOIN dispatch_slot s ON s.file_id = c.file_id AND s.bin_id = c.worker_id
WHERE c.ended_at IS NULL AND c.worker_id IS NOT NULL AND s.id IS NULL
UNION ALL SELECT 'R12, R14: help is called for what is over', c.file_id FROM dispatch_helpcall c
JOIN dispatch_file f ON f.id = c.file_id WHERE c.ended_at IS NULL AND f.state NOT IN ('waiting', 'in_slot')
UNION ALL SELECT 'R13: a shelf too full', p.worker_id FROM dispatch_shelfplace p GROUP BY 2 HAVING count(*) > 2
UNION ALL SELECT 'R13: kept for who cannot take it', f.id FROM dispatch_file f JOIN skills_worker w ON w.id = f.kept_for_id
WHERE f.state = 'waiting' AND f.kept_until > %(now)s AND (
    NOT w.is_present OR w.works_in_id <> f.team_id OR f.kept_until > %(now)s + interval '1 hour'
    OR EXISTS (SELECT FROM dispatch_passback p WHERE p.file_id = f.id AND p.worker_id = w.id)
)
UNION ALL SELECT 'R15: with somebody absent', s.file_id FROM dispatch_slot s JOIN skills_worker w ON w.id = s.bin_id
WHERE s.file_id IS NOT NULL AND NOT w.is_present
UNION ALL SELECT 'R17: rework of what is not done', f.id FROM dispatch_file f JOIN dispatch_file g ON g.id = f.rework_of_id
WHERE f.state <> 'withdrawn' AND g.state <> 'done'
UNION ALL SELECT 'Loans: works where neither home nor loan is', w.id FROM skills_worker w
LEFT JOIN dispatch_loan l ON l.worker_id = w.id AND l.started_at IS NOT NULL AND l.ended_at IS NULL
WHERE w.works_in_id IS DISTINCT FROM coalesce(l.to_team_id, w.team_id)
UNION ALL SELECT 'Loans: two at one time', l.worker_id FROM dispatch_loan l JOIN dispatch_loan m USING (worker_id)
WHERE l.id < m.id AND l.agreed_at IS NOT NULL AND m.agreed_at IS NOT NULL AND l.ended_at IS NULL AND m.ended_at IS NULL
    AND l.starts_at < m.ends_at AND m.starts_at < l.ends_at
UNION ALL SELECT 'Loans: begun without anybody agreeing, or from another home', l.id FROM dispatch_loan l
JOIN skills_worker w ON w.id = l.worker_id
WHERE l.started_at IS NOT NULL AND l.ended_at IS NULL AND (l.agreed_at IS NULL OR w.team_id <> l.from_team_id)
UNION ALL SELECT 'Loans: a file of where they never worked', s.file_id FROM dispatch_slot s
JOIN dispatch_file f ON f.id = s.file_id JOIN skills_worker w ON w.id = s.bin_id
WHERE f.team_id NOT IN (w.team_id, w.works_in_id)
    AND NOT EXISTS (SELECT FROM dispatch_loan l WHERE l.worker_id = w.id AND l.to_team_id = f.team_id)
"""


class Reference:
    """Who may get what at this moment, by the letter of R4, R13, R14 and R16: loops over everything, no SQL of the product."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.people = {person.pk: person for person in Worker.objects.all()}
        self.queues = {queue.team_id: queue for queue in Queue.objects.all()}
        self.types = {each.pk: each for each in FileType.objects.all()}
        self.levels = {(c.worker_id, c.skill_id): c.level for c in Competence.objects.all()}
        self.lent_to = set(Loan.objects.values_list("worker", "to_team"))
        self.passed_back = set(PassBack.objects.values_list("file", "worker"))
        self.slots = list(Slot.objects.all())
        self.waiting = list(File.objects.filter(state=State.WAITING))

    def is_able(self, person: Worker, file: File) -> bool:
        """R4 alone."""
        if not (
            person.is_present and person.is_active and "worker" in person.roles and person.works_in_id == file.team_id
        ):
            return False
        kind = self.types[file.file_type_id]
        return kind.is_open or self.levels.get((person.pk, kind.skill_id), 0) >= kind.least_level

    def may_have_back(self, person: Worker, file: File) -> bool:
        was_there = file.team_id == person.team_id or (person.pk, file.team_id) in self.lent_to
        is_elsewhere = was_there and file.team_id != person.works_in_id
        return self.is_able(person, file) or (is_elsewhere and person.is_present and person.is_active)

    def may_get(self, person: Worker, file: File) -> bool:
        is_kept = file.kept_for_id not in (None, person.pk) and file.kept_until > self.now
        return (
            self.is_able(person, file)
            and not is_kept
            and (file.pk, person.pk) not in self.passed_back
            and self.fits_the_shift(file)
        )

    def fits_the_shift(self, file: File) -> bool:
        """R16, for the one calendar of these tests: Monday to Friday until six in Paris."""
        last_minutes = self.queues[file.team_id].last_minutes
        here = self.now.astimezone(PARIS)
        if not last_minutes or here.weekday() > 4:
            return True
        left = (here.replace(hour=18, minute=0, second=0, microsecond=0) - here) // timedelta(minutes=1)
        usual = self.types[file.file_type_id].usual_minutes
        return not 0 <= left < last_minutes or (usual is not None and usual <= left)

    def needless_gaps(self) -> list[tuple[str, int, str]]:
        """Empty slots of present people, each with a file that could be in it."""
        return [
            (self.people[slot.bin_id].name, slot.position, file.reference)
            for slot in self.slots
            if slot.file_id is None and self.people[slot.bin_id].is_present
            for file in self.waiting
            if slot.position <= self.queues[file.team_id].bin_size and self.may_get(self.people[slot.bin_id], file)
        ]


class Office(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.now = NOW
        self.wake_ups_come = True
        self.last_event = 0
        self.is_checked = False

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    @initialize(
        size=st.integers(1, 3),
        last_minutes=st.sampled_from([0, 0, 90]),
        levels=st.lists(st.sampled_from(["", "I", "L", "U", "O"]), min_size=6, max_size=6),
        present=st.lists(yes_or_no, min_size=2, max_size=2),
    )
    def open(self, size: int, last_minutes: int, levels: list[str], present: list[bool]) -> None:
        self.team = office.team(bin_size=size, last_minutes=last_minutes, expedite_limit=2)
        self.other_team = office.team("Elsewhere", expedite_limit=2)
        self.types = [
            office.file_type("Claim", self.team),
            office.file_type("Hull", self.team, needs="marine"),
            office.file_type("Cargo", self.team, needs="cargo", at_least="L"),
            office.file_type("Quick", self.team),
            office.file_type("Else", self.other_team),
        ]
        FileType.objects.filter(name="Quick").update(usual_minutes=20)
        self.lea = office.person("Lea", "leader", leads=self.team)
        for kind in self.types:
            office.log(kind, 3)
        self.people = []
        for number, name in enumerate(["Ada", "Ben", "Cid"]):
            own = {skill: level for skill, level in zip(SKILLS, levels[2 * number :], strict=False) if level}
            self.people.append(office.worker(name, self.team, present=[True, *present][number], **own))
        self.see_what_was_filled()

    # --- Acting ---------------------------------------------------------------------------------------------------------

    def act(self, verb: Callable[..., Any], *arguments: Any, **named: Any) -> bool:
        """Do it. Refused, it must have changed nothing; else wake-ups come, unless they get lost just now."""
        self.now += timedelta(milliseconds=1)
        before = all_there_is()
        try:
            verb(*arguments, **named, now=self.now)
        except refusals.Refused:
            assert all_there_is() == before
            return False
        self.is_checked = False
        self.see_what_was_filled()
        if self.wake_ups_come:
            self.refill()
        return True

    def refill(self) -> None:
        """R8: afterwards no slot is empty that could be filled."""
        for team in (self.team, self.other_team):
            refill(team.pk, now=self.now)
        self.see_what_was_filled()
        assert Reference(self.now).needless_gaps() == []

    def see_what_was_filled(self) -> None:
        """R4, R13, R14, R16 hold for whatever was put into a slot since the last look; undo may forget the clock alone, and gives
        back what somebody held who was lent since or came home."""
        self.is_checked = False
        new = list(Event.objects.filter(pk__gt=self.last_event).select_related("file").order_by("pk"))
        if not new:
            return
        self.last_event = new[-1].pk
        reference = Reference(self.now)
        for fill in (event for event in new if event.kind == Event.Kind.FILLED):
            person = reference.people[fill.worker_id]
            is_allowed = reference.may_have_back if fill.cause == "undone" else reference.may_get
            if fill.file.state == State.IN_SLOT and fill.file.slot.bin_id == person.pk:
                assert is_allowed(person, fill.file), (person, fill.file, fill.cause)
                assert fill.position <= reference.queues[fill.team_id].bin_size, (person, fill.position)

    def person(self, number: int) -> Worker:
        return Worker.objects.get(pk=self.people[number].pk)

    def held(self, person: Worker) -> list[Slot]:
        """As they are to be worked."""
        filled = Slot.objects.filter(bin=person.pk, file__isnull=False)
        return list(filled.order_by("filled_at", "position").select_related("file"))

    def one_of(self, rows: Any, pick: int) -> Any:
        found = list(rows)
        return found[pick % len(found)] if found else None

    def stuck_files(self, person: Worker) -> set[int]:
        return set(HelpCall.objects.filter(worker=person, ended_at=None).values_list("file", flat=True))

    # --- What people do -------------------------------------------------------------------------------------------------

    @rule(minutes=st.sampled_from([0, 0, 0, 1, 5, 30, 61, 300, 1500]), seconds=st.integers(0, 59))
    def time_goes_by(self, minutes: int, seconds: int) -> None:
        self.now += timedelta(minutes=minutes, seconds=seconds)

    @rule(come=yes_or_no)
    def wake_ups(self, come: bool) -> None:
        self.wake_ups_come = come

    @rule()
    def sweep(self) -> None:
        absences.begin_due(now=self.now)
        self.see_what_was_filled()
        loans.run_due(now=self.now)
        self.see_what_was_filled()
        assert not Loan.objects.filter(started_at__isnull=False, ended_at=None, ends_at__lte=self.now).exists()
        due = Loan.objects.filter(agreed_at__isnull=False, starts_at__lte=self.now)
        assert not due.filter(started_at=None, ended_at=None).exists()
        shelf.rouse_due(now=self.now)
        self.refill()
        assert not ShelfPlace.objects.filter(wake_at__lte=self.now).exists()

    @rule(
        kind=st.integers(0, 4),
        number=st.integers(1, 4),
        days_ago=st.integers(0, 20),
        urgent=st.sampled_from("    !"),
        weight=st.sampled_from([1, 1, 2, 5]),
    )
    def arrive(self, kind: int, number: int, days_ago: int, urgent: str, weight: int) -> None:
        for _ in range(number):
            self.act(
                flow.log,
                reference=f"F-{File.objects.count() + 1}",
                file_type=self.types[kind],
                received_at=self.now - timedelta(days=days_ago),
                weight=weight,
                expedite_reason=urgent.strip(),
                by=self.lea,
            )

    @rule(who=people, pick=picks)
    def start_any(self, who: int, pick: int) -> None:
        person = self.person(who)
        if slot := self.one_of(self.held(person), pick):
            self.act(flow.start, person, slot.position, file=slot.file_id, by=person)

    @rule(who=people)
    def work_on(self, who: int) -> None:
        """R10: with nothing in hand, the oldest file that is not stuck can be started, always; what is in hand can be done."""
        person = self.person(who)
        held, stuck = self.held(person), self.stuck_files(person)
        free = [slot for slot in held if slot.file_id not in stuck]
        if in_hand := [slot for slot in held if slot.in_hand]:
            assert self.act(flow.mark_done, person, in_hand[0].position, right_first_time=bool(who % 2), by=person)
        elif free:
            assert self.act(flow.start, person, free[0].position, by=person)

    @rule(who=people, pick=picks)
    def finish_any(self, who: int, pick: int) -> None:
        person = self.person(who)
        if slot := self.one_of(self.held(person), pick):
            self.act(flow.mark_done, person, slot.position, file=slot.file_id, by=person)

    @rule(who=people, pick=picks)
    def pass_back(self, who: int, pick: int) -> None:
        person = self.person(who)
        if slot := self.one_of(self.held(person), pick):
            assert self.act(flow.pass_back, person, slot.position, reason="not mine", by=person)
            assert not Slot.objects.filter(bin=person.pk, file=slot.file_id).exists()

    @rule(who=people, pick=picks)
    def call_for_help(self, who: int, pick: int) -> None:
        person = self.person(who)
        held = self.held(person)
        if slot := next((each for each in held if each.in_hand), None) or self.one_of(held, pick):
            is_possible = slot.in_hand and not self.stuck_files(person)
            assert self.act(andon.stuck, person, slot.position, reason="what is this", by=person) == is_possible

    @rule(pick=picks)
    def answer(self, pick: int) -> None:
        if call := self.one_of(HelpCall.objects.order_by("-pk")[:8], pick):
            assert self.act(andon.answer, call, by=self.lea) == (call.ended_at is None)

    @rule(pick=picks)
    def end_a_help_call(self, pick: int) -> None:
        if call := self.one_of(HelpCall.objects.order_by(F("ended_at").desc(nulls_first=True), "-pk")[:8], pick):
            assert self.act(andon.end, call, cause="form unclear", by=self.lea) == (call.ended_at is None)

    @rule(who=people, pick=picks, minutes=st.sampled_from([1, 30, 600]))
    def shelve(self, who: int, pick: int, minutes: int) -> None:
        person = self.person(who)
        if slot := self.one_of(self.held(person), pick):
            wake_at = self.now + timedelta(minutes=minutes)
            self.act(shelf.shelve, person, slot.position, reason="broker", wake_at=wake_at, by=person)

    @rule(pick=picks)
    def wake_from_the_shelf(self, pick: int) -> None:
        if place := self.one_of(ShelfPlace.objects.select_related("file").order_by("pk"), pick):
            assert self.act(shelf.rouse, place, by=place.worker)

    @rule(pick=picks, state=st.sampled_from(list(State)))
    def withdraw(self, pick: int, state: State) -> None:
        if file := self.one_of(File.objects.filter(state=state).order_by("pk"), pick):
            is_possible = state not in (State.DONE, State.WITHDRAWN)
            assert self.act(flow.withdraw, file, reason="cancelled", by=self.lea) == is_possible

    @rule(pick=picks)
    def rework(self, pick: int) -> None:
        if file := self.one_of(File.objects.filter(state=State.DONE).order_by("-done_at", "pk"), pick):
            assert self.act(flow.rework, file, reason="wrong sum", by=self.lea)

    @rule(pick=picks)
    def expedite(self, pick: int) -> None:
        if file := self.one_of(File.objects.order_by("state", "-pk"), pick):
            self.act(flow.expedite, file, reason="court", by=self.lea)

    @rule(pick=st.integers(0, 3))
    def undo_at_once(self, pick: int) -> None:
        if event := self.one_of(Event.objects.filter(by__isnull=False).order_by("-pk")[: 1 + pick], pick):
            self.act(undo.undo, event, by=event.by)

    @rule(pick=picks, is_theirs=st.sampled_from([True, True, True, False]))
    def undo_the_last_of_a_kind(self, pick: int, is_theirs: bool) -> None:
        lately = Event.objects.filter(by__isnull=False, at__gte=self.now - timedelta(minutes=1)).order_by("pk")
        if event := self.one_of({each.kind: each for each in lately}.values(), pick):
            stranger = self.lea if event.by_id != self.lea.pk else self.people[0]
            is_done = self.act(undo.undo, event, by=event.by if is_theirs else stranger)
            assert is_theirs or not is_done

    @rule(pick=picks, days=st.integers(1, 20))
    def promise_anew(self, pick: int, days: int) -> None:
        Queue.objects.filter(team=self.team).update(default_days=days)
        if file := self.one_of(File.objects.order_by("state", "-pk"), pick):
            is_open = file.state not in (State.DONE, State.WITHDRAWN)
            assert self.act(repromise.repromise, [file], reason="other terms", by=self.lea) == is_open

    @rule(who=people, by_leader=yes_or_no)
    def go_away(self, who: int, by_leader: bool) -> None:
        person = self.person(who)
        assert self.act(flow.away, person, note="out", by=self.lea if by_leader else person)
        assert self.held(person) == []

    @rule(who=people)
    def come_back(self, who: int) -> None:
        person = self.person(who)
        assert self.act(flow.back, person, by=person)

    @rule(who=people, starts=st.integers(0, 90), lasts=st.integers(1, 300))
    def plan_an_absence(self, who: int, starts: int, lasts: int) -> None:
        person, begins = self.person(who), self.now + timedelta(minutes=starts)
        ends = begins + timedelta(minutes=lasts)
        is_free = not Absence.objects.filter(worker=person, starts_at__lt=ends, ends_at__gt=begins).exists()
        told = {"starts_at": begins, "ends_at": ends, "note": "dentist"}
        assert self.act(absences.plan, person, **told, by=person) == is_free

    @rule(pick=picks)
    def cancel_an_absence(self, pick: int) -> None:
        if planned := self.one_of(Absence.objects.select_related("worker").order_by("pk"), pick):
            assert self.act(absences.cancel, planned.pk, worker=planned.worker, by=self.lea)

    @rule(size=st.integers(1, 4))
    def bins_change_size(self, size: int) -> None:
        Queue.objects.filter(team=self.team).update(bin_size=size)
        self.act(lambda now: flow.open_bins(self.team.pk, now=now))

    @rule(who=people, skill=st.sampled_from(SKILLS), level=st.sampled_from([None, *Level]))
    def learn_or_forget(self, who: int, skill: str, level: Level | None) -> None:
        Competence.objects.filter(worker=self.people[who], skill__slug=skill).delete()
        if level:
            Competence.objects.create(worker=self.people[who], skill=office.skill(skill), level=level)
        self.refill()

    @rule(who=people)
    def change_team(self, who: int) -> None:
        """As the import insists: only somebody absent changes teams."""
        person = self.person(who)
        if not person.is_present:
            self.act(loans.end_all_of, person, by=self.lea)
            new = self.other_team if person.team_id == self.team.pk else self.team
            Worker.objects.filter(pk=person.pk).update(team=new)
            self.act(lambda now: flow.open_bins(new.pk, now=now))

    @rule(who=people, starts=st.sampled_from([0, 0, 30, 300]), lasts=st.sampled_from([1, 60, 600]), is_agreed=yes_or_no)
    def lend(self, who: int, starts: int, lasts: int, is_agreed: bool) -> None:
        """To the other team: at once or later, agreed or only asked for. Not twice at one time."""
        person, begins = self.person(who), self.now + timedelta(minutes=starts, milliseconds=1)
        ends = begins + timedelta(minutes=lasts)
        agreed = Loan.objects.filter(worker=person, agreed_at__isnull=False, ended_at=None)
        is_free = not agreed.filter(starts_at__lt=ends, ends_at__gt=begins).exists()
        to_team = self.other_team if person.team_id == self.team.pk else self.team
        told = {"to_team": to_team, "starts_at": begins, "ends_at": ends, "reason": "a flood"}
        is_lent = self.act(loans.lend, person, **told, is_agreed=is_agreed, by=self.lea)
        assert is_lent == (is_free or not is_agreed)
        if is_lent and is_agreed and not starts:
            assert self.person(who).works_in_id == to_team.pk

    @rule(pick=picks)
    def agree_to_a_loan(self, pick: int) -> None:
        if loan := self.one_of(Loan.objects.filter(agreed_at=None).order_by("-pk")[:4], pick):
            self.act(loans.agree, loan, by=self.lea)

    @rule(pick=picks)
    def ask_back(self, pick: int) -> None:
        """What they hold they finish; the rest of the bin is of home at once."""
        if loan := self.one_of(Loan.objects.order_by(F("ended_at").desc(nulls_first=True), "-pk")[:8], pick):
            held = set(Slot.objects.filter(bin=loan.worker_id, file__isnull=False).values_list("file", flat=True))
            assert self.act(loans.end, loan, by=self.lea) == (loan.ended_at is None)
            still = set(Slot.objects.filter(bin=loan.worker_id, file__isnull=False).values_list("file", flat=True))
            assert held <= still

    # --- What holds, always -----------------------------------------------------------------------------------------------

    @invariant()
    def the_rules_hold(self) -> None:
        if not self.is_checked:
            connection.check_constraints()
            with connection.cursor() as cursor:
                cursor.execute(BROKEN, {"now": self.now})
                assert cursor.fetchall() == []
            assert ledger.balance().differences == ()
            self.is_checked = True


@pytest.mark.django_db
@pytest.mark.timeout(0 if LONG else 300)  # a busy machine is no fault
def test_the_rules_hold_whatever_people_do() -> None:
    run_state_machine_as_test(
        Office,
        settings=settings(
            max_examples=int(os.environ.get("THREESLOT_STEPS", 35 * STEPS)) // STEPS,
            stateful_step_count=STEPS,
            derandomize=not LONG,  # who looks for long looks elsewhere
            deadline=None,
            print_blob=True,
            phases=[Phase.explicit, Phase.generate] + [Phase.reuse, Phase.shrink] * LONG,  # shrinking takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )

"""Six weeks of the office, played through in memory: arrivals come in, bins are filled, people work.

Event by event, and every file is given out by `dispatch.matching.match`, as in the real office: who finishes gets the next
file, an arrival goes to whoever has an empty slot, and nobody present with an empty slot is left without a file they could
do. Work goes on in the working time of the calendar only. Nothing here touches a database.

How long a file takes is skewed to the right as in the log named in `outside`, whose percentiles (10.3, 19.8 and 35.4 minutes
for 50, 75 and 90 %) are those of a lognormal distribution with sigma 0.96; here a little less, as these file types are finer.
"""

import json
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from math import log
from operator import attrgetter
from random import Random
from typing import Any, NamedTuple

from backoffice.demo.office import Office, Person, Work
from backoffice.demo.outside import Absence, Arrival
from backoffice.demo.story import Story
from dispatch import receipts
from dispatch.matching import Candidate, EmptySlot, Fill, Hand, enough_candidates, match
from dispatch.models import Event, File, Loan, PassBack, Slot, State, Turn
from dispatch.receipts import Obstacle, Passed, Receipt, Skipped, Told
from dispatch.spread import Equal, Lot, mean_weight
from skills.models import Role, Skill, Worker

SIGMA = 0.7
LONGEST, LONGEST_LATELY = 100.0, 45.0  # minutes; today's story has one clogged bin, not several by chance
PAUSE = 5.0  # minutes between two files, mean, with the queue at its level; less with more waiting, more with less
MOST_PAUSE, LEAST_PAUSE = 4.0, 0.3  # times that
RIGHT_FIRST_TIME = 0.955
PASSED_BACK = 0.012
PASS_BACK_REASONS = (
    "Know the customer personally",
    "Language I do not read",
    "Need more practice with this kind",
    "Wrote the first answer myself",
)
FIRST_REFERENCE = 20_000
NOTHING_YET = Lot()


class Entry(NamedTuple):
    """An event, in the columns of its table."""

    team_id: int
    file_id: int | None
    kind: str
    by_id: int | None
    cause: str
    from_state: str
    to_state: str
    worker_id: int | None
    position: int | None
    at: datetime
    receipt: str | None = None  # JSON


Order = tuple[int, datetime, datetime, int]


@dataclass(eq=False)
class Desk:
    """A person at work. `plan` numbers the one thing they are going to do next, 0 is none; earlier plans are void."""

    person: Person
    team_id: int
    can_do: frozenset[int]
    slots: list[Slot]
    is_present: bool = False
    away_until: datetime | None = None
    plan: int = 0
    passed_back: set[int] = field(default_factory=set)
    lately: Lot = NOTHING_YET  # as the bin remembers it

    @property
    def worker(self) -> Worker:
        return self.person.worker

    @property
    def held(self) -> list[Slot]:
        """Filled slots, oldest first (R10)."""
        return sorted((slot for slot in self.slots if slot.file_id), key=attrgetter("filled_at", "position"))

    @property
    def in_hand(self) -> Slot | None:
        return next((slot for slot in self.slots if slot.in_hand), None)

    @property
    def empty(self) -> tuple[EmptySlot, ...]:
        return tuple(EmptySlot(slot.empty_since, slot.pk) for slot in self.slots if slot.empty_since)

    def hand(self, *, excess: float) -> Hand:
        return Hand(self.worker.pk, self.empty, self.can_do, passed_back=frozenset(self.passed_back), excess=excess)


class Past:
    """What has happened by `now`: files, events in the order of time, pass-backs, and who has what in their slots."""

    def __init__(self, office: Office, story: Story, *, now: datetime, rng: Random) -> None:
        self.files: list[File] = []
        self.events: list[Entry] = []
        self.pass_backs: list[PassBack] = []
        self.loans: list[Loan] = []  # to the front desk, all of them over
        self.desks = _desks(office)
        self._team = {
            team.pk: [desk for desk in self.desks.values() if desk.team_id == team.pk] for team in office.teams
        }
        self._office, self._story, self._now, self._rng = office, story, now, rng
        self._hours, self._book = office.hours, office.book
        self._work = {work.file_type.pk: work for work in office.work}
        self._intake = next(person.worker.pk for person in office.people if Role.ASSISTANT in person.worker.roles)
        self._manager = next(person.worker.pk for person in office.people if Role.MANAGER in person.worker.roles)
        self._waiting: dict[int, list[Order]] = {file_type: [] for file_type in self._work}
        self._queues: defaultdict[int, list[list[Order]]] = defaultdict(list)  # by team
        for pk, work in self._work.items():
            self._queues[work.file_type.team_id].append(self._waiting[pk])
        self._number: Counter[int] = Counter()  # by team
        self._agenda: list[tuple[datetime, int, Callable[..., None], Any]] = []
        self._plans = count(1)
        self._play()

    def _play(self) -> None:
        for desk in self.desks.values():
            self._plan(self._story.begins_at, self._come, desk)
        for arrival in self._story.arrivals:
            self._plan(arrival.logged_at, self._log, arrival)
        for absence in self._story.absences:
            desk = self.desks[absence.person.worker.pk]
            self._plan(absence.left_at, self._leave, (desk, absence))
            if absence.loan:
                self._plan(absence.back_at, self._come_home, (desk, absence))
            else:
                self._plan(absence.back_at, self._come, desk)
        while self._agenda and self._agenda[0][0] <= self._now:
            at, self._acting, act, what = heappop(self._agenda)
            act(at, what)

    def _plan(self, at: datetime, act: Callable[..., None], what: object) -> int:
        number = next(self._plans)
        heappush(self._agenda, (at, number, act, what))
        return number

    # Arrivals

    def _log(self, at: datetime, arrival: Arrival) -> None:
        file_type = arrival.work.file_type
        self._number[file_type.team_id] += 1
        file = File(
            pk=len(self.files) + 1,
            reference=f"{arrival.work.prefix}-{FIRST_REFERENCE + self._number[file_type.team_id]}",
            team_id=file_type.team_id,
            file_type_id=file_type.pk,
            customer_id=arrival.customer.pk,
            title=arrival.title,
            state="",
            received_at=arrival.received_at,
            logged_at=at,
            due_at=self._book.due_at(file_type, customer_id=arrival.customer.pk, received_at=arrival.received_at),
            calendar_version_id=self._book.versions[file_type.team_id],
            weight=file_type.weight,
            expedite=bool(arrival.expedite_reason),
            turn=Turn.EXPEDITE if arrival.expedite_reason else Turn.ORDINARY,
            expedite_reason=arrival.expedite_reason,
            was_passed_back=False,
            queued_at=at,
        )
        self.files.append(file)
        self._note(Event.Kind.LOGGED, file, State.WAITING, by=self._intake, at=at)
        insort(self._waiting[file.file_type_id], _order(file))
        self._wake(file.team_id, at, cause="wake-up")

    # People

    def _come(self, at: datetime, desk: Desk) -> None:
        desk.is_present, desk.away_until = True, None
        for slot in desk.slots:
            slot.empty_since = at
        self._tell(Event.Kind.BACK, desk, at=at)
        self._wake(desk.team_id, at, cause="back")

    def _leave(self, at: datetime, what: tuple[Desk, Absence]) -> None:
        desk, absence = what
        desk.is_present, desk.away_until, desk.plan = False, absence.back_at, 0
        for slot in desk.held:
            self._give_back(slot, desk, Event.Kind.RETURNED, cause=absence.note, at=at)
        if absence.loan:
            self.loans.append(self._loan(desk, absence))
            self._tell_of_loan(Event.Kind.LENT, desk, absence, by=self._manager, cause=absence.note, at=at)
        else:
            self._tell(Event.Kind.AWAY, desk, cause=absence.note, at=at)
        self._wake(desk.team_id, at, cause="wake-up")

    def _come_home(self, at: datetime, what: tuple[Desk, Absence]) -> None:
        desk, absence = what
        desk.is_present, desk.away_until = True, None
        for slot in desk.slots:
            slot.empty_since = at
        self._tell_of_loan(Event.Kind.HOME, desk, absence, at=at)
        self._wake(desk.team_id, at, cause="wake-up")

    # Work

    def _look_ahead(self, desk: Desk, at: datetime) -> None:
        """Plan to start the next file after a pause, unless something is in hand or planned already."""
        if desk.plan or desk.in_hand or not desk.held:
            return
        waiting = sum(map(len, self._queues[desk.team_id]))
        hurry = (self._office.levels[desk.team_id] / (waiting + 1)) ** 1.5
        pause = self._rng.uniform(0, 2 * PAUSE) * min(MOST_PAUSE, max(LEAST_PAUSE, hurry))
        starts_at = self._hours.add_working_time(at, timedelta(minutes=0.2 + pause))
        if desk.worker.pk != self._story.visitor or starts_at < self._story.idle_since:
            desk.plan = self._plan(starts_at, self._start, desk)

    def _start(self, at: datetime, desk: Desk) -> None:
        if desk.plan != self._acting:
            return
        slot = desk.held[0]
        slot.in_hand, slot.started_at = True, at
        file = self._file(slot)
        self._note(Event.Kind.STARTED, file, State.IN_SLOT, desk=desk, slot=slot, by=desk.worker.pk, at=at)
        touch = self._touch(self._work[file.file_type_id], at) / desk.person.pace
        act = self._finish
        if self._rng.random() < PASSED_BACK and self._others_can_do(file, desk):
            act, touch = self._pass_back, touch / 4
        ends_at = self._hours.add_working_time(at, timedelta(minutes=touch))
        if desk.worker.pk == self._story.visitor:
            ends_at = min(ends_at, self._now - timedelta(minutes=4))
        if ends_at < self._story.held_up_since.get(desk.worker.pk, self._now):
            desk.plan = self._plan(ends_at, act, desk)

    def _touch(self, work: Work, at: datetime) -> float:
        longest = LONGEST if at < self._story.lately_since else LONGEST_LATELY
        return min(longest, self._rng.lognormvariate(log(work.minutes), SIGMA))

    def _others_can_do(self, file: File, desk: Desk) -> bool:
        others = (other for other in self._team[desk.team_id] if other is not desk)
        return any(file.file_type_id in other.can_do and file.pk not in other.passed_back for other in others)

    def _finish(self, at: datetime, desk: Desk) -> None:
        slot = desk.in_hand
        if desk.plan != self._acting or slot is None:
            return
        file = self._file(slot)
        file.done_at, file.done_by_id = at, desk.worker.pk
        file.right_first_time = self._rng.random() < RIGHT_FIRST_TIME
        self._note(Event.Kind.DONE, file, State.DONE, desk=desk, slot=slot, by=desk.worker.pk, at=at)
        desk.lately = desk.lately.followed_by(file.weight)
        _empty(slot, at)
        self._go_on(desk, at, cause="done")

    def _pass_back(self, at: datetime, desk: Desk) -> None:
        slot = desk.in_hand
        if desk.plan != self._acting or slot is None:
            return
        reason = self._rng.choice(PASS_BACK_REASONS)
        file_id = self._file(slot).pk
        self.pass_backs.append(PassBack(file_id=file_id, worker=desk.worker, reason=reason, at=at))
        self._file(slot).was_passed_back = True
        desk.passed_back.add(file_id)
        self._give_back(slot, desk, Event.Kind.PASSED_BACK, cause=reason, at=at)
        self._go_on(desk, at, cause="pass back")
        self._wake(desk.team_id, at, cause="wake-up")

    def _go_on(self, desk: Desk, at: datetime, *, cause: str) -> None:
        desk.plan = 0
        self._fill([desk], at, cause=cause)
        self._look_ahead(desk, at)

    # Between queue and slots

    def _wake(self, team_id: int, at: datetime, *, cause: str) -> None:
        desks = [desk for desk in self._team[team_id] if desk.is_present and desk.empty]
        if any(self._waiting[file_type] for desk in desks for file_type in desk.can_do):
            self._fill(desks, at, cause=cause)

    def _fill(self, desks: list[Desk], at: datetime, *, cause: str) -> None:
        lots = {desk: self._lot(desk) for desk in self._team[desks[0].team_id] if desk.is_present}
        even = mean_weight(lots.values())
        hands = [desk.hand(excess=lots[desk].excess(even)) for desk in desks]
        passed_back = (self.files[pk - 1] for desk in desks for pk in desk.passed_back)
        type_of = {file.pk: file.file_type_id for file in passed_back if file.state == State.WAITING}
        wanted = enough_candidates(hands, type_of).items()
        candidates = [self._candidate(kind, order) for kind, most in wanted for order in self._waiting[kind][:most]]
        fills = match(hands, candidates, even=even)
        for fill, receipt in zip(fills, self._receipts(fills, hands, candidates, desks), strict=True):
            desk, file = self.desks[fill.worker], self.files[fill.file - 1]
            slot = next(slot for slot in desk.slots if slot.pk == fill.slot)
            waiting = self._waiting[file.file_type_id]
            del waiting[bisect_left(waiting, _order(file))]
            slot.file_id, slot.filled_at, slot.empty_since = file.pk, at, None
            self._note(
                Event.Kind.FILLED,
                file,
                State.IN_SLOT,
                desk=desk,
                slot=slot,
                cause=cause,
                at=at,
                receipt=receipt.as_json(),
            )
        for desk in desks:
            self._look_ahead(desk, at)

    def _lot(self, desk: Desk) -> Lot:
        held = [self._file(slot).weight for slot in desk.held]
        return Lot(desk.lately.files + len(held), desk.lately.weight + sum(held))

    def _candidate(self, kind: int, order: Order) -> Candidate:
        turn, due_at, received_at, pk = order
        weight = self.files[pk - 1].weight
        return Candidate(pk, kind, order, weight, Equal(due_at, received_at, weight) if turn == Turn.ORDINARY else None)

    def _receipts(
        self, fills: list[Fill], hands: list[Hand], candidates: list[Candidate], desks: list[Desk]
    ) -> list[Receipt]:
        """As a refill writes them: before the files leave the queue."""
        told = {each.file: (each, self._told(each.file)) for each in candidates}
        withheld = {
            desk.worker.pk: [
                Passed(file.file_type_id, _order(file), Skipped(file.reference, Obstacle.PASSED_BACK))
                for file in (self.files[pk - 1] for pk in desk.passed_back)
                if file.state == State.WAITING
            ]
            for desk in desks
        }
        heads = [
            Passed(kind.pk, waiting[0], self._needs(waiting[0], kind.skill, kind.least_level))
            for kind in (work.file_type for work in self._office.work)
            if kind.skill and kind.team_id == desks[0].team_id and (waiting := self._waiting[kind.pk])
        ]
        return receipts.of_fills(fills, hands, told, withheld, heads, beside={})

    def _needs(self, order: Order, skill: Skill, level: int) -> Skipped:
        return Skipped(self.files[order[-1] - 1].reference, Obstacle.SKILL, skill=skill.name, level=level)

    def _told(self, pk: int) -> Told:
        file = self.files[pk - 1]
        return Told(file.reference, file.expedite_reason, None)

    def _give_back(self, slot: Slot, desk: Desk, kind: str, *, cause: str, at: datetime) -> None:
        file = self._file(slot)
        self._note(kind, file, State.WAITING, desk=desk, slot=slot, by=desk.worker.pk, cause=cause, at=at)
        file.queued_at = at
        insort(self._waiting[file.file_type_id], _order(file))
        _empty(slot, at)

    def _file(self, slot: Slot) -> File:
        assert slot.file_id
        return self.files[slot.file_id - 1]

    # Events

    def _note(
        self,
        kind: str,
        file: File,
        state: str,
        *,
        desk: Desk | None = None,
        slot: Slot | None = None,
        by: int | None = None,
        cause: str = "",
        at: datetime,
        receipt: str | None = None,
    ) -> None:
        """The file goes into this state, and the event says so."""
        worker_id, position = (desk.worker.pk, slot.position) if desk and slot else (None, None)
        self.events.append(
            Entry(file.team_id, file.pk, kind, by, cause, file.state, state, worker_id, position, at, receipt)
        )
        file.state = state

    def _tell(self, kind: str, desk: Desk, *, cause: str = "", at: datetime) -> None:
        worker_id = desk.worker.pk
        self.events.append(Entry(desk.team_id, None, kind, worker_id, cause, "", "", worker_id, None, at))

    def _loan(self, desk: Desk, absence: Absence) -> Loan:
        start, end = absence.left_at, absence.back_at
        loan = Loan(pk=absence.loan, worker=desk.worker, from_team_id=desk.team_id, to_team=self._office.front_desk)
        loan.starts_at, loan.asked_at, loan.agreed_at, loan.started_at = start, start, start, start
        loan.ends_at, loan.ended_at, loan.reason = end, end, absence.note
        loan.asked_by_id = loan.agreed_by_id = self._manager
        return loan

    def _tell_of_loan(
        self, kind: str, desk: Desk, absence: Absence, *, by: int | None = None, cause: str = "", at: datetime
    ) -> None:
        """To both teams, as `dispatch.loans` does."""
        receipt, worker_id = json.dumps({"loan": absence.loan}), desk.worker.pk
        for team_id in (self._office.front_desk.pk, desk.team_id):
            self.events.append(Entry(team_id, None, kind, by, cause, "", "", worker_id, None, at, receipt))


def _order(file: File) -> Order:
    return file.turn, file.due_at, file.received_at, file.pk


def _empty(slot: Slot, at: datetime) -> None:
    slot.file_id, slot.filled_at, slot.in_hand, slot.started_at, slot.empty_since = None, None, False, None, at


def _desks(office: Office) -> dict[int, Desk]:
    slots: defaultdict[int, list[Slot]] = defaultdict(list)
    for slot in office.slots:
        slots[slot.bin_id].append(slot)
    desks = (
        Desk(person, person.worker.team_id, office.can_do(person), slots[person.worker.pk])
        for person in office.people
        if person.has_bin and person.worker.team_id
    )
    return {desk.worker.pk: desk for desk in desks}

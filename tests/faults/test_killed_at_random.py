"""Whatever is killed, whenever: what was answered is there, once, nothing is stuck, and work goes on by itself (R8, R9, R20).

An office is at work by HTTP: people start, finish, shelve, pass back, call for help, leave and return, others bring files. All
the while web processes, RQ workers, Valkey and PostgreSQL are killed, one or all of a kind, two kinds at once, and again as they
come back. `THREESLOT_SEED` repeats a choice of victims; the figures are shown by `pytest -s`.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from dispatch import ledger
from dispatch.models import Event, File, Slot
from dispatch.refill import hungry_teams
from dispatch.wake_ups import MARK_SECONDS
from skills.models import Role, Team
from tests import office
from tests.clicker import Day, Form, Person, next_of
from tests.faults.crowd import new_team, signed_in, started, working
from tests.servers import Run

UNSEEN = ("worker", "valkey-server")  # nobody at work notices their end
SEEN = ("web", "postgres")
KILLS = 13  # of each, and more when something is killed again as it comes back
BACK_WITHIN = 30  # seconds; a minute's pause would be a hand's
HEALED_WITHIN = 20  # the sweep comes every ten
OTHERS = ("pass-back", "shelve", "take-back", "stuck", "end", "away", "back")
EVENTS = {"done": "done", "pass-back": "passed_back", "shelve": "shelved", "stuck": "stuck", "end": "unstuck"}


class Killer:
    """Kills, and looks how long nothing is answered."""

    def __init__(self, run: Run, day: Day, chance: random.Random) -> None:
        self.run, self.day, self.chance = run, day, chance
        self.kills: Counter[str] = Counter()
        self.longest: Counter[str] = Counter()

    def round(self, *names: str) -> None:
        """These at once; now and then one again as it comes back, or before it works. Then work goes on by itself."""
        for name in names:
            self._kill(name)
        if self.chance.random() < 0.2:
            time.sleep(self.chance.uniform(0, 1.5))
            self._kill(self.chance.choice(names))
        killed_at = time.monotonic()
        self.run.until(lambda: self.day.latest > killed_at, BACK_WITHIN)
        pause = time.monotonic() - killed_at
        for name in names:
            self.longest[name] = max(self.longest[name], pause)
        time.sleep(self.chance.uniform(0, 0.5))

    def _kill(self, name: str) -> None:
        self.run.until(lambda: self.run.all_pids()[name], BACK_WITHIN)
        if self.chance.random() < 0.5:
            self.run.kill(name)
        else:
            self.run.kill_one(name, chance=self.chance)
        self.kills[name] += 1


def choice(chance: random.Random) -> Callable[[list[Form]], Form | None]:
    """Mostly what is next, now and then something else that the page offers."""

    def choose(forms: list[Form]) -> Form | None:
        others = [form for form in forms if form.verb in OTHERS]
        usual = next_of(forms) or next((form for form in others if form.verb in ("back", "end")), None)
        form = chance.choice(others) if others and chance.random() < 0.15 else usual
        return form and filled(form)

    return choose


def in_order(forms: list[Form]) -> Form | None:
    """What brings work to its end: first whatever keeps files waiting."""
    form = next((form for form in forms if form.verb in ("back", "end", "take-back")), next_of(forms))
    return form and filled(form)


def filled(form: Form) -> Form:
    if form.verb == "shelve":
        soon = timezone.now().astimezone(ZoneInfo("Europe/Paris")) + timedelta(seconds=90)
        return form.filled(reason="the bank", wake_at=f"{soon:%Y-%m-%dT%H:%M}")
    if form.verb in ("pass-back", "stuck"):
        return form.filled(reason="unclear")
    return form.filled(cause="unclear") if form.verb == "end" else form


def drawn(names: tuple[str, ...], chance: random.Random) -> Iterator[list[str]]:
    """All of them in random order, now and then two at once."""
    left = chance.sample(names, len(names))
    while left:
        taken = [left.pop()]
        if left and left[-1] != taken[0] and chance.random() < 0.2:
            taken.append(left.pop())
        yield taken


@contextmanager
def bringing(day: Day, people: list[Person], file_type: str, chance: random.Random) -> Iterator[None]:
    """Files come in about as fast as they are done, so that slots are often empty and wake-ups count."""

    def pause() -> float:
        return chance.uniform(0, 0.05) if len(day.logged) < len(day.done) + 20 else 0.3

    threads = started(partial(day.bring, pause=pause), [(person, file_type) for person in people])
    try:
        yield
    finally:
        day.closed.set()
        for thread in threads:
            thread.join()


def figures(killer: Killer, day: Day) -> str:
    lines = [f"{name:14}{times:3} kills, then {killer.longest[name]:.1f} s" for name, times in killer.kills.items()]
    acts = Counter(verb for verb, _who, _file in day.answered.elements())
    told = ", ".join(f"{number} {verb}" for verb, number in [*acts.most_common(), ("logged", len(day.logged))])
    return "\n".join(
        [
            f"{killer.kills.total()} kills; the longest until an act sent after it was answered:",
            *lines,
            f"answered: {told}; without an answer: {len(day.unanswered)}",
        ]
    )


@pytest.mark.timeout(300)  # a busy machine is no fault
def test_whatever_is_killed_whenever_nothing_is_lost_doubled_or_stuck(at_hand: Run) -> None:
    seed = int(os.environ.get("THREESLOT_SEED") or random.randrange(10**6))
    print(f"THREESLOT_SEED={seed}")
    chance = random.Random(seed)
    team = new_team(people=4, files=40)
    for name in ("Amir", "Bela"):
        office.person(name, Role.ASSISTANT)
    people, assistants = signed_in(at_hand, team), [Person(at_hand.address, name) for name in ("amir", "bela")]
    claim = team.file_types.get()

    day = Day(choose=choice(chance), pause=0.03)  # else they take the processor from whoever has to come back
    killer = Killer(at_hand, day, chance)
    with working(day, people):
        with bringing(day, assistants, claim.slug, chance):
            for names in drawn(UNSEEN * 5, chance):
                killer.round(*names)
            fallen = [line for line in at_hand.lines if " ended (" in line and "SIGKILL" not in line]
            assert (day.unanswered, fallen) == ([], [])
            for names in drawn((*SEEN * KILLS, *UNSEEN * (KILLS - 5)), chance):
                killer.round(*names)
        print(figures(killer, day))
        day.choose = in_order
        at_hand.until(lambda: day.faults or all_is_worked(team), BACK_WITHIN)

    assert not day.faults, "\n".join([*day.faults, "The office said:", *at_hand.lines])
    assert killer.kills.total() >= 50
    assert min(killer.kills[name] for name in (*SEEN, *UNSEEN)) >= 8
    everything_answered_is_there_once(team, day)
    assert ledger.balance().differences == ()
    at_hand.until(lambda: at_hand.states()[0] == 200, BACK_WITHIN)
    refills_go_on(at_hand, team)


def all_is_worked(team: Team) -> bool:
    """No file in a bin or on a shelf, and none waiting but those that everybody here passed back."""
    try:
        open_files = File.objects.filter(team=team, state__in=["in_slot", "shelved"]).exists()
        return not open_files and hungry_teams(now=timezone.now()) == []
    except DatabaseError:  # the last kill was a moment ago
        connection.close()
        return False


def everything_answered_is_there_once(team: Team, day: Day) -> None:
    """Of what had no answer, each act is there once or not at all."""
    for verb, kind in EVENTS.items():
        events = Counter(Event.objects.filter(team=team, kind=kind).values_list("by__username", "file"))
        for who, file in {key[1:] for key in day.tried if key[0] == verb} | set(events):
            act = (verb, who, file)
            assert day.answered[act] <= events[who, file] <= day.tried[act] - day.refused[act], act
    done = set(File.objects.filter(team=team, state="done").values_list("pk", flat=True))
    assert max(day.done.values()) == 1
    assert set(day.done) <= done
    assert Event.objects.filter(team=team, kind="done").count() == len(done)
    brought = Event.objects.filter(team=team, kind="logged", by__isnull=False).values_list("file__reference", flat=True)
    assert sorted(brought) == sorted(day.logged)


def refills_go_on(run: Run, team: Team) -> None:
    """Arrivals come into the empty slots: after a sweep at the latest, and by their wake-ups again when old marks have faded."""
    claim, since = team.file_types.get(), timezone.now()
    assert not team.workers.filter(is_present=False).exists()
    first = office.log(claim, 6, now=since)
    run.until(lambda: Slot.objects.filter(file__in=first).count() == 6, HEALED_WITHIN)
    time.sleep(max(0, MARK_SECONDS - (timezone.now() - since).total_seconds()))
    second = office.log(claim, 6, now=timezone.now())
    run.until(lambda: Slot.objects.filter(file__in=second).count() == 6, HEALED_WITHIN)
    assert "wake-up" in Event.objects.filter(file__in=second, kind="filled").values_list("cause", flat=True)
    assert not File.objects.filter(team=team, state="waiting", pass_backs=None).exists()

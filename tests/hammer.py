"""Many people at once: real processes that work real files to done through the verbs that the pages use.

Used by the tests, and by hand on an office that is there already:

    python -m tests.hammer --processes 4 --done 5000

    python -m tests.hammer --processes 8 --done 10000 --mischief 0.2      every write path

`make bench` strikes with it too (bench/hammer.py). It says what it did, and fails on anything but an orderly refusal: a violated
constraint, a deadlock, a bin too full.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
django.setup()

from django.db.models import Count  # noqa: E402
from django.utils import timezone  # noqa: E402

from backoffice import embedded  # noqa: E402
from dispatch import andon, flow, loans, refusals, shelf, sweep, undo  # noqa: E402
from dispatch.models import Event, File, HelpCall, Loan, ShelfPlace, Slot  # noqa: E402
from skills.models import Team, Worker  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


def work(*, done: int, seed: int, mischief: float) -> Counter[str]:
    """Act for random present people until so many files are done or nothing is left; acts by name, refusals by theirs.

    With a chance of `mischief` somebody does one of the other things that write, instead of finishing a file.
    """
    chance, acts = random.Random(seed), Counter[str]()
    idle = 0
    while acts["done"] < done and idle < 200:
        people = list(Worker.objects.filter(is_present=True, bin__slots__file__isnull=False).distinct())
        absent = list(Worker.objects.filter(is_present=False, bin__isnull=False, away_until__isnull=False))
        if absent and chance.random() < max(mischief, 0.1):
            person = chance.choice(absent)
            flow.back(person, by=person, now=timezone.now())
            acts["back"] += 1
        if not people:
            idle += 1
            time.sleep(0.01)
            continue
        idle = 0
        for person in chance.sample(people, min(20, len(people))):
            acts[_act(person, chance=chance, mischief=mischief)] += 1
        _look()
    return acts


def _act(person: Worker, *, chance: random.Random, mischief: float) -> str:
    try:
        if chance.random() < mischief:
            name = chance.choice(list(MISCHIEF))
            return name if MISCHIEF[name](person, chance) else "nothing to do"
        return "done" if _finish(person) else "nothing to do"
    except refusals.Refused as refusal:
        return type(refusal).__name__


def _look() -> None:
    """What anybody may see at any moment."""
    fullest = (
        Slot.objects.filter(file__isnull=False).values("bin").annotate(files=Count("id")).order_by("-files").first()
    )
    assert fullest is None or fullest["files"] <= 3, "a bin holds more than three files"
    shelf_of = ShelfPlace.objects.values("worker").annotate(files=Count("id")).order_by("-files").first()
    assert shelf_of is None or shelf_of["files"] <= 2, "a shelf holds more than two files"


def _in_hand(person: Worker) -> Slot | None:
    """What this person works on; the next file is started when there is none."""
    filled = Slot.objects.filter(bin=person.pk, file__isnull=False).exclude(file=flow.stuck_file(person))
    slot = filled.order_by("-in_hand", "filled_at", "position").first()
    if slot and not slot.in_hand:
        flow.start(person, slot.position, file=slot.file_id, by=person, now=timezone.now())
    return slot


def _finish(person: Worker) -> bool:
    if slot := _in_hand(person):
        flow.mark_done(person, slot.position, file=slot.file_id, by=person, now=timezone.now())
    return slot is not None


# --- Everything else that writes; each says whether there was something to do it with ----------------------------------------


def _pass_back(person: Worker, _chance: random.Random) -> bool:
    if slot := _in_hand(person):
        flow.pass_back(person, slot.position, reason="try", file=slot.file_id, by=person, now=timezone.now())
    return slot is not None


def _away(person: Worker, _chance: random.Random) -> bool:
    now = timezone.now()
    flow.away(person, note="out", until=now + timedelta(microseconds=1), by=person, now=now)
    return True


def _stuck(person: Worker, _chance: random.Random) -> bool:
    if slot := _in_hand(person):
        andon.stuck(person, slot.position, reason="what", file=slot.file_id, by=person, now=timezone.now())
    return slot is not None


def _answer(person: Worker, _chance: random.Random) -> bool:
    if call := HelpCall.objects.filter(ended_at=None, answered_at=None).order_by("?").first():
        andon.answer(call, by=person, now=timezone.now())
    return call is not None


def _end_help(person: Worker, _chance: random.Random) -> bool:
    if call := HelpCall.objects.filter(ended_at=None).order_by("?").first():
        andon.end(call, cause="form unclear", by=person, now=timezone.now())
    return call is not None


def _shelve(person: Worker, chance: random.Random) -> bool:
    now = timezone.now()
    if slot := _in_hand(person):
        wake_at = now + timedelta(seconds=chance.choice([1, 3600]))
        shelf.shelve(person, slot.position, reason="bank", wake_at=wake_at, file=slot.file_id, by=person, now=now)
    return slot is not None


def _rouse(person: Worker, _chance: random.Random) -> bool:
    if place := ShelfPlace.objects.select_related("file").order_by("?").first():
        shelf.rouse(place, by=person, now=timezone.now())
    return place is not None


def _withdraw(person: Worker, chance: random.Random) -> bool:
    if file := _some_file(chance, state__in=["waiting", "in_slot", "shelved"]):
        flow.withdraw(file, reason="cancelled", by=person, now=timezone.now())
    return file is not None


def _rework(person: Worker, chance: random.Random) -> bool:
    if file := _some_file(chance, state="done", rework_of=None):
        flow.rework(file, reason="wrong sum", by=person, now=timezone.now())
    return file is not None


def _expedite(person: Worker, chance: random.Random) -> bool:
    if file := _some_file(chance, state="waiting"):
        flow.expedite(file, reason="court", by=person, now=timezone.now())
    return file is not None


def _log(person: Worker, chance: random.Random) -> bool:
    if some := _some_file(chance):
        reference = f"H-{os.getpid()}-{chance.getrandbits(60)}"
        flow.log(reference=reference, file_type=some.file_type, by=person, now=timezone.now())
    return some is not None


def _lend(person: Worker, chance: random.Random) -> bool:
    """To any other team; whoever is lent already is refused."""
    teams = list(Team.objects.exclude(pk=person.team_id))
    if teams:
        now = timezone.now()
        until = now + timedelta(seconds=chance.choice([1, 3600]))
        loans.lend(
            person, to_team=chance.choice(teams), ends_at=until, reason="flood", is_agreed=True, by=person, now=now
        )
    return bool(teams)


def _ask_back(person: Worker, _chance: random.Random) -> bool:
    if loan := Loan.objects.filter(ended_at=None).order_by("?").first():
        loans.end(loan, by=person, now=timezone.now())
    return loan is not None


def _undo(_person: Worker, chance: random.Random) -> bool:
    latest = list(Event.objects.order_by("-pk").select_related("by", "file")[:50])
    if mine := [event for event in latest if event.by]:
        event = chance.choice(mine)
        undo.undo(event, by=event.by, now=timezone.now())
    return bool(mine)


def _sweep(_person: Worker, _chance: random.Random) -> bool:
    sweep.sweep()
    return True


def _some_file(chance: random.Random, **filters: object) -> File | None:
    files = File.objects.filter(**filters).order_by("pk")
    number = chance.randrange(min(files.count(), 500) or 1)
    return files[number : number + 1].first()  # there may be fewer by now


MISCHIEF: dict[str, Callable[[Worker, random.Random], bool]] = {
    "pass back": _pass_back,
    "away": _away,
    "stuck": _stuck,
    "answer": _answer,
    "end help": _end_help,
    "shelve": _shelve,
    "rouse": _rouse,
    "withdraw": _withdraw,
    "rework": _rework,
    "expedite": _expedite,
    "log": _log,
    "lend": _lend,
    "ask back": _ask_back,
    "undo": _undo,
    "sweep": _sweep,
}
WRITES = ("done", "back", *MISCHIEF)


def hammer(
    *, processes: int, done: int, mischief: float = 0.0, environment: dict[str, str] | None = None
) -> Counter[str]:
    """`done` files worked by so many processes at once; raises when one of them fails."""
    acts, failed = strike(processes=processes, done=done, mischief=mischief, environment=environment)
    assert not failed, "\n".join(failed)
    return acts


def strike(
    *, processes: int, done: int, mischief: float, environment: dict[str, str] | None = None
) -> tuple[Counter[str], list[str]]:
    """As `hammer`; the acts, and what those processes told that were ended by anything but an orderly refusal."""
    each = -(-done // processes)
    command = [sys.executable, "-m", "tests.hammer", f"--mischief={mischief}", f"--done={each}", "--seed"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [
        subprocess.Popen([*command, str(seed)], cwd=ROOT, env=os.environ | (environment or {}), **pipes)
        for seed in range(1, processes + 1)
    ]
    answers = [(process.communicate(timeout=1800), process.returncode) for process in running]
    failed = [told for (_answer, told), code in answers if code]
    return sum((Counter(json.loads(answer)) for (answer, _told), code in answers if not code), Counter()), failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int)
    parser.add_argument("--done", type=int, default=1000)
    parser.add_argument("--mischief", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    with embedded.servers():
        if wanted.processes:
            began = time.monotonic()
            acts = hammer(processes=wanted.processes, done=wanted.done, mischief=wanted.mischief)
            sys.stdout.write(f"{json.dumps(acts)} in {time.monotonic() - began:.1f} s\n")
        else:
            sys.stdout.write(json.dumps(work(done=wanted.done, seed=wanted.seed, mischief=wanted.mischief)))


if __name__ == "__main__":
    main()

"""Many people at once: real processes that work real files to done through the verbs that the pages use.

Used by the tests, and by hand on an office that is there already:

    python -m tests.hammer --processes 4 --done 5000

It says what it did, and fails on anything but an orderly refusal: a violated constraint, a deadlock, a bin too full.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
django.setup()

from django.db.models import Count  # noqa: E402
from django.utils import timezone  # noqa: E402

from backoffice import embedded  # noqa: E402
from dispatch import flow  # noqa: E402
from dispatch.models import Slot  # noqa: E402
from skills.models import Worker  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


def work(*, done: int, seed: int, mischief: float) -> Counter[str]:
    """Act for random present people until so many files are done or nothing is left; acts by name.

    With a chance of `mischief` a person passes back, or goes away and another time comes back, instead of finishing.
    """
    chance, acts = random.Random(seed), Counter[str]()
    idle = 0
    while acts["done"] < done and idle < 200:
        people = list(Worker.objects.filter(is_present=True, bin__slots__file__isnull=False).distinct())
        absent = list(Worker.objects.filter(is_present=False, bin__isnull=False, away_until__isnull=False))
        if absent and chance.random() < mischief:
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
        fullest = (
            Slot.objects.filter(file__isnull=False).values("bin").annotate(files=Count("id")).order_by("-files").first()
        )
        assert fullest is None or fullest["files"] <= 3, "a bin holds more than three files"
    return acts


def _act(person: Worker, *, chance: random.Random, mischief: float) -> str:
    slot = Slot.objects.filter(bin=person.pk, file__isnull=False).order_by("-in_hand", "filled_at", "position").first()
    if slot is None:
        return "nothing to do"
    try:
        if chance.random() < mischief:
            if chance.random() < 0.3:
                flow.away(person, note="out", until=timezone.now(), by=person, now=timezone.now())
                return "away"
            flow.pass_back(person, slot.position, reason="try", file=slot.file_id, by=person, now=timezone.now())
            return "pass back"
        if not slot.in_hand:
            flow.start(person, slot.position, file=slot.file_id, by=person, now=timezone.now())
        flow.mark_done(person, slot.position, file=slot.file_id, by=person, now=timezone.now())
        return "done"
    except flow.Refused as refusal:
        return type(refusal).__name__


def hammer(
    *, processes: int, done: int, mischief: float = 0.0, environment: dict[str, str] | None = None
) -> Counter[str]:
    """`done` files worked by so many processes at once; raises when one of them fails."""
    each = -(-done // processes)
    command = [sys.executable, "-m", "tests.hammer", f"--mischief={mischief}", f"--done={each}", "--seed"]
    running = [
        subprocess.Popen(
            [*command, str(seed)], cwd=ROOT, env=os.environ | (environment or {}), stdout=subprocess.PIPE, text=True
        )
        for seed in range(1, processes + 1)
    ]
    answers = [process.communicate(timeout=600)[0] for process in running]
    assert not any(process.returncode for process in running), answers
    return sum((Counter(json.loads(answer)) for answer in answers), Counter())


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

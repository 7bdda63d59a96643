"""R19: what a receipt claims is recounted here the slow way, over random offices, for one slot and for many at once."""

import json
from datetime import timedelta
from random import Random

import pytest

from dispatch import flow, receipts
from dispatch.models import Event, File, FileType, PassBack, Queue, Slot, State, Turn
from dispatch.receipts import Obstacle, Skipped, Why
from dispatch.refill import refill
from skills.models import Competence, Level
from tests import office
from tests.office import NOW

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=5)


def receipt_of(worker, position=1):
    event = Event.objects.filter(kind="filled", worker=worker, position=position).order_by("pk").last()
    return receipts.read(event.receipt)


def read_by(worker, position=1):
    receipt = receipt_of(worker, position)
    return receipt.words(receipts.names_in([receipt]))


def order_of(file):
    return file.turn, file.due_at, file.received_at, file.pk


# --- What a person reads


def test_r19_earliest_promise_and_the_older_one_that_needs_a_skill(team):
    hull = office.log(office.file_type("Hull", team, needs="marine"), received_at=NOW - timedelta(days=3))[0]
    office.log(office.file_type("Claim", team))
    ada = office.worker("Ada", team)
    assert read_by(ada) == (
        f"earliest promise among those you can do. {hull.reference} comes earlier but needs marine, U."
    )


def test_r19_passed_back_by_you(team):
    files = office.log(office.file_type("Claim", team), 4)
    ada = office.worker("Ada", team)
    flow.pass_back(ada, 1, reason="I know the claimant", by=ada, now=NOW)
    assert receipt_of(ada).skipped == (Skipped(files[0].reference, Obstacle.PASSED_BACK),)
    assert "you passed it back" in read_by(ada)


def test_r19_kept_for_another_and_kept_for_you(team):
    Queue.objects.update(bin_size=1)
    ada, ben = office.worker("Ada Lund", team), office.worker("Ben", team)
    woken, other = office.log(office.file_type("Claim", team), 2)
    File.objects.filter(pk=woken.pk).update(turn=Turn.WOKEN, kept_for=ada, kept_until=LATER)
    refill(team.pk, now=NOW)
    assert receipt_of(ada).why == Why.KEPT
    assert receipt_of(ben).skipped == (Skipped(woken.reference, Obstacle.KEPT, worker=ada.pk),)
    assert f"{woken.reference} comes earlier but is kept for Ada L." in read_by(ben)
    assert office.in_bin(ben) == [other.reference]


def test_r19_expedited_gives_the_reason(team):
    office.log(office.file_type("Claim", team), expedite_reason="court date tomorrow")
    assert read_by(office.worker("Ada", team)) == "expedited: court date tomorrow."


def test_r19_together_says_who_got_the_earlier_one(team):
    Queue.objects.update(bin_size=1)
    ada, ben = office.worker("Ada", team), office.worker("Ben", team)
    first, _second = office.log(office.file_type("Claim", team), 2)
    refill(team.pk, now=NOW)
    [(mine, other)] = [
        (each, them) for each, them in ((ada, ben), (ben, ada)) if first.reference in office.in_bin(them)
    ]
    assert receipt_of(mine).skipped == (Skipped(first.reference, Obstacle.GIVEN, worker=other.pk),)
    assert receipt_of(mine).why == Why.TOGETHER


def test_r19_names_at_most_five(team):
    for number in range(7):
        hull = office.file_type(f"Hull {number}", team, needs=f"marine-{number}")
        office.log(hull, 20, received_at=NOW - timedelta(days=7))
    office.log(office.file_type("Claim", team), 4)
    ada = office.worker("Ada", team)
    receipt = receipt_of(ada)
    assert (len(receipt.skipped), receipt.more) == (5, True)
    assert "Others that come earlier" in read_by(ada)


def test_r19_what_no_longer_fits_into_the_day(team):
    Queue.objects.update(last_minutes=60)
    long = office.log(office.file_type("Long", team), received_at=NOW - timedelta(days=3))[0]
    short = office.file_type("Short", team)
    FileType.objects.filter(pk=short.pk).update(usual_minutes=10)
    office.log(short)
    ada = office.worker("Ada", team, present=False)
    flow.back(ada, by=ada, now=NOW.replace(hour=16, minute=30))  # 17:30 in Paris
    assert receipt_of(ada).skipped == (Skipped(long.reference, Obstacle.TIME),)


# --- Recounted


def random_office(team, *, rng, people):
    skills = ["marine", "cargo", "fleet"]
    types = [office.file_type("Claim", team)] + [
        office.file_type(f"{name} {least}", team, needs=name, at_least=least) for name in skills for least in "LO"
    ]
    workers = [
        office.worker(f"P{number}", team, **{name: rng.choice("ILUO") for name in skills if rng.random() < 0.6})
        for number in range(people)
    ]
    files = [
        office.log(rng.choice(types), received_at=NOW - timedelta(days=rng.randrange(9), minutes=rng.randrange(99)))[0]
        for _ in range(30)
    ]
    for file in rng.sample(files, 8):
        office.was_passed_back(file, rng.choice(workers))
    for file in rng.sample(files, 4):
        kept = {"kept_for": rng.choice(workers), "kept_until": NOW + timedelta(minutes=rng.choice([-1, 60]))}
        File.objects.filter(pk=file.pk).update(turn=Turn.WOKEN, **kept)
    for file in rng.sample(files, 2):
        File.objects.filter(pk=file.pk).update(turn=Turn.EXPEDITE, expedite=True, expedite_reason="asked for")
    return workers


def can_do(worker, file_type):
    if file_type.is_open:
        return True
    level = Competence.objects.filter(worker=worker, skill=file_type.skill).values_list("level", flat=True).first()
    return level is not None and level >= file_type.least_level


def recount(worker, chosen, waiting, given):
    """What the receipt has to say: the files that waited before the refill, in order, and who got which in it."""
    heads, skipped = set(), []
    for file in sorted(waiting, key=order_of):
        if order_of(file) >= order_of(chosen):
            break
        kind = file.file_type
        if not can_do(worker, kind):
            if kind.pk not in heads:
                need = {"skill": kind.skill.name, "level": kind.least_level}
                skipped.append(Skipped(file.reference, Obstacle.SKILL, **need))
            heads.add(kind.pk)
        elif PassBack.objects.filter(file=file, worker=worker).exists():
            skipped.append(Skipped(file.reference, Obstacle.PASSED_BACK))
        elif file.kept_for_id not in (None, worker.pk) and file.kept_until > NOW:
            skipped.append(Skipped(file.reference, Obstacle.KEPT, worker=file.kept_for_id))
        else:
            assert file.pk in given, f"{file.reference} came earlier, {worker} can do it, and it goes on waiting"
            if given[file.pk] != worker.pk:
                skipped.append(Skipped(file.reference, Obstacle.GIVEN, worker=given[file.pk]))
    return skipped


def check_receipts_of(act):
    """Do it, and hold every receipt it wrote against the recount; their number."""
    waiting = list(File.objects.filter(state=State.WAITING).select_related("file_type__skill"))
    last = Event.objects.order_by("pk").last().pk
    act()
    filled = list(Event.objects.filter(pk__gt=last, kind="filled").select_related("file", "worker"))
    given = {event.file_id: event.worker_id for event in filled}
    for event in filled:
        receipt, chosen = receipts.read(event.receipt), next(each for each in waiting if each.pk == event.file_id)
        skipped = recount(event.worker, chosen, waiting, given)
        assert list(receipt.skipped) == skipped[:5]
        assert receipt.more == (len(skipped) > 5)
        assert (receipt.why == Why.EXPEDITED) == chosen.expedite
        assert (receipt.why == Why.KEPT) == (chosen.turn == Turn.WOKEN and chosen.kept_for_id == event.worker_id)
        assert receipt.words(receipts.names_in([receipt]))
    return len(filled)


@pytest.mark.parametrize("seed", range(12))
def test_r19_receipts_of_many_slots_hold_against_a_recount(team, seed):
    rng = Random(seed)
    random_office(team, rng=rng, people=4)
    assert check_receipts_of(lambda: refill(team.pk, now=NOW)) > 1


@pytest.mark.parametrize("seed", range(12))
def test_r19_receipts_of_one_slot_hold_against_a_recount(team, seed):
    rng = Random(seed)
    workers = random_office(team, rng=rng, people=3)
    refill(team.pk, now=NOW)
    written = 0
    for _ in range(12):
        worker = rng.choice(workers)
        slot = Slot.objects.filter(bin=worker.pk, file__isnull=False).order_by("filled_at", "position").first()
        if slot:
            flow.start(worker, slot.position, by=worker, now=NOW)
            written += check_receipts_of(
                lambda worker=worker, slot=slot: flow.mark_done(worker, slot.position, by=worker, now=NOW)
            )
    assert written


def test_r19_every_refill_keeps_one_and_reads_the_same_again(team):
    office.log(office.file_type("Hull", team, needs="marine"), 2, received_at=NOW - timedelta(days=3))
    office.log(office.file_type("Claim", team), 6)
    ada = office.worker("Ada", team)
    flow.start(ada, 1, by=ada, now=NOW)
    flow.mark_done(ada, 1, by=ada, now=NOW)
    events = list(Event.objects.filter(kind="filled"))
    assert len(events) == 4
    for event in events:
        receipt = receipts.read(event.receipt)
        assert receipts.read(json.loads(receipt.as_json())) == receipt
        assert receipt.skipped[0].level == Level.U

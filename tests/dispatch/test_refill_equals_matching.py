"""One empty slot, two ways (R3 to R7, R13, R14, R16): the SQL that done uses gives just what the pure matching gives."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch import moves
from dispatch.matching import Candidate, EmptySlot, Hand, match
from dispatch.models import Bin, File, FileType, PassBack, Queue, Turn
from dispatch.refill import first_doable
from dispatch.spread import Equal
from skills.models import Level, Worker
from tests import office
from tests.office import NOW

LEVELS = st.sampled_from(["", "I", "L", "U", "O"])
FILE = st.fixed_dictionaries(
    {
        "kind": st.integers(0, 3),
        "days_ago": st.integers(0, 3),
        "minutes_ago": st.sampled_from([0, 10, 45, 61, 90]),
        "weight": st.sampled_from([1, 1, 2, 5]),
        "urgent": st.sampled_from([False, False, False, True]),
        "woken": st.booleans(),
        "passed_back_by": st.sets(st.integers(0, 1)),
        "kept_for": st.sampled_from([None, None, 0, 1]),
        "kept_minutes": st.sampled_from([-1, 0, 1]),
    }
)


@pytest.mark.django_db
@settings(max_examples=100, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))
@given(
    files=st.lists(FILE, max_size=9),
    levels=st.tuples(LEVELS, LEVELS),
    least=st.sampled_from("ILUO"),
    minutes_left=st.sampled_from([None, 5, 15, 25]),
    present=st.booleans(),
    lately=st.tuples(*[st.lists(st.integers(1, 5), max_size=6)] * 2),
)
def test_first_doable_is_the_matching_of_one_slot(
    files: list[dict[str, Any]],
    levels: tuple[str, str],
    least: str,
    minutes_left: int | None,
    present: bool,
    lately: tuple[list[int], list[int]],
) -> None:
    with transaction.atomic():
        compare(files, levels, least=least, minutes_left=minutes_left, present=present, lately=lately)
        transaction.set_rollback(True)


def compare(
    files: list[dict[str, Any]],
    levels: tuple[str, str],
    *,
    least: str,
    minutes_left: int | None,
    present: bool,
    lately: tuple[list[int], list[int]],
) -> None:
    last_minutes = 30 if minutes_left else 0
    team = office.team(expedite_limit=99, last_minutes=last_minutes)
    kinds = [
        office.file_type("Claim", team),
        office.file_type("Hull", team, needs="marine", at_least=least),
        office.file_type("Cargo", team, needs="cargo"),
        office.file_type("Quick", team),
    ]
    FileType.objects.filter(name="Quick").update(usual_minutes=15)
    now = NOW.astimezone(ZoneInfo("Europe/Paris")).replace(hour=18) - timedelta(minutes=minutes_left or 300)
    skills = {name: level for name, level in zip(("marine", "cargo"), levels, strict=True) if level}
    ada = office.worker("Ada", team, present=False, **skills)
    ben = office.worker("Ben", team, present=False)
    Worker.objects.filter(pk=ada.pk).update(is_present=present)
    Worker.objects.filter(pk=ben.pk).update(is_present=True)
    for who, weights in zip((ada, ben), lately, strict=True):
        Bin.objects.filter(pk=who.pk).update(lately_files=len(weights), lately_weight=sum(weights))

    for plan in files:
        [file] = office.log(
            kinds[plan["kind"]],
            now=now,
            received_at=now - timedelta(days=plan["days_ago"], minutes=plan["minutes_ago"]),
            expedite_reason="court" if plan["urgent"] else "",
        )
        kept = (ada, ben)[plan["kept_for"]] if plan["kept_for"] is not None else None
        File.objects.filter(pk=file.pk).update(
            turn=0 if plan["urgent"] else 1 if plan["woken"] else 2,
            kept_for=kept,
            kept_until=now + timedelta(minutes=plan["kept_minutes"]) if kept else None,
            weight=plan["weight"],
        )
        for who in plan["passed_back_by"]:
            office.was_passed_back(file, (ada, ben)[who])

    fits = {"Claim", "Hull", "Cargo", "Quick"}
    if minutes_left is not None and minutes_left < last_minutes:
        fits = {"Quick"} if minutes_left >= 15 else set()
    can_do = {
        kind.pk
        for kind in kinds
        if present
        and kind.name in fits
        and (kind.is_open or (skills.get(kind.skill.name) and Level[skills[kind.skill.name]] >= kind.least_level))
    }
    waiting = list(File.objects.filter(state="waiting"))
    withheld = set(PassBack.objects.filter(worker=ada).values_list("file", flat=True))
    withheld |= {f.pk for f in waiting if f.kept_for_id not in (None, ada.pk) and f.kept_until > now}
    here = [weight for weights in (lately if present else lately[1:]) for weight in weights]
    even = sum(here) / len(here) if here else 1.0
    excess = sum(lately[0]) - len(lately[0]) * even
    hand = Hand(ada.pk, (EmptySlot(now, 1),), frozenset(can_do), frozenset(withheld), excess=excess)
    candidates = [
        Candidate(
            f.pk,
            f.file_type_id,
            (f.turn, f.due_at, f.received_at, f.pk),
            f.weight,
            Equal(f.due_at, f.received_at, f.weight) if f.turn == Turn.ORDINARY else None,
        )
        for f in waiting
    ]
    expected = [fill.file for fill in match([hand], candidates, even=even)]

    terms = moves.take(team.pk)
    assert terms.last_minutes == Queue.objects.get(team=team).last_minutes == last_minutes
    found = first_doable(ada.pk, terms=terms, now=now)
    assert ([] if found is None else [found.file]) == expected

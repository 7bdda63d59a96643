"""The verbs, each rule named by its number in the product's design."""

from datetime import timedelta
from itertools import count

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dispatch import flow, refusals
from dispatch.models import Event, File, PassBack, Queue, Slot, State
from dispatch.refill import refill
from skills.models import Competence, Worker
from tests import office
from tests.office import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books_balance")]


def first_slot(worker):
    return Slot.objects.filter(bin=worker.pk, file__isnull=False).order_by("filled_at", "position").first()


def work_one(worker, *, ends=count(1)):
    """Each file takes a minute, so that the slots have an order of age."""
    slot, now = first_slot(worker), NOW + timedelta(minutes=next(ends))
    flow.start(worker, slot.position, by=worker, now=now)
    flow.mark_done(worker, slot.position, by=worker, now=now)


def test_r3_order_is_expedites_then_promise_then_receipt(team):
    claim = office.file_type("Claim", team)
    late, early = (
        office.log(claim, received_at=NOW)[0],
        office.log(claim, received_at=NOW - timedelta(days=7))[0],
    )
    later_the_same_day = office.log(claim, received_at=NOW - timedelta(days=7, minutes=-1))[0]
    urgent = office.log(claim, received_at=NOW, expedite_reason="court date tomorrow")[0]
    ada = office.worker("Ada", team)
    order = []
    while first_slot(ada):
        order.append(first_slot(ada).file.reference)
        work_one(ada)
    assert order == [file.reference for file in (urgent, early, later_the_same_day, late)]


def test_r3_expedites_are_bounded_per_team(team):
    claim = office.file_type("Claim", team)
    office.log(claim, 3, expedite_reason="asked for")
    with pytest.raises(refusals.ExpediteLimitReached, match="3 expedites"):
        office.log(claim, expedite_reason="one too many")
    assert File.objects.count() == 3


@pytest.mark.parametrize(
    ("level", "least", "may"),
    [
        ("I", "L", False),
        ("L", "L", True),
        ("L", "U", False),
        ("U", "U", True),
        ("O", "U", True),
    ],
)
def test_r4_specialised_files_need_the_level(team, level, least, may):
    office.log(office.file_type("Hull", team, needs="marine", at_least=least))
    assert any(office.in_bin(office.worker("Ada", team, marine=level))) == may


def test_r4_what_is_not_configured_is_closed(team):
    hull = office.file_type("Hull", team, needs="marine")
    office.file_type("Claim", team)
    office.log(hull)
    other_team = office.team("Priority")
    no_skill = office.worker("No Skill", team, cargo="O")
    wrong_team = office.worker("Wrong Team", other_team, marine="O")
    absent = office.worker("Not Here", team, present=False, marine="O")
    no_role = office.worker("No Role", team, marine="O", present=False)
    Worker.objects.filter(pk=no_role.pk).update(roles=[], is_present=True)
    no_bin = office.person("No Bin", "worker", team=team)
    Worker.objects.filter(pk=no_bin.pk).update(is_present=True)
    Competence.objects.create(worker=no_bin, skill=office.skill("marine"), level=4)
    assert refill(team.pk, now=NOW) == 0
    assert refill(other_team.pk, now=NOW) == 0
    assert not any(slot.file for slot in Slot.objects.all())
    assert not any(any(office.in_bin(each)) for each in (no_skill, wrong_team, absent))


def test_r5_a_head_of_the_queue_that_nobody_can_do_blocks_nobody(team):
    office.log(
        office.file_type("Hull", team, needs="marine"),
        150,
        received_at=NOW - timedelta(days=30),
    )
    doable = office.log(office.file_type("Claim", team), 3)
    assert office.in_bin(office.worker("Ada", team)) == [file.reference for file in doable]


def test_r6_scarce_people_are_kept_for_scarce_files(team):
    """Ada can do both, Ben only claims; the claim is first in order, and still both files find a slot."""
    Queue.objects.filter(team=team).update(bin_size=1)
    ada = office.worker("Ada", team, marine="U")
    ben = office.worker("Ben", team)
    claim = office.log(office.file_type("Claim", team), received_at=NOW - timedelta(days=9))[0]
    hull = office.log(office.file_type("Hull", team, needs="marine"))[0]
    assert refill(team.pk, now=NOW) == 2
    assert (office.in_bin(ada), office.in_bin(ben)) == (
        [hull.reference],
        [claim.reference],
    )


def test_r6_ties_go_to_whoever_waited_longest(team):
    ada, ben = office.worker("Ada", team), office.worker("Ben", team)
    Slot.objects.filter(bin=ben.pk).update(empty_since=NOW - timedelta(minutes=5))
    file = office.log(office.file_type("Claim", team))[0]
    refill(team.pk, now=NOW)
    assert office.in_bin(ben) == [file.reference, "", ""]
    assert office.in_bin(ada) == ["", "", ""]


def test_r8_done_frees_and_refills_at_once(team):
    files = office.log(office.file_type("Claim", team), 4)
    ada = office.worker("Ada", team)
    work_one(ada)
    assert office.in_bin(ada) == [
        files[3].reference,
        files[1].reference,
        files[2].reference,
    ]
    done = File.objects.get(pk=files[0].pk)
    assert (done.state, done.done_by, done.done_at, done.right_first_time) == (
        State.DONE,
        ada,
        done.done_at,
        True,
    )
    assert office.story(done) == ["logged", "filled", "started", "done"]


def test_r10_the_oldest_is_next_and_one_is_in_hand(team):
    office.log(office.file_type("Claim", team), 3)
    ada = office.worker("Ada", team)
    with pytest.raises(refusals.NotNext):
        flow.start(ada, 2, by=ada, now=NOW)
    with pytest.raises(refusals.NotInHand):
        flow.mark_done(ada, 1, by=ada, now=NOW)
    flow.start(ada, 1, by=ada, now=NOW)
    with pytest.raises(refusals.AnotherInHand):
        flow.start(ada, 2, by=ada, now=NOW)
    flow.start(ada, 1, by=ada, now=NOW)  # a second click
    assert Event.objects.filter(kind="started").count() == 1
    flow.pass_back(ada, 1, reason="not mine", by=ada, now=NOW)
    flow.start(ada, 2, by=ada, now=NOW)


def test_r11_done_asks_for_the_checklist(team):
    claim = office.file_type("Claim", team, checklist=("Account confirmed", "Amount agrees"))
    office.log(claim)
    ada = office.worker("Ada", team)
    flow.start(ada, 1, by=ada, now=NOW)
    account, amount = claim.checklist.values_list("pk", flat=True)
    with pytest.raises(refusals.ChecklistOpen, match="Amount agrees"):
        flow.mark_done(ada, 1, confirmed=[account], by=ada, now=NOW)
    flow.mark_done(ada, 1, confirmed=[account, amount], right_first_time=False, by=ada, now=NOW)
    assert File.objects.get().right_first_time is False


def test_r14_passed_back_keeps_its_place_and_never_comes_back_to_the_same_person(team):
    files = office.log(office.file_type("Claim", team), 5)
    ada = office.worker("Ada", team)
    flow.pass_back(ada, 1, reason="I know the claimant", by=ada, now=NOW)
    assert files[0].reference not in office.in_bin(ada)
    assert PassBack.objects.get().reason == "I know the claimant"
    ben = office.worker("Ben", team)
    assert office.in_bin(ben)[0] == files[0].reference
    for _ in range(3):
        work_one(ada)
    flow.away(ben, by=ben, now=NOW)
    refill(team.pk, now=NOW)
    assert files[0].reference not in office.in_bin(ada)
    assert File.objects.get(pk=files[0].pk).state == State.WAITING


def test_r14_needs_a_reason(team):
    office.log(office.file_type("Claim", team))
    ada = office.worker("Ada", team)
    with pytest.raises(refusals.ReasonMissing):
        flow.pass_back(ada, 1, reason="  ", by=ada, now=NOW)


def test_r15_away_returns_every_file_to_its_place_with_the_note(team):
    files = office.log(office.file_type("Claim", team), 4)
    ada = office.worker("Ada", team)
    flow.start(ada, 1, by=ada, now=NOW)
    flow.away(
        ada,
        note="account is confirmed already",
        until=NOW + timedelta(hours=3),
        by=ada,
        now=NOW,
    )
    assert office.in_bin(ada) == ["", "", ""]
    assert File.objects.filter(state=State.WAITING).count() == 4
    returned = Event.objects.filter(kind="returned", file=files[0]).get()
    assert (returned.cause, returned.by) == ("account is confirmed already", ada)
    ben = office.worker("Ben", team)
    assert office.in_bin(ben) == [file.reference for file in files[:3]]
    ada.refresh_from_db()
    flow.back(ada, by=ada, now=NOW)
    assert office.in_bin(ada) == [files[3].reference, "", ""]


def test_away_and_back_twice_are_told_once(team):
    ada = office.worker("Ada", team)
    for _ in range(2):
        flow.away(ada, by=ada, now=NOW)
    for _ in range(2):
        flow.back(ada, by=ada, now=NOW)
    assert list(Event.objects.order_by("id").values_list("kind", flat=True)) == [
        "back",
        "away",
        "back",
    ]


def test_a_slot_that_holds_another_file_than_the_page_showed_is_left_alone(team):
    shown, following = office.log(office.file_type("Claim", team), 4)[::3]
    ada = office.worker("Ada", team)
    flow.pass_back(ada, 1, reason="not mine", file=shown.pk, by=ada, now=NOW)
    with pytest.raises(refusals.SlotChanged):
        flow.pass_back(ada, 1, reason="not mine", file=shown.pk, by=ada, now=NOW)
    assert office.in_bin(ada)[0] == following.reference


def test_the_same_reference_and_content_again_is_the_same_file(team):
    claim = office.file_type("Claim", team)
    terms = {"reference": "CL-1", "file_type": claim, "by": None, "now": NOW}
    first, is_new = flow.log(**terms)
    again, is_new_again = flow.log(**terms)
    assert (first, is_new, is_new_again) == (again, True, False)
    with pytest.raises(refusals.ReferenceTaken, match="CL-1"):
        flow.log(**terms, title="Something else")
    assert Event.objects.count() == 1


def test_a_smaller_bin_lets_files_finish_and_then_closes_the_slot(team):
    office.log(office.file_type("Claim", team), 6)
    ada = office.worker("Ada", team)
    Queue.objects.filter(team=team).update(bin_size=2)
    flow.open_bins(team.pk, now=NOW)
    assert len([each for each in office.in_bin(ada) if each]) == 3
    work_one(ada)
    work_one(ada)
    work_one(ada)
    flow.open_bins(team.pk, now=NOW)
    assert len(office.in_bin(ada)) == 2
    assert all(office.in_bin(ada))


def test_done_and_refill_take_as_many_statements_at_any_length(team):
    claim = office.file_type("Claim", team)
    office.log(claim, 8)
    ada = office.worker("Ada", team)

    def statements():
        position = first_slot(ada).position
        flow.start(ada, position, by=ada, now=NOW)
        with CaptureQueriesContext(connection) as captured:
            flow.mark_done(ada, position, confirmed=[], by=ada, now=NOW)
        return [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]

    few = statements()
    office.log(claim, 200)
    assert len(few) == len(statements()) == 4

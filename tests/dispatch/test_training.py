"""The training plan: what hurts most comes first and says why, pairs are proposed with sense, planned and ended by who may."""

from datetime import timedelta

import pytest
import time_machine

from dispatch import flow, levels, pairings, training
from dispatch.models import Slot
from dispatch.refill import refill
from skills.models import Competence, Level, Pairing, Worker
from tests import office
from tests.desk import text
from tests.office import NOW

pytestmark = pytest.mark.django_db
AT = "/skills/settlements/plan/"


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def team():
    return office.team()


@pytest.fixture
def lea(team):
    return office.person("Lea", "leader", leads=team)


@pytest.fixture
def page(client, lea):
    client.force_login(lea)
    return client


def gaps(team, reader):
    return {gap.column.skill.name: gap for gap in training.plan(team, reader=reader, now=NOW).gaps}


def pairs(gap):
    return [(pair.learner.name, pair.teacher.name) for pair in gap.pairs]


def test_what_hurts_most_comes_first_with_its_reasons(team, lea):
    for name in ("alone", "covered", "lost", "missing"):
        office.file_type(name.title(), team, needs=name)
    office.worker("Ada", team, alone="U", covered="U", missing="U")
    office.worker("Ben", team, covered="O", missing="U")
    levels.set_target(team, office.skill("missing"), people=4, by=lea, now=NOW)
    office.log(team.file_types.get(name="Lost"), 3)
    found = gaps(team, lea)
    assert list(found) == ["lost", "alone", "missing"]
    assert found["lost"].reasons == (
        "3 files wait that nobody here can do before their promise",
        "nobody can do it alone",
    )
    assert found["alone"].reasons == ("only one person can do it alone",)
    assert found["missing"].reasons == ("the target is 4, 2 can do it alone",)


def test_nobody_here_today_is_a_reason(team, lea):
    office.file_type("Hull", team, needs="marine")
    for name in ("Ada", "Ben"):
        office.worker(name, team, present=False, marine="U")
    assert gaps(team, lea)["marine"].reasons == ("nobody who can do it alone is here today",)


def test_files_that_waited_longer_than_all_others_yesterday_are_a_reason(team, lea):
    """Means of the team by skill, in working time, of what was finished on the last working day."""
    yesterday = NOW - timedelta(days=1)
    hull, claim = office.file_type("Hull", team, needs="marine"), office.file_type("Claim", team)
    ada = office.worker("Ada", team, present=False, marine="U")
    office.worker("Ben", team, marine="U")
    office.log(hull, 1, now=yesterday, received_at=yesterday - timedelta(hours=1))
    office.log(claim, 2, now=yesterday)
    flow.back(ada, by=ada, now=yesterday)
    for _ in range(3):
        flow.start(ada, office.next_position(ada), by=ada, now=yesterday)
        position = Slot.objects.get(bin=ada.pk, in_hand=True).position
        flow.mark_done(ada, position, by=ada, now=yesterday + timedelta(minutes=1))
    assert gaps(team, lea)["marine"].reasons == (
        "its files waited 1.0 working hours for a slot on the last working day, all files 0.3",
    )


@pytest.mark.parametrize(
    ("people", "proposed"),
    [
        ({"Olga": "O", "Ina": "I", "Lou": "L"}, [("Lou", "Olga"), ("Ina", "Olga")]),
        ({"Olga": "O"}, "Nobody has begun"),
        ({"Lou": "L"}, "Nobody in the team can teach"),
    ],
)
def test_who_is_nearest_learns_from_who_can_teach(team, lea, people, proposed):
    office.file_type("Hull", team, needs="marine")
    for name, level in people.items():
        office.worker(name, team, marine=level)
    gap = gaps(team, lea)["marine"]
    assert (pairs(gap) == proposed) if isinstance(proposed, list) else gap.why_no_pair.startswith(proposed)


def test_the_teacher_is_one_who_is_here_and_the_learner_has_room(team, lea):
    office.file_type("Hull", team, needs="marine")
    levels.set_target(team, office.skill("marine"), people=5, by=lea, now=NOW)
    office.worker("Abe", team, present=False, marine="O")
    zoe, lou = office.worker("Zoe", team, marine="O"), office.worker("Lou", team, marine="L", cargo="I")
    office.worker("Tom", team, cargo="O")
    assert pairs(gaps(team, lea)["marine"]) == [("Lou", "Zoe")]
    tom = Worker.objects.get(username="tom")
    until = NOW + timedelta(days=9)
    pairings.plan(lou, tom, office.skill("cargo"), starts_at=NOW, ends_at=until, by=lea, now=NOW)
    gap = gaps(team, lea)["marine"]
    assert pairs(gap) == []
    assert gap.why_no_pair == "Everybody who has begun is learning something already."
    assert zoe.is_present


def test_a_pair_is_planned_shown_ended_and_undone_on_the_page(page, team, lea):
    office.file_type("Hull", team, needs="marine")
    office.worker("Olga", team, marine="O")
    office.worker("Lou", team, marine="L")
    assert "Lou could learn it with Olga" in text(page.get(AT))
    sent = {"skill": "marine", "learner": "lou", "teacher": "olga", "until": "2026-03-20", "until_level": "U"}
    answer = page.post(AT, sent, follow=True)
    assert "Lou: marine with Olga" in text(answer)
    assert "until 20 Mar 2026, or until U" in text(answer)
    made = Pairing.objects.get()
    assert made.ends_at.isoformat() == "2026-03-20T23:00:00+00:00", "to the end of the day in Paris"
    assert page.post(AT, sent).status_code == 409
    answer = page.post(f"{AT}{made.pk}/end/", follow=True)
    assert "ended by Lea on 3 Mar 2026" in text(answer)
    event = answer.content.decode().split('name="event" value="')[1].split('"')[0]
    assert "Undone." in text(page.post("/skills/settlements/undo/", {"event": event}, follow=True))
    made.refresh_from_db()
    assert made.ended_at is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"learner": ""}, "Choose who learns."),
        ({"teacher": "otto"}, "Select a valid choice"),
        ({"until": "soon"}, "Write days like 2026-11-24."),
        ({"until": "2026-03-01"}, "Choose a last day"),
        ({"since": "1066-01-01"}, "from 2000 to 2199"),
        ({"learner": "olga", "teacher": "lou"}, "has no level O"),
    ],
)
def test_what_cannot_be_planned_says_why(page, team, wrong, said):
    office.worker("Olga", team, marine="O")
    office.worker("Lou", team, marine="L")
    office.worker("Otto", office.team("Claims"), marine="O")
    sent = {"skill": "marine", "learner": "lou", "teacher": "olga", "until": "2026-03-20", "until_level": "U"}
    answer = page.post(AT, sent | wrong)
    assert answer.status_code == 422
    assert said in text(answer)
    assert not Pairing.objects.exists()


def test_ending_a_pair_asks_first_when_files_would_be_orphaned(page, team, lea):
    hull = office.file_type("Hull", team, needs="marine")
    olga, lou = office.worker("Olga", team, marine="O"), office.worker("Lou", team, marine="L")
    until = NOW + timedelta(days=9)
    made = pairings.plan(lou, olga, office.skill("marine"), starts_at=NOW, ends_at=until, by=lea, now=NOW)
    Competence.objects.filter(worker=olga).update(certified_until=NOW)
    office.log(hull, 2)
    asked = page.post(f"{AT}{made.pk}/end/")
    assert asked.status_code == 409
    assert "2 × Hull" in text(asked)
    assert page.post(f"{AT}{made.pk}/end/", {"confirmed": "yes"}).status_code == 303
    made.refresh_from_db()
    assert made.ended_at is not None


def test_the_level_reached_is_told(page, team, lea):
    olga, lou = office.worker("Olga", team, marine="O"), office.worker("Lou", team, marine="L")
    until = NOW + timedelta(days=9)
    pairings.plan(lou, olga, office.skill("marine"), starts_at=NOW, ends_at=until, by=lea, now=NOW)
    raised = levels.Wanted(lou, office.skill("marine"), level=Level.U, was=Level.L)
    levels.set_levels([raised], by=lea, now=NOW)
    assert "level U reached on 3 Mar 2026" in text(page.get(AT))


@pytest.mark.parametrize("number", [2, 30])
def test_the_plan_costs_the_same_whatever_the_team(team, lea, number, django_assert_num_queries):
    hull = office.file_type("Hull", team, needs="marine")
    olga = office.worker("Olga", team, marine="O")
    for each in range(number):
        pupil = office.worker(f"P{each}", team, present=False, marine="L", **{f"s{each}": "U"})
        if each % 2:
            until = NOW + timedelta(days=9)
            pairings.plan(pupil, olga, office.skill("marine"), starts_at=NOW, ends_at=until, by=lea, now=NOW)
    office.log(hull, number)
    refill(team.pk, now=NOW)
    reader = Worker.objects.get(pk=lea.pk)
    with django_assert_num_queries(11):
        training.plan(team, reader=reader, now=NOW)

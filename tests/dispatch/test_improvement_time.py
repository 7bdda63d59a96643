"""Improvement time: what the page says to somebody for whom no file waits, and that every word of it is true."""

import re
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from django.test import Client

from dispatch import andon, flow, improving
from dispatch.models import File, Queue
from skills.models import Role
from tests import office

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

NOW = office.NOW + timedelta(hours=1)


@pytest.fixture
def ada(team):
    """Here, with some marine and a free hand: nothing she can do waits."""
    return office.worker("Ada Lovelace", team, marine="L", letters="O")


@pytest.fixture
def page(client: Client, ada):
    client.force_login(ada)
    return client


def shown(page) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.get("/bin/").content.decode())).split())


def found(ada, team):
    return improving.improvement(ada, team, now=NOW)


# --- Why nothing waits


def test_what_waits_and_needs_another_skill_is_named_with_its_need(page, ada, team):
    office.log(office.file_type("Hull", team, needs="marine"), 3)
    office.log(office.file_type("Cargo", team, needs="cargo", at_least="L"), 1)
    assert "Improvement time" in shown(page)
    assert "4 files wait, but none that you can do now." in shown(page)
    assert "3 × Hull needs marine, U 1 × Cargo needs cargo, L" in shown(page)


def test_a_long_queue_is_counted_to_a_hundred(ada, team):
    office.log(office.file_type("Hull", team, needs="marine"), improving.COUNTED + 3)
    [kind] = found(ada, team).other_skills
    assert (kind.number, kind.is_more) == (100, True)


def test_what_was_passed_back_is_told_as_such_and_not_as_a_missing_skill(page, ada, team):
    [file] = office.log(office.file_type("Claim", team), 1)
    office.flow.back(ada, by=ada, now=NOW)
    flow.pass_back(ada, 1, reason="in Portuguese", by=ada, now=NOW)
    told = found(ada, team)
    assert ([kind.name for kind in told.withheld], told.other_skills, told.is_coming) == (["Claim"], (), False)
    assert "1 × Claim was with you before, or is kept for somebody who knows it" in shown(page)
    assert file.reference not in shown(page)  # R2: what waits is not named


def test_r16_what_takes_longer_than_is_left_of_the_day_is_told(page, ada, team):
    Queue.objects.update(last_minutes=30)
    office.log(office.file_type("Claim", team), 2)
    with time_machine.travel(office.NOW.replace(hour=16, minute=45), tick=False):  # 17:45 in Paris
        assert "2 × Claim takes longer than is left of today" in shown(page)


def test_a_file_that_comes_at_the_next_refill_is_no_improvement_time(page, ada, team):
    office.log(office.file_type("Claim", team), 1)
    assert found(ada, team).is_coming
    assert "The next file is on its way" in shown(page)
    assert "Improvement time" not in shown(page)
    flow.back(ada, by=ada, now=NOW)
    assert "on its way" not in shown(page)


def test_an_empty_queue_says_so(page):
    assert "The queue is empty" in shown(page)
    assert "no cause keeps coming back" in shown(page)


# --- What there is to do


def test_gaps_say_what_is_missing_and_who_is_here_to_teach_it(page, ada, team):
    office.file_type("Hull", team, needs="marine")
    office.file_type("Cargo", team, needs="cargo")
    office.file_type("Letter", team, needs="letters")  # she can do these
    office.file_type("Foreign", office.team("Others"), needs="law")  # not of her team
    office.worker("Jorge Diaz", team, marine="O")
    office.worker("Gone Away", team, present=False, marine="O")
    office.worker("Not Yet", team, marine="U")
    told = found(ada, team)
    assert [(each.name, each.needs, each.has, each.teachers) for each in told.to_learn] == [
        ("Cargo", "cargo, U", "", ()),
        ("Hull", "marine, U", "L", ("Jorge D.",)),
    ]
    assert "Hull needs marine, U; you have L here and can teach it: Jorge D." in shown(page)
    assert "Cargo needs cargo, U; it is new to you nobody who can teach it is here" in shown(page)


def test_help_calls_are_those_on_what_one_can_teach_and_nobody_has_answered(page, ada, team):
    letter = office.log(office.file_type("Letter", team, needs="letters"), 1)
    hull = office.log(office.file_type("Hull", team, needs="marine"), 1)
    flow.away(ada, by=ada, now=NOW)
    ben = office.worker("Ben Moss", team, letters="U")
    cid = office.worker("Cid Ross", team, marine="U")
    for worker in (ben, cid):
        flow.start(worker, 1, by=worker, now=NOW)
    call = andon.stuck(ben, 1, reason="No address", by=ben, now=NOW)
    andon.stuck(cid, 1, reason="No survey", by=cid, now=NOW)
    flow.back(ada, by=ada, now=NOW)
    assert [each.reference for each in found(ada, team).calls] == [letter[0].reference]
    assert f"Ben M. · {letter[0].reference} No address" in shown(page)
    assert f'href="/board/{team.slug}/"' in page.get("/bin/").content.decode()
    assert hull[0].reference not in shown(page)
    andon.answer(call, by=ada, now=NOW)
    assert found(ada, team).calls == ()


def test_causes_that_recur_are_told(page, ada, team):
    office.log(office.file_type("Hull", team, needs="hulls"), 1)
    ben = office.worker("Ben", team, hulls="U")
    for _ in range(andon.RECURS_AFTER):
        flow.start(ben, 1, by=ben, now=NOW)
        andon.end(andon.stuck(ben, 1, reason="?", by=ben, now=NOW), cause="No policy number", by=ben, now=NOW)
    assert "No policy number ended 3 help calls in the last ten working days" in shown(page)


def test_no_link_leads_nowhere(page, ada, team):
    office.log(office.file_type("Hull", team, needs="marine"), 3)
    links = set(re.findall(r'href="(/[^"]*)"', page.get("/bin/").content.decode()))
    assert {page.get(link).status_code for link in links if not link.startswith("/static/")} == {200}


# --- What it costs


def test_it_costs_the_same_however_much_waits_and_nothing_while_there_is_work(
    ada, team, client, django_assert_num_queries, monkeypatch
):
    hull = office.file_type("Hull", team, needs="marine")
    with django_assert_num_queries(4):
        found(ada, team)
    office.log(hull, 60)
    for number in range(5):
        office.log(office.file_type(f"Kind {number}", team, needs=f"skill {number}"), 2)
    with django_assert_num_queries(4):
        found(ada, team)
    leader = office.worker("Lea", team)
    leader.roles = [Role.WORKER, Role.LEADER]
    leader.save(update_fields=["roles"])
    with django_assert_num_queries(5):
        found(leader, team)
    office.log(office.file_type("Claim", team), 1)
    flow.back(ada, by=ada, now=NOW)
    client.force_login(ada)
    monkeypatch.setattr(improving, "improvement", lambda *_, **__: pytest.fail("asked while there is work"))
    assert client.get("/bin/").status_code == 200
    assert File.objects.filter(state="in_slot").count() == 1

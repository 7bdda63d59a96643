"""R8: what is counted as the time that slots were empty while work for them waited, and what is not."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from dispatch import flow
from dispatch.boards import team_board
from dispatch.models import Event, File
from dispatch.refill import refill
from skills.models import Competence, Level
from tests import office
from tests.desk import text
from tests.office import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books_balance")]


def empty(team, *, now=NOW):
    shown = team_board(team, now=now)
    return shown.empty_for.total_seconds(), shown.late_refills


def later(**parts):
    return NOW + timedelta(**parts)


def test_from_arrival_to_refill(team):
    claim = office.file_type("Claim", team)
    ada = office.worker("Ada", team)
    office.log(claim, 1, now=later(minutes=5))
    refill(team.pk, now=later(minutes=5, seconds=1.5))
    assert empty(team, now=later(minutes=6)) == (1.5, 0)
    office.log(claim, 1, now=later(minutes=7))
    refill(team.pk, now=later(minutes=7, seconds=2.5))
    assert empty(team, now=later(minutes=8)) == (4, 1)
    assert "" in office.in_bin(ada)


def test_the_board_shows_it(client, team):
    claim = office.file_type("Claim", team)
    office.worker("Ada", team)
    office.log(claim, 1)
    refill(team.pk, now=later(seconds=90))
    client.force_login(office.person("Lea", "leader", leads=team))
    with time_machine.travel(later(minutes=2), tick=False):
        shown = text(client.get(f"/board/{team.slug}/"))
    assert "Slots empty while work for them waited: 1.5 min today · 1 refill took over 2 s" in shown


def test_what_is_refilled_in_the_act_costs_nothing(team):
    office.log(office.file_type("Claim", team), 5)
    ada = office.worker("Ada", team)
    flow.start(ada, 1, by=ada, now=later(minutes=1))
    flow.mark_done(ada, 1, by=ada, now=later(minutes=9))
    flow.pass_back(ada, 2, reason="not mine", by=ada, now=later(minutes=9))
    assert empty(team, now=later(minutes=9)) == (0, 0)


def test_from_coming_in_not_from_when_the_files_came(team):
    office.log(office.file_type("Claim", team), 3)
    ben = office.worker("Ben", team, present=False)
    flow.back(ben, by=ben, now=later(hours=1))
    assert empty(team, now=later(hours=1)) == (0, 0)


def test_from_the_skill_that_made_it_possible(team):
    office.log(office.file_type("Hull", team, needs="marine"), 1)
    ada = office.worker("Ada", team)
    Competence.objects.create(worker=ada, skill=office.skill("marine"), level=Level.U)
    flow.who_can_do_what_changed(team.pk, now=later(hours=2))
    refill(team.pk, now=later(hours=2, seconds=1))
    assert empty(team, now=later(hours=2, minutes=1)) == (1, 0)


def test_not_while_the_file_is_kept_for_somebody_else(team):
    claim = office.file_type("Claim", team)
    office.worker("Ada", team)
    ben = office.worker("Ben", team)
    [file] = office.log(claim, 1)
    File.objects.filter(pk=file.pk).update(turn=1, kept_for=ben, kept_until=later(hours=1))
    type(ben).objects.filter(pk=ben.pk).update(is_present=False)
    refill(team.pk, now=later(hours=1, seconds=1))
    assert empty(team, now=later(hours=1, minutes=1)) == (1, 0)


def test_not_in_the_last_minutes_of_a_shift(team):
    """R16 keeps the slot empty then, and nobody waits for a refill."""
    type(team.queue).objects.filter(team=team).update(last_minutes=30)
    evening = NOW.astimezone(ZoneInfo("Europe/Paris")).replace(hour=17, minute=45)
    office.worker("Ada", team)
    office.log(office.file_type("Claim", team), 1, now=evening)
    assert refill(team.pk, now=evening) == 0
    assert refill(team.pk, now=evening.replace(hour=18, minute=0, second=1)) == 1
    assert empty(team, now=evening.replace(hour=18, minute=1)) == (1, 0)


def test_an_office_that_was_switched_off_for_a_year_fills_all_the_same(team):
    """No number overflows, and no board counts the year."""
    office.worker("Ada", team)
    office.log(office.file_type("Claim", team), 3)
    assert refill(team.pk, now=later(days=365)) == 3
    assert empty(team, now=later(days=365)) == (3 * 600, 3)


def test_every_refill_says_for_how_long_in_its_event(team):
    office.worker("Ada", team)
    office.log(office.file_type("Claim", team), 1)
    refill(team.pk, now=later(seconds=0.25))
    assert Event.objects.get(kind="filled").receipt["empty"] == 250

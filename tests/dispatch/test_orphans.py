"""Orphans are known before they are late: what nobody can do, nobody who is here, or nobody who has not passed it back."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dispatch import flow
from dispatch.orphans import added, orphans
from dispatch.refill import refill
from tests import office
from tests.office import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def hull(team):
    return office.file_type("Hull", team, needs="marine")


def found(team, now=NOW):
    return [(each.file_type, each.number, each.is_missing, each.reference) for each in orphans([team.pk], now=now)]


def test_nobody_at_all_can_do_them(team, hull):
    files = office.log(hull, 3, received_at=NOW)
    office.worker("Ada", team, marine="L")
    [one] = orphans([team.pk], now=NOW)
    assert (one.file_type, one.number, one.needs, one.is_missing) == ("Hull", 3, "marine, U", True)
    assert one.first_due_at == min(file.due_at for file in files)


def test_somebody_here_can_do_them(team, hull):
    office.log(hull, 9)
    office.worker("Ada", team, marine="U")
    assert found(team) == []


@pytest.mark.parametrize(
    ("back_in", "is_orphan"), [(timedelta(days=1), False), (timedelta(days=90), True), (None, True)]
)
def test_who_is_away_may_be_back_in_time(team, hull, back_in, is_orphan):
    office.log(hull)
    office.worker("Ada", team)
    ben = office.worker("Ben", team, marine="U")
    flow.away(ben, until=NOW + back_in if back_in else None, by=ben, now=NOW)
    assert found(team) == ([("Hull", 1, False, "")] if is_orphan else [])


def test_only_what_is_promised_before_somebody_is_back(team, hull):
    office.log(hull, received_at=NOW - timedelta(days=20))
    office.log(hull)
    office.worker("Ada", team)
    ben = office.worker("Ben", team, marine="U")
    flow.away(ben, until=NOW + timedelta(days=14), by=ben, now=NOW)
    assert found(team) == [("Hull", 1, False, "")]


def test_with_nobody_here_only_what_nobody_ever_can(team, hull):
    office.log(hull)
    office.log(office.file_type("Cargo", team, needs="cargo"))
    office.worker("Ben", team, present=False, marine="U")
    assert found(team) == [("Cargo", 1, True, "")]


def test_a_file_that_everybody_who_can_has_passed_back(team):
    claim = office.file_type("Claim", team)
    first = office.log(claim, 5)[0]
    ada, ben = office.worker("Ada", team), office.worker("Ben", team)
    flow.pass_back(ada, 1, reason="not mine", by=ada, now=NOW)
    assert found(team) == []
    refill(team.pk, now=NOW)
    flow.pass_back(ben, office.in_bin(ben).index(first.reference) + 1, reason="nor mine", by=ben, now=NOW)
    assert found(team) == [("Claim", 1, False, first.reference)]


def test_of_one_team_or_of_all(team, hull):
    office.log(hull)
    other = office.team("Priority")
    office.log(office.file_type("Cargo", other, needs="cargo"))
    assert [each.file_type for each in orphans([other.pk], now=NOW)] == ["Cargo"]
    assert len(orphans(now=NOW)) == 2


def test_what_a_change_adds(team, hull):
    office.log(hull, 2)
    one = orphans(now=NOW)
    assert added(one, one) == ()
    assert added((), one) == one
    office.log(hull)
    assert [each.number for each in added(one, orphans(now=NOW))] == [3]


def test_one_statement_and_counts_that_end(team, hull):
    office.log(hull, 120)
    with CaptureQueriesContext(connection) as captured:
        [one] = orphans([team.pk], now=NOW)
    assert (len(captured), one.number, one.is_more) == (1, 100, True)

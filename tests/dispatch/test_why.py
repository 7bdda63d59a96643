"""R19: any waiting file can say why it still waits and who could take it."""

from datetime import timedelta
from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dispatch import flow
from dispatch.models import File, FileType, PassBack, Queue, State, Turn
from dispatch.refill import refill
from dispatch.why import why
from tests import office
from tests.dispatch.test_receipts import can_do, order_of, random_office
from tests.office import NOW

pytestmark = pytest.mark.django_db


def asked(file, now=NOW):
    return why(File.objects.select_related("file_type__skill").get(pk=file.pk), now=now)


def names(people):
    return [each.name for each in people]


def test_r19_bins_are_full_and_so_many_come_first(team):
    claim = office.file_type("Claim", team)
    files = office.log(claim, 9)
    office.worker("Ada", team)
    found = asked(files[-1])
    assert (found.ahead, found.is_more, names(found.when_free), found.now) == (5, False, ["Ada"], ())
    assert found.reason == (
        "Every slot of the people here who can do it is full. 5 files that the same people can do come first."
    )
    assert asked(files[3]).reason.endswith("It is next for them.")


def test_r19_more_than_a_hundred(team):
    files = office.log(office.file_type("Claim", team), 105)
    office.worker("Ada", team)
    assert (asked(files[-1]).ahead, asked(files[-1]).is_more) == (100, True)
    assert "More than 100 files" in asked(files[-1]).reason


def test_r19_what_others_do_is_not_ahead(team):
    office.log(office.file_type("Claim", team), 9, received_at=NOW - timedelta(days=9))
    hull = office.log(office.file_type("Hull", team, needs="marine"))[0]
    office.worker("Ada", team)
    office.worker("Ben", team, present=False, marine="O")
    found = asked(hull)
    assert (found.ahead, found.eligible, names(found.away)) == (0, (), ["Ben"])
    assert found.reason == "Nobody who is here can do it. It needs marine, U."


def test_r19_away_says_until_when(team):
    hull = office.log(office.file_type("Hull", team, needs="marine"))[0]
    ben = office.worker("Ben", team, marine="O")
    flow.away(ben, until=NOW + timedelta(hours=3), by=ben, now=NOW)
    assert [each.until for each in asked(hull).away] == [NOW + timedelta(hours=3)]


def test_r19_nobody_at_all(team):
    hull = office.log(office.file_type("Hull", team, needs="marine"))[0]
    office.worker("Ada", team, marine="L")
    assert asked(hull).is_orphan
    assert asked(hull).reason == "Nobody in the team can do it: it needs marine, U."


def test_r19_passed_back_by_everybody(team):
    claim = office.log(office.file_type("Claim", team))[0]
    ada = office.worker("Ada", team)
    flow.pass_back(ada, 1, reason="not mine", by=ada, now=NOW)
    assert asked(claim).is_orphan
    assert asked(claim).reason == "Everybody who can do it has passed it back."


def test_r19_kept_for_somebody(team):
    Queue.objects.update(bin_size=1)
    ada, _ben = office.worker("Ada", team), office.worker("Ben", team)
    claim = office.file_type("Claim", team)
    office.log(claim)
    refill(team.pk, now=NOW)
    file = office.log(claim)[0]
    File.objects.filter(pk=file.pk).update(turn=Turn.WOKEN, kept_for=ada, kept_until=NOW + timedelta(hours=1))
    assert names(asked(file).eligible) == ["Ada"]
    assert asked(file).reason.startswith("Kept for Ada, who knows it.")


def test_r16_what_takes_longer_than_is_left_of_the_day(team):
    Queue.objects.update(last_minutes=60)
    file = office.log(office.file_type("Claim", team))[0]
    office.worker("Ada", team, present=False)
    team.workers.update(is_present=True)
    late = NOW.replace(hour=16, minute=30)
    assert names(asked(file, now=late).too_late_today) == ["Ada"]
    FileType.objects.update(usual_minutes=10)
    assert names(asked(file, now=late).now) == ["Ada"]


def test_r19_a_file_elsewhere_says_where(team):
    file = office.log(office.file_type("Claim", team))[0]
    office.worker("Ada", team)
    assert asked(file).reason == "In a slot"


@pytest.mark.parametrize("seed", range(8))
def test_r19_who_and_how_many_against_a_recount(team, seed):
    workers = random_office(team, rng=Random(seed), people=4)
    refill(team.pk, now=NOW)
    back_at_work = {worker.pk for worker in workers[1:]}
    flow.away(workers[0], by=workers[0], now=NOW)
    waiting = list(File.objects.filter(state=State.WAITING).select_related("file_type__skill"))

    def may_get(worker, file):
        return (
            can_do(worker, file.file_type)
            and not PassBack.objects.filter(file=file, worker=worker).exists()
            and (file.kept_for_id in (None, worker.pk) or file.kept_until <= NOW)
        )

    for file in waiting:
        eligible = [worker for worker in workers if worker.pk in back_at_work and may_get(worker, file)]
        ahead = [
            each for each in waiting if order_of(each) < order_of(file) and any(may_get(one, each) for one in eligible)
        ]
        found = why(file, now=NOW)
        assert {each.worker_id for each in found.eligible} == {worker.pk for worker in eligible}
        assert found.ahead == len(ahead)


def test_why_takes_as_many_statements_at_any_length(team):
    claim = office.file_type("Claim", team)
    office.worker("Ada", team)
    file = office.log(claim, 5)[-1]

    def statements():
        with CaptureQueriesContext(connection) as captured:
            why(File.objects.select_related("file_type__skill").get(pk=file.pk), now=NOW)
        return len(captured)

    few = statements()
    office.log(claim, 120, received_at=NOW - timedelta(days=5))
    assert few == statements() == 4

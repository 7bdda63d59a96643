"""How long a slot stays empty while work for it waits (R8), from the events alone: at most two seconds, 99 times in a hundred.

A whole office runs with one RQ worker. Two processes work files off as fast as they can, so bins are mostly empty, and each
arrival has to come into a slot by a wake-up, through Valkey and the RQ worker, while everybody else is at the database too.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from statistics import quantiles

import pytest
from django.utils import timezone

from dispatch import ledger
from dispatch.models import File
from dispatch.refill import hungry_teams
from tests import office
from tests.gaps import WOKEN, gaps
from tests.hammer import hammer
from tests.servers import running


@pytest.mark.timeout(300)  # a busy machine is no fault
def test_a_slot_is_empty_for_two_seconds_at_most_while_work_for_it_waits(django_db_blocker: object) -> None:
    with running(RQ_WORKERS="1", WEB_CONCURRENCY="1") as run, django_db_blocker.unblock():
        run.said("ready")
        with run.at_hand():
            team = office.team()
            claim, hull = office.file_type("Claim", team), office.file_type("Hull", team, needs="marine")
            for number in range(8):
                office.worker(f"Worker {number}", team, **({"marine": "U"} if number < 3 else {}))
            began, here = timezone.now(), {"THREESLOT_VAR": str(run.var)}
            with ThreadPoolExecutor(1) as beside:
                at_work = beside.submit(hammer, processes=2, done=600, mischief=0.05, environment=here)
                for number in range(250):
                    office.log(hull if number % 4 == 0 else claim, now=timezone.now())
                    time.sleep(0.02)
                at_work.result()
            run.until(lambda: hungry_teams(now=timezone.now()) == [])  # no gap is left open

            found = gaps(team.pk, since=began, until=timezone.now())
            woken = [seconds for cause, seconds in found if cause in WOKEN]
            assert len(woken) > 100, "too few came by a wake-up to say anything"
            assert quantiles([seconds for _cause, seconds in found], n=100)[98] <= 2
            assert quantiles(woken, n=100)[98] <= 2
            assert File.objects.filter(state="done").count() > 150
            assert ledger.balance().differences == ()

"""Real processes on the real PostgreSQL, against each other (R1, R9, R20)."""

import pytest
from django.db import connection
from django.utils import timezone

from backoffice import embedded
from dispatch import flow, ledger, sweep
from dispatch.models import Event, File, Slot
from dispatch.refill import hungry_teams
from tests import office
from tests.hammer import hammer


@pytest.mark.django_db(transaction=True)
def test_four_processes_never_give_one_file_twice_or_overfill_a_bin():
    team = office.team()
    claim, hull = office.file_type("Claim", team), office.file_type("Hull", team, needs="marine")
    for name in ("Ada", "Ben", "Cid", "Dora", "Eve", "Finn"):
        office.worker(name, team, **({"marine": "U"} if name < "C" else {}))
    office.log(claim, 300)
    office.log(hull, 100)
    sweep.sweep()
    assert Slot.objects.filter(file__isnull=False).count() == 18

    url = f"{embedded.database_url().rsplit('/', 1)[0]}/{connection.settings_dict['NAME']}"
    acts = hammer(processes=4, done=300, mischief=0.1, environment={"DATABASE_URL": url})

    assert acts["done"] >= 300
    assert acts["pass back"] > 0
    assert acts["away"] > 0
    assert ledger.balance().differences == ()
    assert File.objects.filter(state="done").count() == acts["done"] == Event.objects.filter(kind="done").count()
    for worker in team.workers.filter(is_present=False):
        flow.back(worker, by=worker, now=timezone.now())
    sweep.sweep()
    left = File.objects.filter(state="waiting").count()
    empty = Slot.objects.filter(file__isnull=True).count()
    assert left == 0 or empty == 0 or not hungry_teams(now=timezone.now())

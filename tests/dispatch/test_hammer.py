"""Real processes on the real PostgreSQL, against each other (R1, R3, R8, R9, R13, R18, R20)."""

import pytest
from django.db import connection
from django.utils import timezone

from backoffice import embedded
from dispatch import flow, ledger, loans, moves, sweep
from dispatch.models import Event, File, Loan, Slot
from dispatch.refill import hungry_teams
from skills.models import Team, Worker
from tests import office
from tests.hammer import WRITES, hammer


@pytest.mark.timeout(300)  # a busy machine is no fault
@pytest.mark.django_db(transaction=True)
def test_eight_processes_over_every_write_path_break_no_rule():
    team = office.team()
    claim, hull = office.file_type("Claim", team), office.file_type("Hull", team, needs="marine")
    for name in ("Ada", "Ben", "Cid", "Dora", "Eve", "Finn", "Gus", "Hal"):
        office.worker(name, team, **({"marine": "U"} if name < "D" else {}))
    front = Team.objects.create(name="Front desk", slug="front-desk", is_front_office=True)
    host = office.team("Payments")
    office.worker("Ida", host)
    office.log(office.file_type("Payment", host), 100)
    office.log(claim, 700)
    office.log(hull, 200)
    sweep.sweep()
    assert Slot.objects.filter(file__isnull=False).count() == 27

    url = f"{embedded.database_url().rsplit('/', 1)[0]}/{connection.settings_dict['NAME']}"
    acts = hammer(processes=8, done=280, mischief=0.5, environment={"DATABASE_URL": url})

    assert [name for name in WRITES if not acts[name]] == []
    assert sum(acts[name] for name in WRITES) >= 420
    assert ledger.balance().differences == ()
    undone = Event.objects.filter(undoes__kind="done").count()
    assert acts["done"] == Event.objects.filter(kind="done").count()
    assert acts["done"] - undone == File.objects.filter(state="done").count()
    assert acts["undo"] == Event.objects.filter(undoes__isnull=False).count()
    assert 1000 + acts["log"] + acts["rework"] == File.objects.count()
    assert moves.open_expedites(team.pk) <= 3
    assert Event.objects.filter(kind="lent", team=front).exists()
    for loan in Loan.objects.filter(ended_at=None):
        loans.end(loan, by=loan.worker, now=timezone.now())
    for worker in Worker.objects.filter(is_present=False):
        flow.back(worker, by=worker, now=timezone.now())
    sweep.sweep()
    assert hungry_teams(now=timezone.now()) == []

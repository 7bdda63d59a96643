"""A refill is one transaction: who dies in the middle of it leaves nothing behind, and the slots are filled by themselves (R9)."""

import psycopg2
from django.db import connection, transaction
from django.utils import timezone

from dispatch import ledger
from dispatch.models import Event, Slot
from dispatch.moves import rows
from tests import office
from tests.servers import Run

BEHIND = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"


def test_an_rq_worker_killed_in_the_middle_of_a_refill_loses_and_doubles_nothing(at_hand: Run) -> None:
    """Held where it has the team's queue and its files but not yet the slots; then killed, every RQ worker there is."""
    team = office.team("Interrupted")
    ada = office.worker("Ada Interrupted", team)
    ours = psycopg2.connect(**connection.get_connection_params())
    with ours, ours.cursor() as cursor:
        cursor.execute("SELECT id FROM dispatch_slot WHERE bin_id = %s FOR UPDATE", [ada.pk])
        with transaction.atomic():  # all wake-ups at its end: the refill will hold the queue
            files = office.log(office.file_type("Claim", team), 5, now=timezone.now())
        at_hand.until(lambda: rows(BEHIND, [ours.info.backend_pid])[0][0] == 1)
        at_hand.kill("worker")
        assert office.in_bin(ada) == ["", "", ""]
    ours.close()
    at_hand.until(lambda: "" not in office.in_bin(ada), 30)
    assert office.in_bin(ada) == [file.reference for file in files[:3]]
    assert Event.objects.filter(team=team, kind="filled").count() == 3
    assert Slot.objects.filter(file__in=files).count() == 3
    assert ledger.balance().differences == ()

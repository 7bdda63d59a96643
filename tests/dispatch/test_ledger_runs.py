"""R20: every check of the books is kept, and administrators see the last results."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from dispatch import ledger
from dispatch.models import LedgerRun
from tests import office
from tests.office import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def files():
    return office.log(office.file_type("Claim", office.team()), 3)


def falsify():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE dispatch_tally SET count = count + 1 WHERE kind = 'logged'")


def test_a_check_that_balances_is_kept(files):
    ledger.check(now=NOW)
    run = LedgerRun.objects.get()
    assert (run.at, run.files, run.events, run.is_ok, run.differences) == (NOW, 3, 3, True, [])


def test_the_command_keeps_what_differs_and_fails(files):
    falsify()
    with pytest.raises(CommandError) as failed:
        call_command("check_ledger")
    assert failed.value.returncode == 1
    run = LedgerRun.objects.get()
    assert not run.is_ok
    assert run.differences[0].startswith("a tally and the recount differ")


def test_administrators_read_the_results_and_change_none(client, files):
    falsify()
    ledger.check(now=NOW)
    run = LedgerRun.objects.get()
    client.force_login(office.person("Root", "administrator"))
    assert "checks of the books" in client.get(reverse("admin:index")).content.decode().casefold()
    assert client.get(reverse("admin:dispatch_ledgerrun_changelist")).status_code == 200
    page = reverse("admin:dispatch_ledgerrun_change", args=[run.pk])
    assert "a tally and the recount differ" in client.get(page).content.decode()
    assert client.post(page, {"is_ok": "on"}).status_code == 403
    assert client.get(reverse("admin:dispatch_ledgerrun_add")).status_code == 403
    assert client.post(reverse("admin:dispatch_ledgerrun_delete", args=[run.pk]), {"post": "yes"}).status_code == 403


def test_it_runs_once_a_night():
    from rq import cron

    from backoffice import schedule

    assert schedule
    jobs = [data for data in cron._job_data_registry if data["func"] is ledger.check]
    assert [job["cron"] for job in jobs] == ["40 3 * * *"]

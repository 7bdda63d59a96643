"""Redis carries wake-ups only: they are few, they are never missed for long, and without Redis nothing is lost (R8)."""

import django_rq
import pytest
from django.conf import settings
from redis import RedisError
from rq.worker import SimpleWorker

from dispatch import flow, refusals, sweep
from dispatch.models import File, Slot
from tests import office
from tests.office import NOW

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def team(valkey):
    made = office.team()
    office.file_type("Claim", made)
    office.worker("Ada", made)
    valkey.flushdb()
    return made


def work_off():
    queue = django_rq.get_queue("default")
    SimpleWorker([queue], connection=queue.connection).work(burst=True, logging_level="ERROR")


def test_an_arrival_wakes_a_refill(team):
    office.log(team.file_types.get())
    assert not Slot.objects.filter(file__isnull=False).exists()
    work_off()
    assert Slot.objects.filter(file__isnull=False).count() == 1


def test_many_arrivals_leave_one_wake_up_and_none_is_missed(team):
    office.log(team.file_types.get(), 5)
    assert len(django_rq.get_queue("default")) == 1
    work_off()
    assert Slot.objects.filter(file__isnull=False).count() == 3
    flow.away(team.workers.get(), by=team.workers.get(), now=NOW)
    assert len(django_rq.get_queue("default")) == 1


def test_a_dead_redis_turns_no_saved_work_into_an_error(team, monkeypatch):
    monkeypatch.setitem(settings.RQ_QUEUES["default"]["REDIS_CLIENT_KWARGS"], "unix_socket_path", "/nowhere")
    with pytest.raises(RedisError):
        django_rq.get_connection("default").ping()
    files = office.log(team.file_types.get(), 4)
    ada = team.workers.get()
    assert File.objects.count() == 4
    assert sweep.sweep() == 3
    flow.start(ada, 1, by=ada, now=NOW)
    flow.mark_done(ada, 1, by=ada, now=NOW)
    assert office.in_bin(ada)[0] == files[3].reference


def test_an_act_that_is_undone_wakes_nobody(team):
    [file] = office.log(team.file_types.get())
    work_off()
    with pytest.raises(refusals.ReferenceTaken):
        flow.log(reference=file.reference, file_type=file.file_type, title="other", by=None, now=NOW)
    assert len(django_rq.get_queue("default")) == 0

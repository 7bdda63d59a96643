"""Many call at the same instant: each file is logged once, and everybody is told the same."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlsplit

import psycopg2
import pytest
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from dispatch import directory, ledger
from dispatch.models import Customer, File, FileType
from skills.models import Worker
from tests.api.client import Caller, secret_of

pytestmark = pytest.mark.django_db(transaction=True)

CALLS, TWICE, AT_ONCE = 200, 40, 20


def call(address: str, secret: str, path: str, body: object) -> tuple[int, dict]:
    line = HTTPConnection(urlsplit(address).netloc, timeout=60)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    line.request("POST", f"/api/v1{path}", json.dumps(body), headers)
    answer = line.getresponse()
    told = json.loads(answer.read())
    line.close()
    return answer.status, told


def test_each_file_once(live_server: LiveServer, claim: FileType, amir: Worker):
    """Single calls, the same ones again, and bulks that hold the same files, all at once."""
    secret, numbers = secret_of(amir), [*range(CALLS - TWICE), *range(0, 2 * TWICE, 2)]
    files = [{"reference": f"R-{number}", "file_type": "claim", "customer": f"C-{number % 7}"} for number in numbers]
    sent = [("/files", file) for file in files]
    sent += [("/files/bulk", files[start : start + 30]) for start in (0, 15, 40)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda each: call(live_server.url, secret, *each), sent))
    singles, bulks = answers[: len(files)], answers[len(files) :]
    statuses = Counter(status for status, _told in singles)
    assert set(statuses) <= {200, 201}, [told for status, told in answers if status not in (200, 201)][:3]
    assert [told["errors"] for _status, told in bulks] == [[], [], []]
    assert statuses[201] + sum(told["created"] for _status, told in bulks) == CALLS - TWICE
    assert File.objects.count() == CALLS - TWICE
    assert not ledger.balance().differences


RIVALS = {"ACME LTD": ["ACME LTD"], "Acme Ltd": ["Acme Ltd"], "Acme, Ltd": ["Acme Ltd", "Acme, Ltd"]}


@pytest.mark.parametrize("rival", RIVALS)
def test_a_customer_whom_somebody_makes_at_the_same_instant(claim: FileType, amir: Worker, monkeypatch, rival: str):
    """The same one in whatever letters is the same customer; another one of nearly that name gets the address first."""
    free_addresses = directory.free_addresses
    make = "INSERT INTO dispatch_customer (name, slug) VALUES (%s, 'acme-ltd') ON CONFLICT DO NOTHING"

    def overtaken(*asked: object, **options: object) -> dict[str, str]:
        found = free_addresses(*asked, **options)
        with psycopg2.connect(**connection.get_connection_params()) as other, other.cursor() as cursor:
            cursor.execute(make, [rival])
        other.close()
        return found

    monkeypatch.setattr(directory, "free_addresses", overtaken)
    status, _file = Caller(amir).post("/files", reference="A", file_type="claim", customer="Acme Ltd")
    assert status == 201
    assert sorted(Customer.objects.values_list("name", flat=True)) == RIVALS[rival]

"""Somebody does the same in the same instant. A thousand calls at once are in test_whole_office.py."""

import psycopg2
import pytest
from django.db import connection

from dispatch import directory
from dispatch.models import Customer, FileType
from skills.models import Worker
from tests.api.client import Caller

pytestmark = pytest.mark.django_db(transaction=True)

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

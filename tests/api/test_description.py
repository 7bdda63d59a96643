"""The description of the API is true, and says all that a program has to know."""

import pytest
from django.conf import settings
from django.test import Client
from django.test.utils import override_script_prefix
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from dispatch.api.description import api
from dispatch.refill import refill
from skills.models import Role, Worker
from tests import office, schema
from tests.api.client import secret_of
from tests.servers import running

A_CALL = 3


def test_whatever_it_allows_is_answered_as_it_says(django_db_blocker: DjangoDbBlocker):
    """On a real server; `python -m tests.schema` does the same for long."""
    with running(API_CALLS_A_MINUTE="1000000") as run:
        address = run.address
        with django_db_blocker.unblock(), run.at_hand():
            secret, known = _office()
        done = schema.ask(address, secret, known=known, a_call=A_CALL, seed=1)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert schema.cases(done) > A_CALL * schema.CALLS


def _office() -> tuple[str, dict[str, list[str | int]]]:
    team = office.team()
    ada = office.worker("Ada", team)
    references = [file.reference for file in office.log(office.file_type("Claim", team), 9, now=timezone.now())]
    refill(team.pk, cause="test")
    Worker.objects.filter(pk=ada.pk).update(roles=Role.values, is_staff=True, is_superuser=True)
    ada.leads.add(team)
    return secret_of(ada), {"reference": references, "team": [team.slug]}


def test_every_call_says_what_it_does_with_an_example_of_what_is_sent():
    description = api.get_openapi_schema()
    assert description["openapi"].startswith("3.1")
    schemas = description["components"]["schemas"]
    calls = [call for path in description["paths"].values() for call in path.values()]
    assert len(calls) == schema.CALLS
    for call in calls:
        assert call["summary"]
        assert {"401", "403", "422", "429", "503"} <= {str(status) for status in call["responses"]}
        for name in _names(call.get("requestBody", {})):
            assert name == "Meant" or schemas[name]["examples"], name


def _names(part: object) -> set[str]:
    """Of the schemas that it refers to."""
    if isinstance(part, dict):
        own = {part["$ref"].rsplit("/")[-1]} if "$ref" in part else set()
        return own.union(*map(_names, part.values()))
    return set().union(*map(_names, part)) if isinstance(part, list) else set()


@pytest.mark.django_db
def test_its_page_brings_no_script_of_its_own_and_asks_no_other_host():
    page = Client().get("/api/v1/docs")
    policy, text = page.headers["Content-Security-Policy"], page.content.decode()
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "//" not in text.replace("<!DOCTYPE html>", "")
    assert settings.STATIC_URL in text


@pytest.mark.django_db
def test_it_is_told_for_where_it_is_found_and_once_to_who_has_it():
    told = Client().get("/api/v1/openapi.json")
    with override_script_prefix("/office/"):
        elsewhere = Client().get("/api/v1/openapi.json")
    assert all(path.startswith("/api/v1/") for path in told.json()["paths"])
    assert all(path.startswith("/office/api/v1/") for path in elsewhere.json()["paths"])
    assert told.headers["ETag"] != elsewhere.headers["ETag"]
    again = Client().get("/api/v1/openapi.json", headers={"If-None-Match": told.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")

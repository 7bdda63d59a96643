"""The description of the API is true, and says all that a program has to know."""

from threading import Semaphore

import pytest
from django.conf import settings
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from dispatch import feed
from dispatch.api.description import api
from dispatch.models import FileType
from dispatch.refill import refill
from skills.models import Role, Team, Worker
from tests import office, schema
from tests.api.client import secret_of

A_CALL = 3


@pytest.mark.django_db(transaction=True)
def test_whatever_it_allows_is_answered_as_it_says(
    live_server: LiveServer, team: Team, claim: FileType, ada: Worker, settings, monkeypatch
):
    """`python -m tests.schema` does the same for long."""
    settings.API_CALLS_A_MINUTE = 1_000_000
    monkeypatch.setattr(feed, "_places_to_wait", Semaphore(0))  # so that nobody waits half a minute for nothing
    references = [file.reference for file in office.log(claim, 9)]
    refill(team.pk, cause="test")
    Worker.objects.filter(pk=ada.pk).update(roles=Role.values, is_staff=True, is_superuser=True)
    ada.leads.add(team)
    known = {"reference": references, "team": [team.slug]}
    run = schema.ask(live_server.url, secret_of(ada), known=known, a_call=A_CALL, seed=1)
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    assert schema.cases(run) > A_CALL * schema.CALLS


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

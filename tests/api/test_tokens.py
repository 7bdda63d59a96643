"""Tokens: shown once, kept as a hash, used within limits, gone at once."""

import re
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from dispatch import limits, tokens
from dispatch.models import Scope, Token
from skills.models import Role, Worker
from tests import office
from tests.api.client import Caller, secret_of
from tests.office import NOW

pytestmark = pytest.mark.django_db


def test_the_secret_is_shown_once_and_kept_nowhere(amir: Worker):
    client = Client()
    client.force_login(amir)
    made = client.post("/tokens/", {"name": "Scanner", "scopes": ["read", "intake"], "days": "30"})
    secret = tokens.SECRET.search(made.content.decode())[0]
    assert secret not in client.get("/tokens/").content.decode()
    token = Token.objects.get()
    assert (token.worker, token.scopes, token.expires_at - token.made_at) == (amir, ["read", "intake"], timedelta(30))
    assert secret not in "".join(map(str, Token.objects.values_list().get()))
    assert Caller(None, secret=secret).get("/teams") == (200, [])


def test_revoked_it_is_refused_at_once(amir: Worker):
    caller, client = Caller(amir), Client(enforce_csrf_checks=True)
    client.force_login(amir)
    assert caller.get("/teams")[0] == 200
    page = client.get("/tokens/").content.decode()
    address, key = re.search(r'action="(/tokens/\d+/revoke/)">.*?csrfmiddlewaretoken" value="(\w+)"', page).groups()
    assert client.post(address, {"csrfmiddlewaretoken": key}).status_code == 303
    assert caller.get("/teams")[0] == 401
    assert "Revoked" in client.get("/tokens/").content.decode()


def test_only_an_administrator_makes_one_for_somebody_else(amir: Worker, ada: Worker):
    form = {"name": "Hub", "scopes": ["work"], "days": "7", "username": "ada"}
    for who, whose in ((amir, amir), (office.person("Adam", Role.ADMINISTRATOR), ada)):
        client = Client()
        client.force_login(who)
        client.post("/tokens/", form)
        assert Token.objects.first().worker == whose
        assert Token.objects.first().made_by == who
    client.force_login(ada)
    assert "Adam" in client.get("/tokens/").content.decode(), "and whoever it acts for is told"


@pytest.mark.parametrize(
    "wrong", [{"name": " "}, {"scopes": []}, {"scopes": ["all"]}, {"days": "0"}, {"days": "9" * 30}, {"days": "367"}]
)
def test_what_is_missing_is_said_and_nothing_is_made(amir: Worker, wrong: dict[str, object]):
    client = Client()
    client.force_login(amir)
    answer = client.post("/tokens/", {"name": "Scanner", "scopes": ["read"], "days": "30"} | wrong)
    assert answer.status_code == 422
    assert not Token.objects.exists()


def test_the_command_prints_one_that_works(ada: Worker):
    out = StringIO()
    call_command("create_token", "ada", days=3, stdout=out)
    assert Caller(None, secret=out.getvalue().strip()).get("/bin")[1]["worker"] == "ada"
    assert Token.objects.get().expires_at - timezone.now() < timedelta(days=3)
    with pytest.raises(CommandError, match="nobody"):
        call_command("create_token", "nobody")


def test_when_it_was_used_is_written_once_a_minute(amir: Worker, django_assert_num_queries):
    with time_machine.travel(NOW, tick=False) as clock:
        secret = secret_of(amir)
        assert tokens.found(secret, now=timezone.now())
        clock.shift(59)
        with django_assert_num_queries(1):
            tokens.found(secret, now=timezone.now())
        assert Token.objects.get().last_used_at == NOW
        clock.shift(1)
        tokens.found(secret, now=timezone.now())
        assert Token.objects.get().last_used_at == timezone.now()


def test_too_many_calls_wait_for_the_next_minute(amir: Worker, settings, valkey):
    settings.API_CALLS_A_MINUTE = 2
    with time_machine.travel(NOW + timedelta(seconds=20), tick=False) as clock:
        caller, other = Caller(amir), Caller(amir)
        assert [caller.get("/teams")[0] for _ in range(3)] == [200, 200, 429]
        refused = caller.client.get("/api/v1/teams", headers=caller._headers())
        assert refused.headers["Retry-After"] == "40"
        assert other.get("/teams")[0] == 200, "each token has its own"
        clock.shift(40)
        assert caller.get("/teams")[0] == 200


def test_without_redis_there_is_no_limit(amir: Worker, settings, monkeypatch):
    def gone(*_: object) -> None:
        raise limits.RedisError("away")

    settings.API_CALLS_A_MINUTE = 1
    monkeypatch.setattr(limits.django_rq, "get_connection", gone)
    monkeypatch.setattr(limits, "_rests_until", 0.0)
    caller = Caller(amir)
    assert {caller.get("/teams")[0] for _ in range(3)} == {200}


@pytest.mark.parametrize(
    "broken",
    [{"scopes": []}, {"scopes": ["all"]}, {"sha256": "ts_" + "0" * 61}, {"expires_at": NOW}, {"revoked_by": True}],
)
def test_the_database_refuses_what_is_no_token(amir: Worker, broken: dict[str, object]):
    whole = {"worker": amir, "name": "x", "start": "ts_", "sha256": "0" * 64, "scopes": [Scope.READ]}
    whole |= {"made_at": NOW, "expires_at": NOW + timedelta(1)} | broken
    if "revoked_by" in broken:
        whole["revoked_by"] = amir
    with pytest.raises(IntegrityError), transaction.atomic():
        Token.objects.create(**whole)

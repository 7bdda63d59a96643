"""Webhooks as people make them and look after them; who may do what is in docs/rights.md."""

import re
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from dispatch import webhooks
from dispatch.models import Delivery, Webhook
from skills.models import Role, Team, Worker
from tests import office

pytestmark = pytest.mark.django_db

ADDRESS = "https://hub.example.com/threeslot"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")
FORM = {"name": "Hub", "address": ADDRESS}


@pytest.fixture
def webhook(lea: Worker, team: Team) -> Webhook:
    """Of a real address, to which nobody here sends anything."""
    return webhooks.make(webhooks.Wanted("Hub", ADDRESS, [team.pk]), owner=lea, now=timezone.now())[0]


@pytest.fixture
def client(lea: Worker) -> Client:
    made = Client()
    made.force_login(lea)
    return made


def text(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_the_secret_is_shown_when_it_is_made_and_never_again(client: Client, team: Team):
    made = client.post("/webhooks/", FORM | {"teams": [team.pk], "kinds": ["done", "logged"]}).content.decode()
    first = SECRET.search(made)[0]
    webhook = Webhook.objects.get()
    assert (webhook.secret, webhook.teams, webhook.kinds) == (first, [team.pk], ["logged", "done"])
    page = f"/webhooks/{webhook.pk}/"
    assert not SECRET.search(text(client, "/webhooks/") + text(client, page))
    second = SECRET.search(client.post(page, {"act": "secret"}).content.decode())[0]
    assert not SECRET.search(text(client, page))
    webhook.refresh_from_db()
    assert (webhook.secret, webhook.old_secret) == (second, first)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"address": "hub.example.com"}, "address"),
        ({"address": "https://lea:secret@hub.example.com/"}, "address"),
        ({"address": "http://10.0.0.8/"}, "address"),
        ({"address": "http://[::1]:8000/"}, "address"),
        ({"address": ADDRESS + "/" * 500}, "address"),
        ({"kinds": ["fired"]}, "kinds"),
        ({"teams": []}, "teams"),
        ({"teams": ["9" * 30]}, "teams"),
    ],
)
def test_what_is_wrong_is_said_where_it_is_and_nothing_is_made(
    client: Client, team: Team, wrong: dict[str, Any], field: str
):
    answer = client.post("/webhooks/", FORM | {"teams": [team.pk]} | wrong)
    assert (answer.status_code, list(answer.context["typed"].errors)) == (422, [field])
    assert not Webhook.objects.exists()


def test_a_leader_tells_of_their_own_teams_alone_and_a_manager_of_all(client: Client, team: Team):
    other = office.team("Claims")
    for teams in ([other.pk], [team.pk, other.pk]):
        assert client.post("/webhooks/", FORM | {"teams": teams}).status_code == 422
    client.force_login(office.person("Mia", Role.MANAGER))
    assert client.post("/webhooks/", FORM).status_code == 200
    assert Webhook.objects.get().teams is None


def test_an_administrator_stops_anybodys_and_sends_it_nowhere_else(webhook: Webhook):
    client, page = Client(), f"/webhooks/{webhook.pk}/"
    client.force_login(office.person("Adam", Role.ADMINISTRATOR))
    assert "Lea" in text(client, page)
    for act in ({"act": "change", **FORM, "address": "https://adam.example.com"}, {"act": "secret"}):
        assert client.post(page, act).status_code == 403
    assert client.post(page, {"act": "pause"}).status_code == 303
    was = webhook.secret
    webhook.refresh_from_db()
    assert (webhook.state, webhook.address, webhook.secret) == ("paused", ADDRESS, was)


def test_what_is_dead_is_seen_with_why_and_sent_again_one_by_one_or_all(client: Client, webhook: Webhook):
    for event in range(1, 4):
        Delivery.objects.create(
            webhook=webhook, event=event, line=event, kind="done", reference=f"F-{event}", body="{}", made_at=office.NOW,
            state="dead", tries=10, tried_at=office.NOW, trouble="answer", status=500,
        )  # fmt: skip
    page = f"/webhooks/{webhook.pk}/"
    shown = text(client, page)
    assert "3 dead" in shown
    assert shown.count("answered with 500") == 3
    client.post(page, {"act": "replay", "delivery": webhook.deliveries.get(event=2).pk})
    assert list(webhook.deliveries.filter(state="waiting").values_list("event", "tries")) == [(2, 0)]
    assert "every 2s" in text(client, page), "the page waits for it"
    client.post(page, {"act": "replay-dead"})
    assert not webhook.deliveries.exclude(state="waiting").exists()


def test_what_was_changed_holds_and_what_it_was_told_stays(client: Client, webhook: Webhook, team: Team):
    page, before = f"/webhooks/{webhook.pk}/", webhook.at_transaction
    form = FORM | {"act": "change", "teams": [team.pk], "address": "https://new.example.com/", "kinds": ["done"]}
    assert client.post(page, form | {"address": "nowhere"}).status_code == 422
    assert client.post(page, form).status_code == 303
    webhook.refresh_from_db()
    assert (webhook.address, webhook.kinds, webhook.at_transaction) == ("https://new.example.com/", ["done"], before)
    assert client.post(page, {"act": "remove"}).status_code == 303
    assert not Webhook.objects.exists()


def test_so_many_and_no_more(client: Client, team: Team, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(webhooks, "MOST", 2)
    assert [client.post("/webhooks/", FORM | {"teams": [team.pk]}).status_code for _ in range(3)] == [200, 200, 422]


@pytest.mark.parametrize(
    "broken",
    [
        {"event": 5},  # there is one
        {"event": None},
        {"line": 0},
        {"next_at": None},
        {"state": "dead"},
        {"state": "delivered", "next_at": None},
        {"tries": 1},
    ],
)
def test_the_database_refuses_what_is_no_delivery(webhook: Webhook, broken: dict[str, object]):
    whole = {"webhook": webhook, "line": 3, "body": "{}", "made_at": office.NOW, "next_at": office.NOW}
    Delivery.objects.create(**whole, event=5)
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.create(**{**whole, "event": 6, **broken})


@pytest.mark.parametrize(
    "broken",
    [
        {"kinds": []},
        {"teams": []},
        {"address": "ftp://hub"},
        {"secret": "whsec_x"},
        {"old_secret": "x"},
        {"failures": 1},
        {"state": "x"},
    ],
)
def test_the_database_refuses_what_is_no_webhook(webhook: Webhook, broken: dict[str, object]):
    with pytest.raises(IntegrityError), transaction.atomic():
        Webhook.objects.filter(pk=webhook.pk).update(**broken)

"""A PostgreSQL that is away is told as passing (503), what no text can hold as theirs (400); whatever else goes wrong is our
fault (500)."""

import logging
from collections.abc import Iterator

import psycopg2
import pytest
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from backoffice import urls
from tests import office

handler500 = urls.handler500


def _asking(*statements: str) -> object:
    @login_not_required
    def view(_request: HttpRequest) -> HttpResponse:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        return HttpResponse("fine")

    return view


@login_not_required
def nobody_there(_request: HttpRequest) -> HttpResponse:
    with connection.wrap_database_errors:
        psycopg2.connect(host="/nowhere")
    return HttpResponse("fine")


@login_not_required
def closed(_request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        connection.connection.close()
        cursor.execute("SELECT 1")
    return HttpResponse("fine")


urlpatterns = [
    path("ended/", _asking("SELECT pg_terminate_backend(pg_backend_pid())")),
    path("nobody/", nobody_there),
    path("closed/", closed),
    path("typo/", _asking("SELEC 1")),
    path("slow/", _asking("SET statement_timeout = 1", "SELECT pg_sleep(1)")),
]


@pytest.fixture(autouse=True)
def own_connection(transactional_db: None) -> Iterator[None]:
    yield
    connection.close()


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("address", ["/ended/", "/nobody/", "/closed/"])
def test_a_database_that_is_away_is_passing(address: str, caplog: pytest.LogCaptureFixture) -> None:
    client = Client(raise_request_exception=False)
    answer = client.get(address)
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) < 10
    shown = answer.content.decode()
    assert "look whether it is there before you send it again" in shown
    assert '<meta http-equiv="refresh" content="10">' in shown
    assert "The fault is ours" not in shown
    assert [record.levelno for record in caplog.records if record.name.startswith("backoffice")] == [logging.WARNING]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("address", ["/typo/", "/slow/"])
def test_an_answer_that_is_an_error_is_our_fault(address: str) -> None:
    answer = Client(raise_request_exception=False).get(address)
    assert answer.status_code == 500
    assert "The fault is ours" in answer.content.decode()


def test_a_nul_where_a_text_should_be_is_no_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody types one, scanners of the web send them to every address; the log stays as it was."""
    client = Client(raise_request_exception=False)
    client.force_login(office.person("Root", "administrator"))
    form = {"name": "a\0b", "scopes": ["read"], "days": "30"}
    stranger = Client(raise_request_exception=False, headers={"Cookie": 'sessionid="aaaaaaaaaaaa\\000"'})
    for answer in (client.get("/files/a%00b/"), client.post("/tokens/", form), stranger.get("/office/")):
        assert answer.status_code == 400
        assert "NUL" in answer.content.decode()
        assert "http-equiv" not in answer.content.decode(), "it would be sent again and again"
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]


def test_the_process_answers_for_itself(django_assert_num_queries: object) -> None:
    """Whoever is signed in and asks, PostgreSQL is not asked who that is."""
    client = Client()
    client.force_login(office.person("Ada"))
    with django_assert_num_queries(0):
        for answer in (client.get("/healthz"), client.head("/healthz")):
            assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain")


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("address", "says"), [("/typo/", "L’erreur vient de chez nous"), ("/ended/", "La base de données ne répond pas")]
)
def test_trouble_is_told_in_the_language_of_who_asked(address: str, says: str) -> None:
    answer = Client(raise_request_exception=False, HTTP_ACCEPT_LANGUAGE="fr").get(address)
    assert '<html lang="fr">' in answer.content.decode()
    assert says in answer.content.decode()

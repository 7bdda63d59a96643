"""Every text can be translated, and in every language there is each of them is."""

import re
from collections.abc import Iterator
from copy import deepcopy
from html import unescape
from itertools import product
from pathlib import Path

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from pytest_django import DjangoDbBlocker

from skills.models import Worker
from tests import texts, visits
from tests.visits import LATER, ROLES, Office

# Names, which no language translates, and what the people of the office that is visited wrote.
NAMES = "Threeslot English Français CSV QR UTC Europe Paris"
WRITTEN = """Settlements Claims Claim Hull marine cargo Ada Adam Amir Lea Mia Otto Tess Wanda Sums agree Harbour Pool Broken quay
counterparty missing which form unclear the ship sails the broker at the dentist not mine letter pdf files csv
reference file type Nothing AMIR LEA NEW ada amir lea Will flood"""
DATA = {*NAMES.split(), *WRITTEN.split()}
WORD = re.compile(r"[^\W\d_]{2,}")
SAID_BY = "title|alt|aria-label|placeholder|data-(?:on|off|name|offline|failed|forbidden)"
# The administration is largely Django's own, and what describes the API is for programmers.
NO_PAGES = ("/live/", "/admin/", "/api/", "/sign-out/", "/healthz", "/readyz")


@pytest.mark.parametrize("path", texts.catalogues(), ids=lambda path: path.parts[-3])
def test_a_catalogue_is_complete_and_compiled(path: Path):
    assert texts.troubles(path) == []


@pytest.fixture(scope="module")
def attachments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("attachments")


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker, attachments: Path) -> Iterator[Office]:
    with visits.one_office(django_db_blocker, attachments) as office:
        yield office


@pytest.fixture
def in_brackets(settings, attachments: Path, tmp_path: Path) -> Iterator[None]:
    settings.ATTACHMENTS_DIR = str(attachments)
    with texts.in_brackets(tmp_path / "locale", language="fr"):
        yield


def untranslated(page: str) -> set[str]:
    """Texts outside of brackets that hold words which are no data."""
    before = None
    while before != page:
        before, page = page, re.sub(r"⟦[^⟦⟧]*⟧", "", page)
    return {
        text for each in said(page) if (text := " ".join(unescape(each).split())) and set(WORD.findall(text)) - DATA
    }


def said(page: str) -> list[str]:
    """What is read or read out of a page, piece by piece; the list of time zones is one of names."""
    page = re.sub(r"<(script|kbd|optgroup)\b.*?</\1>|<!--.*?-->", "", page, flags=re.DOTALL)
    page = re.sub(r"<(\w+)[^>]* translate=\"no\"[^>]*>.*?</\1>", "", page, flags=re.DOTALL)
    attributes = re.findall(rf"\b(?:{SAID_BY})=\"([^\"]*)\"", page)
    attributes += re.findall(r"<input[^>]*type=\"submit\"[^>]*value=\"([^\"]*)\"", page)
    return [*re.split(r"<[^>]+>", page), *attributes]


@pytest.mark.django_db
@pytest.mark.usefixtures("in_brackets")
@pytest.mark.parametrize("role", ROLES)
def test_every_text_of_every_page_can_be_translated(made: Office, role: str):
    with time_machine.travel(LATER, tick=False):
        office = deepcopy(made)
        Worker.objects.update(language="fr")
        client, leaks = office.client(role), {}
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "fr"
        for verb, address in product(("GET", "POST"), visits.addresses()):
            if not address.startswith(NO_PAGES):
                leaks[f"{verb} {address}"] = untranslated(shown(office, client, verb, address, role))
    assert {address: leaked for address, leaked in leaks.items() if leaked} == {}


def shown(office: Office, client: Client, verb: str, address: str, role: str) -> str:
    """The page that this address answers with, or leads to; nothing that it does stays done."""
    with transaction.atomic():
        try:
            path = office.path(address, role)
            asked = (
                client.get(path, office.asked.get(address))
                if verb == "GET"
                else client.post(path, office.sent.get(address, {}))
            )
            if asked.headers.get("Location", "").startswith("/") and role in office.people:
                asked = client.get(asked.headers["Location"])
            return asked.content.decode() if asked.headers["Content-Type"].startswith("text/html") else ""
        finally:
            transaction.set_rollback(True)

"""Front offices are not dispatched here: no queue, no file types, no bins, and people lent to them for a time."""

import io
import re
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from dispatch import flow, loans, people, tables
from dispatch.models import Bin, FileType, Queue
from skills.models import Role, Team, Worker
from tests import office
from tests.office import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db):
    return Team.objects.create(name="Front desk", slug="front-desk", is_front_office=True)


@pytest.fixture
def fay(desk):
    return office.person("Fay", Role.WORKER, team=desk)


def text(answer) -> str:
    return re.sub(r"\s+", " ", strip_tags(answer.content.decode()))


def sign_in(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


# --- The database refuses


def test_a_front_office_gets_neither_queue_nor_file_types(desk, team, claim):
    for act in (
        lambda: Queue.objects.create(team=desk, calendar=office.calendar()),
        lambda: office.file_type("Call", desk),
        lambda: FileType.objects.filter(pk=claim.pk).update(team=desk),
    ):
        with pytest.raises(IntegrityError, match="is a front office"), transaction.atomic():
            act()


def test_a_team_with_a_queue_or_file_types_is_no_front_office(team, desk):
    bare = Team.objects.create(name="Bare", slug="bare")
    office.file_type("Call", bare)
    for each in (team, bare):
        with pytest.raises(IntegrityError, match="so it is no front office"), transaction.atomic():
            Team.objects.filter(pk=each.pk).update(is_front_office=True)


# --- The administration


def team_form(name="Phones", **more):
    queue = {"TOTAL_FORMS": 1, "INITIAL_FORMS": 0, "0-bin_size": 3}
    fields = {"name": name, "slug": "phones", "is_front_office": "on"}
    return fields | {f"queue-{key}": value for key, value in queue.items()} | more


def test_made_in_the_administration_without_a_queue(admin):
    answer = admin.post(reverse("admin:skills_team_add"), team_form())
    assert answer.status_code == 302, answer.context["errors"]
    made = Team.objects.get(slug="phones")
    assert made.is_front_office
    assert not Queue.objects.filter(team=made).exists()
    page = admin.get(reverse("admin:skills_team_change", args=[made.pk]))
    assert "queue-0-calendar" not in page.content.decode()
    answer = admin.post(reverse("admin:skills_team_change", args=[made.pk]), team_form(is_front_office=""), follow=True)
    assert "This team has no central queue yet." in text(answer)


def change(admin, team):
    form = team_form(name=team.name, **{"queue-INITIAL_FORMS": 1, "queue-0-team": team.pk})
    return admin.post(reverse("admin:skills_team_change", args=[team.pk]), form)


def test_a_team_with_nothing_to_do_is_marked_and_its_bins_go(admin, team):
    ada = office.worker("Ada", team)
    assert change(admin, team).status_code == 302
    team.refresh_from_db()
    assert team.is_front_office
    assert not Queue.objects.filter(team=team).exists()
    assert not Bin.objects.filter(worker=ada).exists()
    ada.refresh_from_db()
    assert not ada.is_present


def test_a_team_with_work_is_not_marked(admin, team):
    ada = office.worker("Ada", team)
    other = office.team("Claims")
    now = timezone.now()
    loan = loans.lend(
        ada, to_team=other, ends_at=now + timedelta(hours=1), reason="flood", is_agreed=True, by=ada, now=now
    )
    assert "End these loans first." in text(change(admin, team))
    loans.end(loan, by=ada, now=now)
    kind = office.file_type("Claim", team)
    assert "Delete them first." in text(change(admin, team))
    office.log(kind)
    assert "This team has files" in text(change(admin, team))
    assert Queue.objects.filter(team=team).exists()


def test_file_types_are_not_for_front_offices(admin, desk, team):
    page = admin.get(reverse("admin:dispatch_filetype_add")).content.decode()
    assert "Front desk" not in page
    form = {
        "team": desk.pk,
        "name": "Call",
        "slug": "call",
        "is_open": "on",
        "least_level": 3,
        "weight": 1,
        "aged_after": 9,
    }
    form |= {f"{name}-{key}": 0 for name in ("checklist", "agreements") for key in ("TOTAL_FORMS", "INITIAL_FORMS")}
    answer = admin.post(reverse("admin:dispatch_filetype_add"), form)
    assert "it has no file types" in text(answer)


# --- Its people


def test_nobody_is_lent_from_a_front_office(fay, team):
    with pytest.raises(loans.NotLendable, match="whose people have no bin"):
        loans.lend(fay, to_team=team, ends_at=NOW + timedelta(hours=1), reason="flood", is_agreed=True, by=fay, now=NOW)


def test_its_people_are_told_where_they_are(fay, desk):
    client = sign_in(fay)
    assert client.get("/").headers["Location"] == "/board/front-desk/"
    page = client.get("/board/front-desk/")
    assert "Nobody is lent here now." in text(page)
    assert 'href="/bin/"' not in page.content.decode()
    assert "Front desk is a front office" in text(client.get("/bin/"))
    assert "data-live" not in client.get("/bin/").content.decode()  # it would say "connecting" for ever
    assert client.get("/absences/front-desk/").headers["Location"] == "/board/front-desk/"
    assert client.post("/bin/back/").status_code == 409


def test_people_are_imported_into_a_front_office_without_bins(desk):
    table = b"username,team,roles\nfay,Front desk,worker\n"

    def run(**more):
        return people.import_people(tables.read(io.BytesIO(table), wanted=people.FIELDS), now=NOW, **more)

    outcome = run(present=True)
    assert (outcome.problems, outcome.new, outcome.came_in) == ((), 1, 0)
    assert not Bin.objects.exists()
    with pytest.raises(tables.Unreadable, match="is a front office"):
        run(create_team="Front desk")


# --- Who helps


@pytest.mark.usefixtures("clock")
def test_the_page_says_who_helps_until_when_and_who_comes_next(desk, team):
    ada, ben = office.worker("Ada", team), office.worker("Ben", team)
    office.log(office.file_type("Claim", team), 6)
    told = {"to_team": desk, "reason": "Many callers", "is_agreed": True, "by": ada, "now": NOW}
    loans.lend(ada, ends_at=NOW + timedelta(hours=2), **told)
    loans.lend(ben, starts_at=NOW + timedelta(days=1), ends_at=NOW + timedelta(days=1, hours=2), **told)
    assert office.in_bin(ada) == ["", "", ""]
    page = sign_in(ben).get("/board/front-desk/")
    assert "Ada from Settlements · until today, 12:00" in text(page)
    assert "Ben from Settlements · tomorrow, 10:00 until tomorrow, 12:00" in text(page)
    assert "/lend/" not in page.content.decode()
    flow.away(ada, by=ada, now=NOW)
    assert "Ada from Settlements away · until today" in text(sign_in(ben).get("/board/front-desk/"))
    mia = sign_in(office.person("Mia", Role.MANAGER))
    assert 'href="/lend/?to=front-desk"' in mia.get("/board/front-desk/").content.decode()
    assert Client().get("/board/front-desk/").status_code == 302


@pytest.mark.usefixtures("clock")
def test_who_comes_back_is_filled_again(desk, team):
    ada = office.worker("Ada", team)
    office.log(office.file_type("Claim", team), 6)
    loans.lend(
        ada, to_team=desk, ends_at=NOW + timedelta(hours=2), reason="Many callers", is_agreed=True, by=ada, now=NOW
    )
    loans.run_due(now=NOW + timedelta(hours=2))
    assert Worker.objects.get(pk=ada.pk).works_in == team
    flow.back(ada, by=ada, now=NOW + timedelta(hours=2))
    assert "" not in office.in_bin(ada)

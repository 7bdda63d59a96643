"""The administration is no side door: who is changed there leaves their files to the queue first (R1, R15)."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from dispatch import ledger, loans
from dispatch.models import Loan, Queue
from skills.models import Team, Worker
from tests import office

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(team):
    office.log(office.file_type("Claim", team), 4)
    return office.worker("Ada", team)


def form_of(worker, **changes):
    empty = {"TOTAL_FORMS": 0, "INITIAL_FORMS": 0}
    fields = {
        "username": worker.username,
        "name": worker.name,
        "roles": worker.roles,
        "team": worker.team_id or "",
        "is_active": "on",
        "save_with_orphans": "yes",  # what asks first is tested in test_orphans_first
        **{f"competences-{name}": value for name, value in empty.items()},
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


@pytest.mark.parametrize("change", [{"team": ""}, {"roles": []}, {"is_active": None}, {"team": "other"}])
def test_r15_whoever_is_moved_leaves_the_files_to_the_queue(admin, ada, team, change):
    if change.get("team") == "other":
        change = {"team": office.team("Priority").pk}
    answer = admin.post(reverse("admin:skills_worker_change", args=[ada.pk]), form_of(ada, **change))
    assert answer.status_code == 302, answer.context["errors"]
    assert team.files.filter(state="waiting").count() == 4
    assert not any(office.in_bin(ada))
    assert ledger.balance().differences == ()


@pytest.mark.parametrize("change", [{"roles": []}, {"is_active": None}, {"team": "host"}, {"team": "third"}])
def test_whoever_is_moved_is_lent_no_more(admin, ada, change):
    host, third, now = office.team("Host"), office.team("Third"), timezone.now()
    ends_at = now + timedelta(hours=1)
    loans.lend(ada, to_team=host, ends_at=ends_at, reason="flood", is_agreed=True, by=ada, now=now)
    if "team" in change:
        change = {"team": {"host": host, "third": third}[change["team"]].pk}
    answer = admin.post(reverse("admin:skills_worker_change", args=[ada.pk]), form_of(ada, **change))
    assert answer.status_code == 302, answer.context["errors"]
    assert Loan.objects.get().end_reason == loans.NOT_THERE
    ada.refresh_from_db()
    assert ada.works_in_id == ada.team_id


def test_who_gets_another_role_as_well_stays_where_they_are(admin, ada):
    host, now = office.team("Host"), timezone.now()
    ends_at = now + timedelta(hours=1)
    loans.lend(ada, to_team=host, ends_at=ends_at, reason="flood", is_agreed=True, by=ada, now=now)
    held = office.in_bin(ada)
    admin.post(reverse("admin:skills_worker_change", args=[ada.pk]), form_of(ada, roles=["worker", "leader"]))
    ada.refresh_from_db()
    assert (ada.roles, ada.works_in, ada.is_present) == (["worker", "leader"], host, True)
    assert office.in_bin(ada) == held != ["", "", ""]


@pytest.mark.parametrize("change", [{"team": ""}, {"roles": []}, {"is_active": None}, {"team": "settlements"}])
def test_whoever_is_of_a_front_office_is_moved_like_anybody(admin, team, change):
    front = Team.objects.create(name="Front desk", slug="front-desk", is_front_office=True)
    fay = office.person("Fay", "worker", team=front)
    if change.get("team"):
        change = {"team": team.pk}
    answer = admin.post(reverse("admin:skills_worker_change", args=[fay.pk]), form_of(fay, **change))
    assert answer.status_code == 302
    fay.refresh_from_db()
    assert (fay.team, fay.roles, fay.is_active) != (front, ["worker"], True)


def test_presence_cannot_be_typed_in(admin, ada):
    admin.post(reverse("admin:skills_worker_change", args=[ada.pk]), form_of(ada, name="Ada L.", is_present=""))
    ada.refresh_from_db()
    assert (ada.name, ada.is_present) == ("Ada L.", True)


def test_a_new_worker_gets_a_bin(admin, team):
    admin.post(
        reverse("admin:skills_worker_add"),
        form_of(Worker(username="ben", name="Ben", roles=["worker"], team=team), usable_password="false"),
    )
    assert office.in_bin(Worker.objects.get(username="ben")) == ["", "", ""]


def test_the_role_is_what_makes_an_administrator(admin, client, ada):
    admin.post(reverse("admin:skills_worker_change", args=[ada.pk]), form_of(ada, roles=["administrator"]))
    ada.refresh_from_db()
    client.force_login(ada)
    assert client.get(reverse("admin:skills_team_changelist")).status_code == 200


def test_files_slots_and_events_are_not_there(admin):
    for model in ("file", "slot", "event", "bin", "tally"):
        assert admin.get(f"/admin/dispatch/{model}/").status_code == 404


def test_a_new_wall_link_ends_the_old_one(admin, team):
    before = Queue.objects.get(team=team).wall_secret
    admin.post(reverse("admin:skills_team_changelist"), {"action": "renew_wall_link", "_selected_action": [team.pk]})
    assert Queue.objects.get(team=team).wall_secret != before


@pytest.mark.parametrize("role", ["assistant", "worker", "leader", "manager"])
def test_only_administrators_enter(client, team, role):
    client.force_login(office.person("Somebody", role, team=team))
    assert client.get("/admin/").status_code == 302
    assert client.get(reverse("admin:skills_worker_changelist")).status_code == 302


@pytest.mark.parametrize("number", [1, 30])
def test_what_has_files_stays_and_they_are_not_listed(admin, team, number, django_assert_num_queries):
    """Django would read every one of a million files, only to say that they are in the way."""
    kind = office.file_type("Claim", team)
    reference = office.log(kind, number)[0].reference
    for name, pk in (("skills_team", team.pk), ("dispatch_filetype", kind.pk)):
        address = reverse(f"admin:{name}_delete", args=[pk])
        admin.get(address)
        with django_assert_num_queries(5):
            asked = admin.get(address).content.decode()
        assert "<li>files</li>" in asked
        assert reference not in asked
        admin.post(address, {"post": "yes"})
    assert kind.files.count() == number
    assert Team.objects.filter(pk=team.pk).exists()


def test_what_has_none_can_be_deleted(admin, team):
    kind = office.file_type("Claim", team)
    admin.post(reverse("admin:dispatch_filetype_delete", args=[kind.pk]), {"post": "yes"})
    assert not team.file_types.exists()

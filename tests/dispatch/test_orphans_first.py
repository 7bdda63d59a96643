"""A change in the administration that leaves files which nobody can do is shown first and saved only when confirmed."""

import pytest
from django.urls import reverse

from dispatch import ledger
from dispatch.models import FileType
from skills.models import Competence, Level, Worker
from tests import office
from tests.desk import text
from tests.dispatch.test_administration import form_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def hull(team):
    made = office.file_type("Hull", team, needs="marine")
    office.log(made, 5)
    return made


@pytest.fixture
def ada(team, hull):
    office.worker("Ben", team)
    return office.worker("Ada", team, marine="U")


def with_level(ada, level):
    competence = Competence.objects.get(worker=ada)
    rows = {
        "TOTAL_FORMS": 1,
        "INITIAL_FORMS": 1,
        "0-id": competence.pk,
        "0-worker": ada.pk,
        "0-skill": competence.skill_id,
    }
    rows |= {"0-level": level.value}
    return form_of(ada, save_with_orphans=None, **{f"competences-{name}": value for name, value in rows.items()})


def page_of(worker):
    return reverse("admin:skills_worker_change", args=[worker.pk])


def level_of(worker):
    return Competence.objects.get(worker=worker).level


def test_a_lower_level_asks_first_and_is_saved_when_confirmed(admin, ada, hull):
    form = with_level(ada, Level.L)
    answer = admin.post(page_of(ada), form)
    assert answer.status_code == 200
    assert "2 × Hull" in text(answer)
    assert "nobody in the team would have marine, U" in text(answer)
    assert level_of(ada) == Level.U
    again = dict(answer.context["typed"]) | {"save_with_orphans": "yes"}
    assert admin.post(page_of(ada), again).status_code == 302
    assert level_of(ada) == Level.L


def test_nobody_is_told_of_a_change_that_was_undone(admin, ada):
    answer = admin.post(page_of(ada), with_level(ada, Level.L))
    assert "was changed successfully" not in text(answer) + text(admin.get(page_of(ada)))


def test_leaving_the_team_asks_first_and_leaves_the_bin_alone(admin, ada):
    before = office.in_bin(ada)
    assert all(before[:3])
    answer = admin.post(page_of(ada), with_level(ada, Level.U) | {"team": ""})
    assert "5 × Hull" in text(answer)
    assert office.in_bin(ada) == before
    assert Worker.objects.get(pk=ada.pk).team_id is not None
    assert ledger.balance().differences == ()


def test_what_harms_nobody_is_saved_at_once(admin, ada):
    assert admin.post(page_of(ada), with_level(ada, Level.O)).status_code == 302
    assert level_of(ada) == Level.O


def test_orphans_that_were_there_before_do_not_ask(admin, ada, team):
    office.log(office.file_type("Cargo", team, needs="cargo"))
    assert admin.post(page_of(ada), with_level(ada, Level.O)).status_code == 302


def test_a_type_that_needs_more_asks_first(admin, ada, hull):
    empty = {"TOTAL_FORMS": 0, "INITIAL_FORMS": 0}
    form = {
        "name": hull.name, "slug": hull.slug, "skill": hull.skill_id, "least_level": Level.O.value, "weight": 1,
        "aged_after": 240, **{f"{rows}-{name}": value for rows in ("checklist", "agreements") for name, value in empty.items()},
    }  # fmt: skip
    answer = admin.post(reverse("admin:dispatch_filetype_change", args=[hull.pk]), form)
    assert "nobody in the team would have marine, O" in text(answer)
    assert FileType.objects.get(pk=hull.pk).least_level == Level.U

"""Forms of the administration are those of Django, though most of their parts are written without its templates."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from backoffice import form_parts
from dispatch.models import Agreement
from skills.models import Competence, Level, Role, Skill
from tests import office

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator():
    client = Client()
    client.force_login(office.person("Ann", Role.ADMINISTRATOR))
    return client


def test_what_is_written_without_a_template_is_the_same(administrator, team, monkeypatch, settings, tmp_path):
    ada = office.worker("Ada <b>", team)
    Competence.objects.create(
        worker=ada, skill=Skill.objects.create(name='"Marine" & co', slug="marine"), level=Level.U
    )
    claim = office.file_type("Claim", team, checklist=("It is signed.",))
    Agreement.objects.create(file_type=claim, kind="working_days", days=9)
    change = f"/admin/skills/worker/{ada.pk}/change/"
    others = ["skills/worker/", "skills/worker/add/", f"skills/team/{team.pk}/change/", "dispatch/mailbox/add/"]
    read = [change, *(f"/admin/{each}" for each in (*others, f"dispatch/filetype/{claim.pk}/change/"))]
    agreed = f"/admin/dispatch/filetype/{claim.pk}/change/"
    wrong = {"username": "", "competences-TOTAL_FORMS": "x"}
    no_days = {"agreements-TOTAL_FORMS": 1, "agreements-INITIAL_FORMS": 0, "agreements-0-days": "x"}

    def pages() -> list[str]:
        answers = [
            *map(administrator.get, read),
            administrator.post(change, wrong),
            administrator.post(agreed, no_days),
        ]
        return [_plain(answer.content.decode()) for answer in answers]

    written = pages()
    monkeypatch.setattr(form_parts, "PARTS", {})
    _bring_back(tmp_path, settings, "admin/includes/fieldset.html")
    assert written == pages()
    assert all("errorlist" in page for page in written[-2:])


def test_however_many_rows_choose_their_choices_are_read_once(administrator, team):
    ada = office.worker("Ada", team)
    statements = []
    for skill in ("marine", "motor", "glass"):
        Competence.objects.create(worker=ada, skill=office.skill(skill), level=Level.U)
        with CaptureQueriesContext(connection) as asked:
            page = administrator.get(f"/admin/skills/worker/{ada.pk}/change/").content.decode()
        statements.append(len(asked))
    assert len(set(statements)) == 1
    assert page.count(">motor</option>") == 5  # in three rows, one more, and the empty one


def _bring_back(folder: Path, settings: Any, name: str) -> None:
    """A template of Django's that we have one of our own for."""
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text((Path(admin.__path__[0]) / "templates" / name).read_text())
    (engine,) = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "DIRS": [folder, *engine["DIRS"]]}]


def _plain(page: str) -> str:
    """Without the white space between elements, and without tokens."""
    page = re.sub(r'csrfmiddlewaretoken" value="\w+', "", page)
    return re.sub(r">\s+", ">", re.sub(r"\s+<", "<", re.sub(r"\s+", " ", page)))

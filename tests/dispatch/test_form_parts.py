"""Forms of the administration are those of Django, though most of their parts are written without its templates."""

import re

import pytest
from django.test import Client

from backoffice import form_parts
from skills.models import Competence, Level, Role, Skill
from tests import office

pytestmark = pytest.mark.django_db


def test_what_is_written_without_a_template_is_the_same(team, monkeypatch):
    ada, administrator = office.worker("Ada <b>", team), office.person("Ann", Role.ADMINISTRATOR)
    Competence.objects.create(
        worker=ada, skill=Skill.objects.create(name='"Marine" & co', slug="marine"), level=Level.U
    )
    client = Client()
    client.force_login(administrator)
    change = f"/admin/skills/worker/{ada.pk}/change/"
    wrong = {"username": "", "competences-TOTAL_FORMS": "x"}

    def pages() -> list[str]:
        answers = [client.get(change), client.get("/admin/skills/worker/"), client.post(change, wrong)]
        return [_plain(answer.content.decode()) for answer in answers]

    written = pages()
    monkeypatch.setattr(form_parts, "PARTS", {})
    assert written == pages()
    assert "errorlist" in written[2]


def _plain(page: str) -> str:
    """Without the white space between elements, and without tokens."""
    page = re.sub(r'csrfmiddlewaretoken" value="\w+', "", page)
    return re.sub(r">\s+", ">", re.sub(r"\s+<", "<", re.sub(r"\s+", " ", page)))

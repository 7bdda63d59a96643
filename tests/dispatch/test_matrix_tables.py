"""The matrix as a file: harmless to spreadsheets, the same when it comes back, and nothing half saved."""

import csv
import io
import re
from datetime import timedelta

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from python_calamine import CalamineWorkbook

from dispatch import loans, matrix_tables, pairings
from dispatch.matrix import end_of, matrix, zone_of
from dispatch.models import Event
from skills.models import Competence, Level, LevelChange, Pairing, Skill, Worker
from tests import office
from tests.desk import text
from tests.office import NOW
from tests.workbook import xlsx

pytestmark = pytest.mark.django_db
AT = "/skills/settlements/import/"
WILD = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"]


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def team():
    return office.team()


@pytest.fixture
def ada(team):
    return office.worker("Ada", team, marine="U", cargo="L")


@pytest.fixture
def page(client, team, ada):
    client.force_login(office.person("Lea", "leader", leads=team))
    return client


def bring(page, content: str | bytes, name="matrix.csv"):
    content = content.encode() if isinstance(content, str) else content
    return page.post(AT, {"table": SimpleUploadedFile(name, content)})


def levels_now():
    return sorted(Competence.objects.values_list("worker__username", "skill__name", "level"))


def save(page, answer, **more):
    lines = re.findall(r'name="change" value="([^"]*)"', answer.content.decode())
    return page.post(AT, {"change": lines, **more})


@pytest.mark.parametrize("wild", WILD)
def test_no_cell_is_a_formula(team, ada, wild):
    Worker.objects.filter(pk=ada.pk).update(name=wild)
    Skill.objects.filter(name="cargo").update(name=f"{wild} cargo")
    shown = matrix(team, reader=ada, now=NOW)
    rows = list(csv.reader(io.StringIO(matrix_tables.as_csv(shown).decode("utf-8-sig"))))
    assert all(not cell.startswith(("=", "+", "-", "@", "\t")) for row in rows for cell in row)
    assert rows[1][1] == f"'{wild}"
    book = CalamineWorkbook.from_filelike(io.BytesIO(matrix_tables.as_xlsx(shown)))
    assert book.get_sheet_by_index(0).to_python()[1][1] == wild, "text, not what it would come to"


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_what_was_taken_away_comes_back_without_a_change(page, team, ada, ending):
    Competence.objects.filter(skill__name="marine").update(certified_until=end_of(NOW.date(), zone_of(team)))
    Skill.objects.filter(name="cargo").update(name="=cargo")
    content = page.get(f"/skills/settlements/matrix.{ending}").content
    answer = bring(page, content, name=f"matrix.{ending}")
    assert answer.status_code == 200
    assert "There is nothing to change." in text(answer)


def test_what_would_change_is_shown_first_and_saved_as_a_whole(page, ada):
    before = levels_now()
    answer = bring(page, "username,name,marine,cargo\nada,Somebody else,O until 2026-12-31,-\n")
    assert "2 levels would change" in text(answer)
    assert levels_now() == before
    assert save(page, answer).status_code == 303
    assert levels_now() == [("ada", "marine", Level.O)]
    assert LevelChange.objects.count() == 2
    assert Worker.objects.get(pk=ada.pk).name == "Ada", "levels alone"


def test_an_empty_cell_leaves_things_as_they_are(page, ada):
    assert "nothing to change" in text(bring(page, "username;marine;cargo\nada;;\n"))


def test_a_workbook_is_as_good(page, ada):
    answer = bring(page, xlsx([["username", "marine"], ["ada", "o"]]), name="matrix.xlsx")
    assert save(page, answer).status_code == 303
    assert ("ada", "marine", Level.O) in levels_now()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name,marine\nAda,U\n", "There is no column username"),
        ("username,sailing\nada,U\n", "There is no skill sailing"),
        ("username,marine,Marine\nada,U,O\n", "two columns"),
        ("username,marine\nnobody,U\n", "Nobody in this team has the user name nobody"),
        ("username,marine\nada,O\nada,U\n", "in an earlier row already"),
        ("username,marine\nada,X\n", "X is no level"),
        ("username,marine\nada,U until 2026-02-31\n", "There is no such day"),
        ("username,marine\nada,U 31.12.2026\n", "is no level"),
        ("username,marine\nada\n", "This row has 1 cells"),
        ("", "file is empty"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_nothing_is_saved(page, ada, content, said):
    before = levels_now()
    answer = bring(page, content)
    assert answer.status_code == 422
    assert said in text(answer)
    assert 'name="change"' not in answer.content.decode()
    assert levels_now() == before


def test_one_wrong_cell_among_good_ones_saves_none(page, ada):
    office.worker("Ben", ada.team)
    answer = bring(page, "username,marine\nada,O\nben,Z\n")
    assert answer.status_code == 422
    assert "line 3 , marine" in text(answer) or "line 3, marine" in text(answer)


def test_who_is_lent_here_is_set_at_home(page, team, ada):
    other = office.team("Claims")
    guest = office.worker("Gus", other)
    mia, until = office.person("Mia", "manager"), NOW.replace(hour=17)
    loans.lend(guest, to_team=team, ends_at=until, reason="flood", is_agreed=True, by=mia, now=NOW)
    assert "belongs to another team" in text(bring(page, "username,marine\ngus,U\n"))
    forged = page.post(AT, {"change": ["gus|marine||U|"]})
    assert forged.status_code == 422
    assert not Competence.objects.filter(worker=guest).exists()


@pytest.mark.parametrize(
    "forged", ["ada", "ada|marine|U|Q|", "ada|sailing|U|O|", "ada|marine|U|O|soon", "x|marine|U|O|"]
)
def test_a_forged_change_is_refused(page, ada, forged):
    before = levels_now()
    assert page.post(AT, {"change": [forged]}).status_code == 422
    assert levels_now() == before


def test_a_level_that_changed_meanwhile_saves_none(page, ada):
    answer = bring(page, "username,marine,cargo\nada,O,U\n")
    Competence.objects.filter(skill__name="cargo").update(level=Level.I)
    assert save(page, answer).status_code == 409
    assert ("ada", "marine", Level.U) in levels_now()


def test_orphans_ask_first(page, team, ada):
    office.log(office.file_type("Hull", team, needs="marine"), 2, now=NOW)
    answer = save(page, bring(page, "username,marine\nada,L\n"))
    assert answer.status_code == 409
    assert "2 × Hull" in text(answer)
    assert save(page, answer, confirmed="yes").status_code == 303
    assert ("ada", "marine", Level.L) in levels_now()


# --- Undo: the whole of it ----------------------------------------------------------------------------------------------------


def undone(page, *, event=None, **headers):
    return page.post("/skills/settlements/undo/", {"event": event or last_event()}, headers=headers)


def last_event():
    return Event.objects.filter(kind=Event.Kind.LEVELLED).latest("pk").pk


def everything():
    return set(
        Competence.objects.values_list("worker__username", "skill__slug", "level", "certified_until", "practised_on")
    )


@pytest.fixture
def imported(page, team, ada):
    """Levels were raised, lowered, given and taken away, the last with a day of practice, and a pairing ended."""
    olga = office.worker("Olga", team, marine="O")
    lou = office.worker("Lou", team, marine="L", cargo="U")
    Competence.objects.filter(worker=lou, skill__slug="cargo").update(practised_on=NOW.date())
    until = NOW + timedelta(days=9)
    pairings.plan(
        lou, olga, office.skill("marine"), starts_at=NOW, ends_at=until, by=Worker.objects.get(username="lea"), now=NOW
    )
    before = everything()
    rows = "username,marine,cargo\nada,L,O until 2026-12-31\nlou,U,-\nolga,O,I\n"
    answer = save(page, bring(page, rows), confirmed="yes")
    assert answer.status_code == 303
    assert not Pairing.objects.filter(ended_at=None).exists()
    return before


def test_an_import_is_undone_as_a_whole(page, imported, books_balance):
    assert f'name="event" value="{last_event()}"' in page.get("/skills/settlements/").content.decode()
    assert everything() != imported
    assert undone(page).status_code == 303
    assert everything() == imported
    assert Pairing.objects.filter(ended_at=None).exists()
    assert "Undone: 5 levels are as they were." in text(page.get("/skills/settlements/"))
    assert LevelChange.objects.count() == 2 * 5
    assert undone(page, **{"HX-Request": "true"}).status_code == 409, "not twice"


def test_with_htmx_the_whole_matrix_is_shown_anew(page, imported):
    assert undone(page, **{"HX-Request": "true"})["HX-Redirect"] == "/skills/settlements/"
    assert everything() == imported


def test_an_import_is_undone_wholly_or_not_at_all(page, imported):
    """One of its levels was changed since."""
    Competence.objects.filter(worker__username="olga", skill__slug="cargo").update(level=Level.L)
    before = everything()
    assert undone(page, **{"HX-Request": "true"}).status_code == 409
    assert everything() == before


def test_only_who_imported_it_undoes_it_for_a_minute(page, imported, team):
    after = everything()
    other = Client()
    other.force_login(office.person("Lou Leader", "leader", leads=team))
    assert undone(other, **{"HX-Request": "true"}).status_code == 409
    with time_machine.travel(NOW + timedelta(seconds=61), tick=False):
        assert undone(page, **{"HX-Request": "true"}).status_code == 409
    assert everything() == after


def test_import_and_undo_cost_the_same_for_two_levels_and_for_two_hundred(page, team):
    def statements(act):
        with CaptureQueriesContext(connection) as asked:
            assert act().status_code == 303
        return len(asked)

    def of(people, skills):
        names = [f"p{number}" for number in range(people)]
        known = set(Worker.objects.values_list("username", flat=True))
        for name in names:
            if name not in known:
                office.worker(name, team, present=False)
        header = ",".join(f"s{number}" for number in range(skills))
        answer = bring(page, f"username,{header}\n" + "".join(f"{name}{',U' * skills}\n" for name in names))
        took = statements(lambda: save(page, answer))
        assert Competence.objects.filter(level=Level.U, worker__username__in=names).count() == people * skills
        return took, statements(lambda: undone(page)) - people * skills  # one for each level that is taken away

    for number in range(20):
        office.file_type(f"Type {number}", team, needs=f"s{number}")
    assert of(1, 2) == of(10, 20)

"""Strengths are everybody's, gaps one's own: looked for on the page, in its exports and at every address of it, as everybody."""

import csv
import io
import re
from datetime import date, timedelta

import pytest
import time_machine
from python_calamine import CalamineWorkbook

from dispatch import flow, levels, loans
from dispatch.levels import Wanted
from dispatch.matrix import Cover, matrix
from skills.models import Competence, Level, LevelChange, Worker
from tests import office
from tests.desk import text, undo_in
from tests.office import NOW

pytestmark = pytest.mark.django_db

AT = "/skills/settlements/"
ENDED = NOW - timedelta(days=1)
PRACTISED = date(2026, 2, 17)


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def people():
    """Ada has one of each level, a certificate that has ended, and nothing in law."""
    team, other = office.team(), office.team("Claims")
    office.file_type("Hull", team, needs="marine")
    made = {
        "ada": office.worker("Ada", team, marine="U", cargo="O", hull="L", war="I", fire="U"),
        "ben": office.worker("Ben", team, law="U"),
        "lea": office.person("Lea", "leader", leads=team),
        "otto": office.person("Otto", "leader", leads=other),
        "mia": office.person("Mia", "manager"),
        "adam": office.person("Adam", "administrator"),
        "amir": office.person("Amir", "assistant"),
    }
    Competence.objects.filter(skill__name="fire").update(certified_until=ENDED)
    Competence.objects.filter(skill__name="cargo").update(certified_until=NOW + timedelta(days=20))
    Competence.objects.update(practised_on=PRACTISED)
    war = Wanted(made["ada"], office.skill("war"), level=Level.L, was=Level.I)
    levels.set_levels([war], by=made["lea"], now=NOW)
    return made


ALL = {"ben", "lea", "otto", "mia", "adam", "amir", "ada"}
TOLD = {"ada", "lea", "mia", "adam"}


def marks_of_ada(page: str) -> dict[str, str]:
    """What stands in the row of Ada, by skill."""
    heads = re.findall(r'<span class="skill-name">([^<]+)</span>', page)
    rows = page[page.index("<tbody>") :]
    row = rows[rows.index(">Ada<") : rows.index(">Ben<")]
    cells = re.findall(r'<td id="c\d+-\d+">(.*?)</td>', row)
    return dict(zip(heads, (re.sub(r"<[^>]+>", "", cell) for cell in cells), strict=True))


def seen_by(client, person):
    client.force_login(person)
    return client.get(AT).content.decode()


@pytest.mark.parametrize("who", sorted(ALL))
def test_who_may_not_know_sees_strengths_alone_and_cannot_tell_gaps_apart(client, people, who):
    page = seen_by(client, people[who])
    marks = marks_of_ada(page)
    told = {"marine": "U", "cargo": "O, certificate ends 23 Mar 2026", "war": "L", "hull": "L", "law": "–"}
    if who in TOLD:
        assert marks == told | {"fire": "U, certificate ended"}
    else:
        assert marks == {"marine": "U", "cargo": "O", "law": ""}
        assert "23 Mar" not in page
        assert "Last changes" not in page or 'id="level-changes" aria-labelledby="changes-title" hidden' in page


@pytest.mark.parametrize("who", sorted(ALL))
@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_exports_hold_no_more_than_the_page(client, people, who, ending):
    client.force_login(people[who])
    content = client.get(f"{AT}matrix.{ending}").content
    if ending == "csv":
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    else:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        rows = book.get_sheet_by_index(0).to_python()
    ada = dict(zip(*rows[:2], strict=True))
    told = {"username": "ada", "name": "Ada", "marine": "U", "cargo": "O", "law": ""}
    if who in TOLD:
        told |= {"cargo": "O until 2026-03-23", "war": "L", "hull": "L", "fire": "U until 2026-03-02"}
    assert ada == told


@pytest.mark.parametrize("who", sorted(ALL))
def test_when_somebody_practised_is_for_them_and_their_leader(client, people, who):
    client.force_login(people[who])
    pages = [AT, f"{AT}of/ada/", f"{AT}of/ada/marine/", f"{AT}plan/", "/board/settlements/"]
    told = "".join(text(client.get(page)) for page in pages)
    assert ("17 Feb 2026" in told) == (who in {"ada", "lea"})


@pytest.mark.parametrize("who", sorted(ALL))
def test_only_leader_and_administrator_set_a_level_and_a_target(client, people, who):
    client.force_login(people[who])
    answers = {
        client.post(f"{AT}of/ada/marine/", {"level": "O", "was": "U"}).status_code,
        client.post(f"{AT}target/marine/", {"people": "2"}).status_code,
    }
    assert answers == ({303} if who in {"lea", "adam"} else {403})
    assert Competence.objects.get(worker=people["ada"], skill__name="marine").level == (
        Level.O if who in {"lea", "adam"} else Level.U
    )


def test_who_is_lent_keeps_the_leader_of_their_home(client, people):
    ada, otto, lea = (people[name] for name in ("ada", "otto", "lea"))
    host, until = otto.leads.get(), NOW + timedelta(hours=4)
    loans.lend(ada, to_team=host, ends_at=until, reason="flood", is_agreed=True, by=lea, now=NOW)
    client.force_login(otto)
    assert "from Settlements" in text(client.get("/skills/claims/"))
    assert client.get("/skills/claims/of/ada/war/").status_code == 403
    assert client.post("/skills/claims/of/ada/marine/", {"level": "", "was": "U"}).status_code == 403
    client.force_login(lea)
    page = client.post("/skills/claims/of/ada/marine/", {"level": "O", "was": "U"}, follow=True)
    assert client.post("/skills/claims/undo/", {"event": undo_in(page)}).status_code == 303
    assert Competence.objects.get(worker=ada, skill__name="marine").level == Level.U


def test_a_level_is_undone_on_the_page_of_the_host_by_when_who_was_lent_is_home_again(client, people):
    ada, otto, adam = (people[name] for name in ("ada", "otto", "adam"))
    until = NOW + timedelta(hours=4)
    loan = loans.lend(ada, to_team=otto.leads.get(), ends_at=until, reason="flood", is_agreed=True, by=adam, now=NOW)
    client.force_login(adam)
    page = client.post("/skills/claims/of/ada/marine/", {"level": "O", "was": "U"}, follow=True)
    loans.end(loan, by=people["mia"], now=NOW)
    answer = client.post("/skills/claims/undo/", {"event": undo_in(page)}, headers={"HX-Request": "true"})
    assert (answer.status_code, "Undone." in text(answer)) == (200, True)


def test_a_form_of_the_person_sets_a_level_without_scripts(client, people):
    client.force_login(people["lea"])
    page = client.get(f"{AT}of/ada/hull/")
    assert "Last practised" in text(page)
    answer = client.post(f"{AT}of/ada/hull/", {"level": "U", "was": "L", "until": "2026-12-31"}, follow=True)
    assert "Ada, hull: U, can do alone." in text(answer)
    mine = Competence.objects.get(worker=people["ada"], skill__name="hull")
    assert mine.certified_until.isoformat() == "2026-12-31T23:00:00+00:00", "to the end of the day in Paris"
    assert LevelChange.objects.latest("pk").by == people["lea"]
    event = re.search(r'name="event" value="(\d+)"', answer.content.decode())[1]
    assert "Undone." in text(client.post(f"{AT}undo/", {"event": event}, follow=True))
    mine.refresh_from_db()
    assert (mine.level, mine.certified_until) == (Level.L, None)


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({"level": "X", "was": "U"}, 422, "Not yet"),
        ({"level": "U", "was": "U", "until": "31.12."}, 422, "Write the last day like 2026-11-24"),
        ({"level": "U", "was": "U", "until": "9999-12-31"}, 422, "from 2000 to 2199"),
        ({"level": "", "was": "U", "until": "2026-12-31"}, 422, "A certificate needs a level"),
        ({"level": "O", "was": "L"}, 409, "changed by somebody else"),
    ],
)
def test_what_cannot_be_saved_says_why_and_keeps_what_was_typed(client, people, sent, status, said):
    client.force_login(people["lea"])
    answer = client.post(f"{AT}of/ada/marine/", sent)
    assert answer.status_code == status
    assert said in text(answer)
    if "until" in sent and status == 422:
        assert f'value="{sent["until"]}"' in answer.content.decode()
    assert Competence.objects.get(worker=people["ada"], skill__name="marine").level == Level.U


def test_orphans_are_a_question_and_the_answer_saves(client, people):
    hull = people["ada"].team.file_types.get(name="Hull")
    office.log(hull, 5)
    client.force_login(people["lea"])
    asked = client.post(f"{AT}of/ada/marine/", {"level": "L", "was": "U"})
    assert asked.status_code == 409
    assert "5 × Hull" in text(asked)
    assert "nobody in the team would have marine, U" in text(asked)
    sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w*)">', asked.content.decode()))
    assert client.post(f"{AT}of/ada/marine/", sent).status_code == 303
    assert Competence.objects.get(worker=people["ada"], skill__name="marine").level == Level.L


# --- Coverage -------------------------------------------------------------------------------------------------------------


def cover_of(team, skill, reader):
    shown = matrix(team, reader=reader, now=NOW)
    return next(column for column in shown.columns if column.skill.name == skill)


def test_coverage_counts_who_can_do_it_alone_here_and_in_all_the_same_for_everybody(people):
    ada, ben, lea = (people[name] for name in ("ada", "ben", "lea"))
    team = ada.team

    def marine():
        told = {reader: cover_of(team, "marine", people[reader]) for reader in ("lea", "ben", "mia", "otto")}
        assert len({(each.today, each.people, each.cover) for each in told.values()}) == 1
        return told["lea"].today, told["lea"].people, told["lea"].cover

    assert marine() == (1, 1, Cover.SINGLE)
    Competence.objects.create(worker=ben, skill=office.skill("marine"), level=Level.U)
    flow.away(ben, by=ben, now=NOW)
    assert marine() == (1, 2, Cover.COVERED)
    levels.set_target(team, office.skill("marine"), people=3, by=lea, now=NOW)
    assert marine() == (1, 2, Cover.SHORT)
    Worker.objects.filter(pk=ben.pk).update(away_until=NOW + timedelta(hours=2))
    assert marine() == (2, 2, Cover.SHORT), "expected back today"
    Competence.objects.filter(skill__name="marine").update(certified_until=ENDED)
    assert marine() == (0, 0, Cover.NONE)


def test_what_the_team_does_not_need_is_no_gap(people):
    assert cover_of(people["ada"].team, "law", people["lea"]).cover is Cover.UNASKED


def test_needed_skills_come_first(people):
    shown = matrix(people["ada"].team, reader=people["lea"], now=NOW)
    assert [column.skill.name for column in shown.columns] == ["marine", "cargo", "fire", "hull", "law", "war"]
    assert shown.needed == 1


# --- Size -----------------------------------------------------------------------------------------------------------------


def _fill(team, people, skills):
    made = Worker.objects.bulk_create(
        Worker(username=f"p{number}", name=f"Person {number}", team=team, roles=["worker"]) for number in range(people)
    )
    of = [office.skill(f"skill {number}") for number in range(skills)]
    Competence.objects.bulk_create(
        Competence(worker=worker, skill=skill, level=1 + (place + other) % 4)
        for place, worker in enumerate(made)
        for other, skill in enumerate(of)
    )
    return of


@pytest.mark.parametrize(("number", "skills"), [(2, 2), (60, 40)])
def test_page_and_act_cost_the_same_for_two_people_and_for_sixty(client, db, number, skills, django_assert_num_queries):
    team = office.team()
    lea = office.person("Lea", "leader", leads=team)
    of = _fill(team, number, skills)
    client.force_login(lea)
    client.get(AT)
    with django_assert_num_queries(10):
        page = client.get(AT).content
    assert page.count(b'<td id="c') == number * skills
    assert len(page) < 400_000
    with django_assert_num_queries(18 + 2):  # beginning and end of the act
        answer = client.post(f"{AT}of/p0/{of[0].slug}/", {"level": "U", "was": "I"}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert answer.content.count(b"hx-partial hx-target") == 4
    assert len(answer.content) < 6_000
    with django_assert_num_queries(20 + 2):  # who loses something may leave orphans, before and after
        client.post(f"{AT}of/p0/{of[0].slug}/", {"level": "L", "was": "U"}, headers={"HX-Request": "true"})

"""Who may see and do what: `docs/rights.md` is the data of these tests, for every address, every verb and everybody."""

import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from html import unescape
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode
from zipfile import ZipFile

import pytest
import time_machine
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoDbBlocker

from dispatch import flow, live
from dispatch.models import Absence, Event, File, FileType, HelpCall, Import, ShelfPlace, Token, Webhook
from skills.models import CoverageTarget, LevelChange, Pairing, Role, Worker
from tests import office as desk
from tests import visits
from tests.visits import ADMIN, LATER, LIVE, ROLES, STRANGER, WALL, Office, Visit

pytestmark = pytest.mark.django_db

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "rights.md"
STATIC = "/static/"
DOORS = ("/sign-in/", "/admin/login/")
STARTED_OVER = 300
NOT_ALLOWED = 405
COUNTED = (Event, HelpCall, ShelfPlace, Absence, LevelChange, Pairing, CoverageTarget, Token)
COUNTS = f"""
SELECT {", ".join(f"(SELECT count(*) FROM {model._meta.db_table})" for model in COUNTED)},
    (SELECT count(*) FROM dispatch_token WHERE revoked_at IS NULL)
"""


@dataclass(frozen=True)
class Row:
    """One address and verb of the table. `more` is what the verb sends besides: "POST act=undo"."""

    address: str
    verb: str
    more: dict[str, str]
    cells: dict[str, str]

    @property
    def key(self) -> tuple[str, str]:
        return self.address, " ".join([self.verb, *(f"{name}={value}" for name, value in self.more.items())])


def table() -> list[Row]:
    lines = [line.strip("| ").split(" | ") for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    heads = lines[0]
    return [row for line in lines[1:] for row in _rows(dict(zip(heads, map(str.strip, line), strict=True)))]


def _rows(line: dict[str, str]) -> Iterator[Row]:
    cells = {role: line[role] for role in ROLES}
    for said in line["verb"].split(", "):
        verb, *more = said.split()
        yield Row(line["address"].strip("`"), verb, dict(each.split("=") for each in more), cells)


@pytest.fixture(scope="module")
def attachments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("attachments")


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker, attachments: Path) -> Iterator[Office]:
    with visits.one_office(django_db_blocker, attachments) as office:
        yield office


@pytest.fixture(autouse=True)
def _in_the_middle_of_the_day(settings, attachments: Path) -> Iterator[None]:
    settings.ATTACHMENTS_DIR = str(attachments)
    with time_machine.travel(LATER, tick=False):
        yield


@pytest.fixture
def office(made: Office, db: None) -> Office:
    return deepcopy(made)


# --- Asking ---------------------------------------------------------------------------------------------------------------


def ask(client: Client, verb: str, path: str, sent: dict[str, object]) -> tuple[int, str]:
    """Status and where it leads. Nothing that it does stays done, in the database and in the browser."""
    cookies = deepcopy(client.cookies)
    with transaction.atomic():
        try:
            if path.startswith("/live/"):
                return _ask_for_stream(client, path), ""
            if verb == "GET" and sent:
                path += f"{'&' if '?' in path else '?'}{urlencode(sent)}"
            response = client.get(path) if verb == "GET" else client.post(path, sent)
            return response.status_code, response.headers.get("Location", "")
        finally:
            transaction.set_rollback(True)
            client.cookies = cookies


def _ask_for_stream(client: Client, path: str) -> int:
    address, _, query = path.partition("?")
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    scope = {"path": address, "query_string": query.encode(), "headers": [(b"cookie", cookie.encode())]}
    answer = live.admit(live.visit_of(scope))
    return answer if isinstance(answer, int) else 200


def is_yes(status: int, leads_to: str, *, address: str) -> bool:
    if STARTED_OVER <= status < 400:
        return not is_door(leads_to) or address == "/sign-out/"
    return status < STARTED_OVER or status in (409, 422) or (address == "/readyz" and status == 503)


def is_no(status: int, leads_to: str, *, role: str) -> bool:
    if role in (STRANGER, WALL):
        return is_door(leads_to) or status in (401, 404)
    return status in (403, 404) or leads_to.startswith("/admin/login/") or leads_to == ADMIN  # where that is refused


def is_door(leads_to: str) -> bool:
    return leads_to.startswith(DOORS)


def traces() -> tuple[object, ...]:
    """What any act leaves behind."""
    people = Worker.objects.order_by("pk").values_list("password", "language", "is_present")
    imports = Import.objects.order_by("pk").values_list("state", "checks")
    hooks = Webhook.objects.order_by("pk").values_list("name", "secret", "state")
    with connection.cursor() as cursor:
        cursor.execute(COUNTS)
        return (cursor.fetchone(), *people, *imports, *hooks)


# --- The table ------------------------------------------------------------------------------------------------------------


def test_every_address_has_its_row():
    """A new page is in the table before it is anywhere else."""
    keys = [row.key for row in table()]
    assert [key for key in keys if keys.count(key) > 1] == [], "rows that are there twice"
    described = {address for address, _verb in keys}
    there = {address for address in visits.addresses() if not address.startswith(ADMIN) or address == "/admin/login/"}
    there |= {"/admin/…", "/static/…"}
    assert there - described == set(), "addresses without a row in docs/rights.md"
    assert described - there == set(), "rows of docs/rights.md without an address"


def test_every_cell_says_yes_no_or_own():
    assert {cell for row in table() for cell in row.cells.values()} == {"yes", "no", "own"}


@pytest.mark.parametrize("role", ROLES)
def test_each_sees_and_does_what_the_table_says(office: Office, role: str):
    client, wrong = office.client(role), []
    for row in table():
        if "…" not in row.address:
            wrong += [f"{role}, {' '.join(row.key)}: {why}" for why in _wrong(office, client, row, role)]
    assert wrong == []


def _wrong(office: Office, client: Client, row: Row, role: str) -> Iterator[str]:
    owners = office.own.get(row.key, {})
    mine, somebody_elses = owners.get(role), next((owners[each] for each in owners if each != role), None)
    cell = row.cells[role]
    if cell == "own":
        if mine or not owners:
            yield from _unless_yes(office, client, row, role, mine or Visit())
        if somebody_elses:
            yield from _unless_no(office, client, row, role, somebody_elses, others=True)
    elif cell == "yes":
        yield from _unless_yes(office, client, row, role, mine or Visit())
    else:
        yield from _unless_no(office, client, row, role, somebody_elses or Visit())


def _asked(office: Office, client: Client, row: Row, role: str, visit: Visit) -> tuple[int, str]:
    sent = (office.sent if row.verb == "POST" else office.asked).get(row.address, {}) | row.more | visit.sent
    return ask(client, row.verb, office.path(row.address, role, visit.arguments), sent)


def _unless_yes(office: Office, client: Client, row: Row, role: str, visit: Visit) -> Iterator[str]:
    status, leads_to = _asked(office, client, row, role, visit)
    if not is_yes(status, leads_to, address=row.address) or (status == 409 and visit != Visit()):
        yield f"should be let in, {status} {leads_to}"


def _unless_no(
    office: Office, client: Client, row: Row, role: str, visit: Visit, *, others: bool = False
) -> Iterator[str]:
    """Of an act on somebody else's the page may tell (409, or 303 to it), as long as nothing happens."""
    before = traces()
    with transaction.atomic():
        status, leads_to = _asked(office, client, row, role, visit)
    if not (is_no(status, leads_to, role=role) or (others and row.verb == "POST" and status in (303, 409))):
        yield f"should be refused, {status} {leads_to}"
    if traces() != before:
        yield "left traces"


@pytest.mark.parametrize("role", ROLES)
def test_what_the_table_does_not_name_is_no_verb(office: Office, role: str):
    named = {(row.address, row.verb) for row in table()}
    client, wrong = office.client(role), []
    for address in {address for address, _ in named if "…" not in address and address not in LIVE}:
        for verb in ("GET", "POST"):
            if (address, verb) not in named:
                status, leads_to = ask(
                    client, verb, office.path(address, role), office.sent.get(address, {}) if verb == "POST" else {}
                )
                if status != NOT_ALLOWED and not is_no(status, leads_to, role=role):
                    wrong.append(f"{role}, {verb} {address}: {status} {leads_to}")
    assert wrong == []


@pytest.mark.parametrize("role", ROLES)
def test_the_administration_is_for_administrators(office: Office, role: str):
    (row,) = (row for row in table() if row.address == "/admin/…" and row.verb == "GET")
    client, wrong = office.client(role), []
    for address in visits.addresses():
        if not address.startswith(ADMIN) or "login" in address or "(?P<" in address:
            continue
        given = {"id": office.people[visits.WORKER].pk, "content_type_id": 1, "app_label": "skills"}
        for verb in ("GET", "POST"):
            status, leads_to = ask(client, verb, office.path(address, role, given), {})
            is_right = is_no(status, leads_to, role=role) if row.cells[role] == "no" else not leads_to.startswith(DOORS)
            if not is_right and address != "/admin/logout/":
                wrong.append(f"{role}, {verb} {address}: {status} {leads_to}")
    assert wrong == []


def test_static_files_are_everybodys(office: Office, tmp_path: Path):
    (Path(settings.STATIC_ROOT) / "hello.css").write_text("/* */")
    assert {ask(office.client(role), "GET", f"{STATIC}hello.css", {})[0] for role in ROLES} == {200}


# --- Nobody sees another's contribution -----------------------------------------------------------------------------------

SO_MANY = {visits.WORKER: 107, visits.TEACHER: 113}  # found nowhere else
IN_ALL = sum(SO_MANY.values())


@pytest.fixture
def busy(office: Office) -> Office:
    """Today two people of a team of six finish so many files each."""
    for name in ("Paul", "Petra"):
        desk.person(name, Role.WORKER, team=office.team)
    with connection.cursor() as cursor:  # the number of an event is none of these
        cursor.execute("ALTER SEQUENCE dispatch_event_id_seq RESTART WITH 1000000")
    desk.log(FileType.objects.get(name="Claim"), IN_ALL + 20)
    for role, number in SO_MANY.items():
        _finish(office.people[role], number)
    return office


def _finish(person: Worker, number: int) -> None:
    for done in range(number):
        if done:
            visits.start_next(person)
        flow.mark_done(person, visits.position_in_hand(person), by=person, now=desk.NOW)


def shown(page: str) -> str:
    """What is read or read out of a page: texts, and the attributes that hold some. The value of a choice or of what is hidden is a
    key, and shown to nobody."""
    page = re.sub(r'<(option|input type="(?:hidden|checkbox|radio)")[^>]*>', " ", page)
    said = re.findall(r'\b(?:title|alt|aria-label|aria-valuetext|placeholder|content|max|value)="([^"]*)"', page)
    return unescape(" ".join([re.sub(r"<[^>]+>", " ", page), *said]))


def _text(response: HttpResponse) -> str:
    """Of a page, a table of text or a workbook, whatever it is called; nothing of pictures."""
    content = b"".join(response.streaming_content) if response.streaming else response.content
    if content.startswith(b"PK"):
        with ZipFile(BytesIO(content)) as parts:
            return " ".join(parts.read(name).decode() for name in parts.namelist() if name.endswith(".xml"))
    return content.decode(errors="ignore") if not response.headers["Content-Type"].startswith("image/") else ""


def pages(office: Office, role: str, addresses: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each of these addresses that opens to this person with GET, and what it shows."""
    client = office.client(role)
    of_admin = {"id": office.people[visits.WORKER].pk, "content_type_id": 1, "app_label": "skills"}
    for address in addresses:
        if address in LIVE or "(?P<" in address or address.endswith("logout/"):
            continue
        response = client.get(office.path(address, role, of_admin), office.asked.get(address))
        if response.status_code == 200:
            yield address, shown(_text(response))


def test_no_page_tells_how_much_somebody_else_has_done(busy: Office):
    told = {}
    for role in ROLES:
        told[role] = dict(pages(busy, role, visits.addresses()))
        for other, number in SO_MANY.items():
            giving_away = [address for address, text in told[role].items() if re.search(rf"\b{number}\b", text)]
            assert role == other or giving_away == [], f"{role} is told how much {other} has done"
    for role, number in SO_MANY.items():
        assert re.search(rf"\b{number}\b", told[role]["/bin/"]), "one's own is there for oneself"
    for role in (visits.WORKER, visits.MANAGER, WALL):
        assert re.search(rf"\b{IN_ALL}\b", told[role]["/board/<team>/"]), (
            "what the team has done is there for everybody"
        )


def test_no_page_tells_who_finished_a_file(office: Office):
    ada = office.people[visits.WORKER]
    _finish(ada, 1)
    reference = File.objects.get(done_by=ada).reference
    office.arguments["reference"] = reference
    office.asked |= {"/files/covers/": {"reference": reference}, "/search/": {"q": reference, "state": "done"}}
    for role in set(ROLES) - {visits.WORKER}:
        for address, told in pages(office, role, ("/files/<reference>/", "/search/", "/files/covers/")):
            assert reference in told
            assert not re.search(r"\bAda\b", told), (role, address)

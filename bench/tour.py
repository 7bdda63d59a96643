"""First byte of every page: all that the URL resolver knows and that a GET answers with a page, and the live streams beside.

The pages are not listed here, so that none is forgotten: what has an argument needs an example of it, or the run ends saying so.
Addresses that only act answer a GET with a redirect or 405, and are no pages. Everything is asked by one person with all roles,
so each page has all that it can have.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urlencode

from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse

from bench import engine, measured, office, pages
from bench.measured import Line, Round
from dispatch import andon, attachments, cover_sheets, importing, webhooks
from dispatch.models import File, LedgerRun, Mail, Mailbox, OfficeWall, Queue, State
from skills.models import Role, Worker

ALLOWED_MILLISECONDS = 30  # beyond twice the empty page
SHEETS = 30
ROWS = 40  # of the table that is being imported
ADMINISTRATION = "admin:"
NO_PAGES = {"admin:view_on_site"}  # nothing in the administration has a page of its own outside
API = "api:"  # its calls need a token; what describes them are pages
DESCRIPTION = {"openapi-view", "openapi-json"}
DRAWN = ", drawn"
STREAM_PAUSE = 0.6  # seconds, so that the watching task of the stream before has ended


@dataclass(frozen=True)
class Visit:
    """One page to ask for."""

    name: str
    path: str
    by_a_stranger: bool = False


@dataclass
class Scene:
    """Examples for arguments, and the pages that are several: of a name, what it is called and the query that makes it so."""

    person: Worker
    team: str
    examples: dict[str, object]
    files: dict[str, str]  # what is special about each, and its reference
    queries: dict[str, dict[str, dict[str, object]]] = field(default_factory=dict)


# --- What there is to see ------------------------------------------------------------------------------------------------------


def set_scene(of: office.Office, *, now: datetime) -> Scene:
    """One of the office gets all roles; somebody is stuck, a table is half imported, a document is attached."""
    person, other = of.workers[1], of.workers[2]
    Worker.objects.filter(pk=person.pk).update(roles=list(Role), is_staff=True, is_superuser=True)
    person.refresh_from_db()
    person.leads.add(of.team)
    held, waits = engine.start_one(person), File.objects.filter(team=of.team, state=State.WAITING).latest("pk")
    done = File.objects.filter(team=of.team, state=State.DONE)
    story, sheets = done.latest("pk"), done.order_by("-pk").values_list("reference", flat=True)[:SHEETS]
    stuck = engine.start_one(other)
    call = andon.stuck(
        other, stuck.position, reason="The policy number is missing", file=stuck.file_id, by=other, now=now
    )
    document = SimpleUploadedFile("letter.txt", b"Dear all,\n")
    (attached,) = attachments.attach(story, [document], by=person, now=now)
    table = "\n".join(["reference,file type,title", *(f"NEW-{row},Type {row % 12},A title" for row in range(ROWS))])
    upload = importing.upload(table.encode(), name="table.csv", team=of.team, by=person, now=now)
    hook = webhooks.make(webhooks.Wanted("Hub", "https://hub.example.com"), owner=person, now=now)[0]
    LedgerRun.objects.create(at=now, files=1, events=1, differences=[], is_ok=True)
    box = Mailbox.objects.create(name="Claims", kind="maildir", path="claims", worker=person)
    Mail.objects.create(
        mailbox=box, key="1", digest="1", arrived_at=now, seen_at=now, tried_at=now, state="opened", file=story
    )
    examples = {
        "team": of.team.slug, "username": other.username, "reference": waits.reference, "position": held.position,
        "call": call.pk, "place": 1, "loan": 1, "notice": 1, "pairing": 1, "skill": "skill-1",
        "absence": 1, "attachment": attached.pk, "pk": upload.pk, "id": other.pk, "token": 1, "webhook": hook.pk,
        "app_label": "dispatch",
    }  # fmt: skip
    files = {"waiting": waits.reference, "in a slot": held.reference, "done, a long story": story.reference}
    scene = Scene(person, of.team.slug, examples, files)
    scene.queries = _queries(of, scene, sheets=list(sheets))
    return scene


def _queries(of: office.Office, scene: Scene, *, sheets: list[str]) -> dict[str, dict[str, dict[str, object]]]:
    elsewhere = Worker.objects.filter(bin__isnull=False).exclude(team=of.team).order_by("pk")
    others = list(elsewhere.values_list("username", flat=True)[:1])  # there are some in a whole run
    words: dict[str, object] = {
        "reference": scene.files["done, a long story"],
        "beginning": "PAST-1",
        "word": "windscreen",
        "slip": "windscren",
        "what was written": "surveyor",
    }
    intake: dict[str, object] = {
        "customer": "mar",
        "file_type": f"{scene.team}-1",
        "title": "A broken window",
        "reference": "NEW-1",
    }
    return {
        "board": {"": {}, "wall": {"wall": Queue.objects.get(team=of.team).wall_secret}},
        "office": {"": {}, "wall": {"wall": OfficeWall.objects.get_or_create(pk=1)[0].secret}},
        "search": {
            "empty": {},
            **{name: {"q": text} for name, text in words.items()},
            "filter": {"state": State.WAITING, "type": f"{scene.team}-3"},
        },
        "export_files": {"few": {"q": "PAST-77"}},
        "export_events": {"a day long ago": {"from": "2001-01-01", "to": "2001-01-01"}},
        "lend": {"": {}, "a team in need": {"to": of.team.slug}},
        "lend_effect": {"": {"to": of.team.slug}, "somebody chosen": {"to": of.team.slug, "worker": others}},
        "promise": {"": intake},
        "customers": {"": intake},
        "covers": {f"{SHEETS} pages": {"reference": sheets}, f"{SHEETS} labels": {"reference": sheets, "as": "label"}},
        "admin:autocomplete": {"": {"app_label": "dispatch", "model_name": "agreement", "field_name": "customer", "term": "mar"}},
    }  # fmt: skip


def visits(scene: Scene) -> list[Visit]:
    """All that may be pages. Raises LookupError for what has an argument without an example."""
    found = []
    for name, arguments in _names(get_resolver()):
        for special, examples in _examples(scene, name, arguments):
            path = reverse(name, kwargs=examples)
            for variant, query in scene.queries.get(name, {"": {}}).items():
                words = ", ".join(word for word in (special, variant) if word)
                address = f"{path}?{urlencode(query, doseq=True)}" if query else path
                called = f"{name} ({words})" if words else name
                found.append(Visit(called, address, by_a_stranger=name == "sign_in" or variant == "wall"))
    return found


def _names(
    resolver: URLResolver, space: str = "", before: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Of every address with a name, that and its arguments."""
    for each in resolver.url_patterns:
        arguments = (*before, *each.pattern.regex.groupindex)
        if isinstance(each, URLResolver):
            yield from _names(each, f"{space}{each.namespace}:" if each.namespace else space, arguments)
        elif each.name and f"{space}{each.name}" not in NO_PAGES and (space != API or each.name in DESCRIPTION):
            yield f"{space}{each.name}", arguments


def _examples(scene: Scene, name: str, arguments: tuple[str, ...]) -> Iterator[tuple[str, dict[str, object]]]:
    if name in ("file", "scan_file"):
        for special, reference in scene.files.items():
            yield special, {"reference": reference}
    elif "object_id" in arguments:  # admin:<app>_<model>_change and the like
        app, model_name = name.removeprefix(ADMINISTRATION).split("_")[:2]
        model = apps.get_model(app, model_name)
        yield "", {"object_id": model._default_manager.order_by("pk").values_list("pk", flat=True)[0]}
    elif missing := set(arguments) - set(scene.examples):
        raise LookupError(f"{name} needs an example of {', '.join(sorted(missing))} in bench/tour.py")
    else:
        yield "", {argument: scene.examples[argument] for argument in arguments}


def statements(scene: Scene, name: str) -> int:
    """How many a page of ours takes, for this person."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(scene.person)
    path = next(each.path for each in visits(scene) if each.name == name)
    return engine.statements(lambda: client.get(path))


# --- How long it takes ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Visitors:
    """Somebody who is signed in, and a stranger."""

    person: pages.Browser
    stranger: pages.Browser

    def of(self, visit: Visit) -> pages.Browser:
        browser = self.stranger if visit.by_a_stranger else self.person
        browser.rest()
        return browser


def only_pages(all_of_them: list[Visit], visitors: Visitors) -> list[Visit]:
    """Each is asked for once. Raises AssertionError for what answers neither with a page nor as an act does."""
    answers = {each: visitors.of(each).first_byte(each.path)[0] for each in all_of_them}
    wrong = [
        f"{each.name}: {status}"
        for each, status in answers.items()
        if status not in (200, 302, 303, 405)
        and not (status == 503 and each.name == "readyz")  # no RQ worker runs beside these pages
        and not (status == 403 and each.name.startswith(ADMINISTRATION))  # what nobody may do there
    ]
    assert not wrong, f"No page and no act: {'; '.join(wrong)}"
    return [each for each, status in answers.items() if status == 200]


def measure(scene: Scene, browser: pages.Browser, *, rounds: int, times: int) -> list[Line]:
    """A line for each page of ours, and one for the slowest of the administration."""
    visitors = Visitors(browser, pages.Browser(browser.connection.port))
    there = only_pages(visits(scene), visitors)
    found: dict[str, list[Round]] = {"empty": []}
    for _ in range(rounds):
        browser.rest()
        found["empty"].append(_round(browser, pages.EMPTY, times=times * 5))
        for each in there:
            found.setdefault(each.name, []).append(_round(visitors.of(each), each.path, times=times))
        for kind, seconds in streams(scene, browser, times=times).items():
            found.setdefault(kind, []).append(measured.of(seconds))
    return _lines(found)


def _round(browser: pages.Browser, path: str, *, times: int) -> Round:
    return measured.of([browser.first_byte(path)[1] for _ in range(times)])


def board(scene: Scene, browser: pages.Browser, *, times: int) -> Round:
    browser.rest()
    return _round(browser, f"/board/{scene.team}/", times=times)


def first_squares(number: int) -> float:
    """Seconds to work out the squares of cover sheets that nobody has seen yet; another number has other sheets."""
    began = time.perf_counter()
    for sheet in range(SHEETS):
        cover_sheets.square(f"http://127.0.0.1:8000/scan/PAST-{1_000_000 + number * SHEETS + sheet}/")
    return time.perf_counter() - began


def streams(scene: Scene, browser: pages.Browser, *, times: int) -> dict[str, list[float]]:
    """The streams of a board, the office and a bin: the first byte, and of boards the first drawing, when nobody watched before."""
    found: dict[str, list[float]] = {}
    for name, path in (("board", f"/live/board/{scene.team}/"), ("office", "/live/office/"), ("bin", "/live/bin/")):
        for _ in range(times):
            time.sleep(STREAM_PAUSE)
            first, drawn = browser.stream(path, until=b"data:")
            found.setdefault(f"live {name}", []).append(first)
            found.setdefault(f"live {name}{DRAWN}", []).append(drawn)
    return found


def _lines(found: dict[str, list[Round]]) -> list[Line]:
    """The slowest last. All were measured in the same rounds as the empty page, so each is held against the same limit."""
    empty = measured.milliseconds("First byte of the framework's empty page", found.pop("empty"))
    limit = round(2 * empty.value + ALLOWED_MILLISECONDS, 1)
    lines = [measured.milliseconds(name, rounds) for name, rounds in found.items()]
    lines.sort(key=lambda each: each.value)
    drawn = [each for each in lines if each.name.endswith(DRAWN)]
    administration = [each for each in lines if each.name.startswith(ADMINISTRATION)]
    ours = [each for each in lines if each not in drawn and each not in administration]
    worst = administration[-1]
    named = f"{len(administration)} pages of the administration, the slowest: {worst.name.removeprefix(ADMINISTRATION)}"
    limited = [*ours, replace(worst, name=named)]
    return [
        empty,
        *(replace(each, name=f"First byte of {each.name}", at_most=limit) for each in limited),
        *(replace(each, name=f"First byte of {each.name}") for each in drawn),
    ]

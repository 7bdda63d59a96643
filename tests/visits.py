"""Every address of the product, with arguments that mean something, and one of each kind of people who may ask for it.

For tests that walk all of it: who may see and do what, what no page may tell, and whether every text is translated.
"""

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import time_machine
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import DjangoDbBlocker

from dispatch import (
    absences,
    andon,
    attachments,
    flow,
    importing,
    levels,
    loans,
    notices,
    pairings,
    shelf,
    tokens,
    webhooks,
)
from dispatch.models import (
    Customer,
    Event,
    File,
    FileType,
    HelpCall,
    LedgerRun,
    Mail,
    Mailbox,
    Queue,
    ShelfPlace,
    Slot,
)
from skills.models import Level, Role, Team, Worker
from tests import office
from tests.office import NOW

LATER = NOW + timedelta(seconds=20)  # when they ask: what was done just now can still be undone

STRANGER, ASSISTANT, WORKER, TEACHER = "stranger", "assistant", "worker", "can teach"
LEADER, OTHER_LEADER, MANAGER, ADMINISTRATOR = "leader", "other leader", "manager", "administrator"
WALL = "wall link"
ROLES = (STRANGER, ASSISTANT, WORKER, TEACHER, LEADER, OTHER_LEADER, MANAGER, ADMINISTRATOR, WALL)

LIVE = ("/live/board/<team>/", "/live/office/", "/live/bin/")  # beside Django, see `dispatch.live`
ADMIN = "/admin/"
API = "/api/v1/"  # its calls are in docs/api-rights.md; only what describes it is for a browser
HUB = "https://hub.example.com/threeslot"
DESCRIPTION = (f"{API}docs", f"{API}openapi.json")

Given = dict[str, Any]


@dataclass
class Visit:
    """What an address is asked for: arguments by the name of the parameter, and what is sent with it."""

    arguments: Given = field(default_factory=dict)
    sent: Given = field(default_factory=dict)


@dataclass
class Office:
    """`own` is by address and verb what of each person's own it can be asked for."""

    team: Team
    people: dict[str, Worker]
    arguments: Given
    own: dict[tuple[str, str], dict[str, Visit]]
    sent: dict[str, Given]
    asked: dict[str, Given]  # in the address, after the question mark

    def client(self, role: str) -> Client:
        client = Client()
        if role in self.people:
            client.force_login(self.people[role])
        return client

    def path(self, address: str, role: str, given: Given | None = None) -> str:
        """With arguments in it, and with the secret of the wall for whoever has nothing else."""
        arguments = self.arguments | {"object_id": _object_of(address)} | (given or {})
        path = re.sub(r"<(\w+)>", lambda name: str(arguments[name[1]]), address)
        return f"{path}?wall={Queue.objects.get(team=self.team).wall_secret}" if role == WALL else path


def addresses() -> Iterator[str]:
    """Of every page and act, as "/board/<team>/"."""
    yield from LIVE
    for route in _routes(get_resolver(), "/"):
        if route.startswith(API) and route not in DESCRIPTION:
            continue
        yield re.sub(r"<\w+:(\w+)>", r"<\1>", route)


def _routes(resolver: URLResolver, before: str) -> Iterator[str]:
    for each in resolver.url_patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLPattern):
            yield route
        else:
            yield from _routes(each, route)


def _object_of(address: str) -> object:
    """One of those that this address of the administration is about."""
    for model in admin.site._registry:
        if address.startswith(f"{ADMIN}{model._meta.app_label}/{model._meta.model_name}/"):
            return model._default_manager.order_by("pk").values_list("pk", flat=True).first()
    return None


@contextmanager
def one_office(blocker: DjangoDbBlocker, attachments: Path) -> Iterator[Office]:
    """For all tests of a module, each of which leaves it as it was, and takes a copy of what is known of it."""
    with blocker.unblock(), transaction.atomic():
        with time_machine.travel(LATER, tick=False), override_settings(ATTACHMENTS_DIR=str(attachments)):
            office = new_office()
        yield office
        transaction.set_rollback(True)


def new_office() -> Office:
    """Two teams and people of every kind, in the middle of their work. The clock stands at `LATER` when they ask."""
    team, other = office.team(), office.team("Claims")
    people = _people(team, other)
    claim = _work(team)
    ada, tess, wanda = people[WORKER], people[TEACHER], Worker.objects.get(username="wanda")
    lea = people[LEADER]
    calls = {WORKER: _stuck(ada, reason="counterparty missing"), TEACHER: _stuck(tess, reason="which form")}
    andon.answer(calls[WORKER], by=tess, now=NOW)
    andon.answer(calls[TEACHER], by=lea, now=NOW)
    places = {WORKER: _shelve(ada), TEACHER: _shelve(tess)}
    started = {WORKER: start_next(ada), TEACHER: start_next(tess)}
    flow.away(wanda, by=lea, now=NOW)
    absence = absences.plan(
        ada, starts_at=NOW + timedelta(days=3), ends_at=NOW + timedelta(days=4), note="at the dentist", by=lea, now=NOW
    )
    absent = {
        WORKER: absence.pk,
        TEACHER: absences.plan(
            tess, starts_at=NOW + timedelta(days=3), ends_at=NOW + timedelta(days=4), by=lea, now=NOW
        ).pk,
    }
    logged = {role: _log(claim, by=people[role]) for role in (ASSISTANT, LEADER)}
    papers = {role: _attach(logged[ASSISTANT], by=people[role]) for role in (ASSISTANT, WORKER)}
    imports = {role: _import(people[role]) for role in (ASSISTANT, LEADER)}
    loan = loans.lend(
        office.person("Will", Role.WORKER, team=team),
        to_team=other,
        ends_at=NOW + timedelta(hours=5),
        reason="a flood",
        is_agreed=False,
        by=people[OTHER_LEADER],
        now=NOW,
    )
    asks = {role: _ask(team, by=people[role]) for role in (LEADER, MANAGER)}
    LedgerRun.objects.create(at=NOW, files=9, events=40, is_ok=True)
    _mail(people[ASSISTANT])
    made = {
        role: tokens.make(person, name="the broker", scopes=["read"], days=9, by=person, now=NOW)[0].pk
        for role, person in people.items()
    }
    told: dict[str, list[int]] = {LEADER: [team.pk], OTHER_LEADER: [other.pk], MANAGER: [], ADMINISTRATOR: []}
    hooks = {role: _webhook(people[role], teams) for role, teams in told.items()}
    undo = {role: _event("logged", people[role], logged[role]) for role in (ASSISTANT, LEADER)}
    lesson = _lesson(ada, tess, people)
    in_hand = {role: Event.objects.get(pk=started[role]).file for role in started}
    arguments = {
        "team": team.slug,
        "username": ada.username,
        "call": calls[WORKER].pk,
        "absence": absence.pk,
        "position": 1,
        "place": places[WORKER],
        "reference": logged[ASSISTANT].reference,
        "attachment": papers[ASSISTANT],
        "pk": imports[ASSISTANT],
        "token": made[ASSISTANT],
        "loan": loan.pk,
        "webhook": hooks[LEADER],
        "notice": asks[LEADER],
        "skill": "marine",
        "pairing": lesson,
    }
    own: dict[tuple[str, str], dict[str, Visit]] = {
        ("/bin/help/<call>/end/", "POST"): {role: Visit({"call": calls[role].pk}) for role in calls},
        ("/bin/absences/<absence>/cancel/", "POST"): {role: Visit({"absence": absent[role]}) for role in absent},
        ("/bin/shelf/<place>/take-back/", "POST"): {role: Visit({"place": places[role]}) for role in places},
        ("/bin/undo/", "POST"): {role: Visit(sent={"event": started[role]}) for role in started},
        ("/board/<team>/undo/", "POST"): {
            TEACHER: Visit(sent={"event": _event("answered", tess)}),
            LEADER: Visit(sent={"event": _event("answered", lea)}),
        },
        ("/board/<team>/bin/<username>/undo/", "POST"): {
            LEADER: Visit({"username": "wanda"}, {"event": _event("away", lea)}),
            WORKER: Visit(sent={"event": started[WORKER]}),
        },
        ("/absences/<team>/undo/", "POST"): {
            LEADER: Visit(sent={"event": _event("planned", lea)}),
            WORKER: Visit(sent={"event": started[WORKER]}),
        },
        ("/files/<reference>/", "POST act=undo"): {
            role: Visit({"reference": logged[role].reference}, {"event": undo[role]}) for role in undo
        },
        ("/lend/undo/", "POST"): {
            LEADER: Visit(sent={"event": _event("posted", lea)}),
            MANAGER: Visit(sent={"event": _event("posted", people[MANAGER])}),
            OTHER_LEADER: Visit(sent={"event": _event("asked", people[OTHER_LEADER])}),
        },
        **{
            (f"/skills/<team>/of/<username>/{more}", "GET"): {
                WORKER: Visit({"username": "ada"}),
                TEACHER: Visit({"username": "tess"}),
            }
            for more in ("", "<skill>/")
        },
        ("/skills/<team>/undo/", "POST"): {
            role: Visit(sent={"event": _event("levelled", people[role])}) for role in (LEADER, ADMINISTRATOR)
        },
        ("/tokens/<token>/revoke/", "POST"): {role: Visit({"token": made[role]}) for role in made},
        **{
            (f"/webhooks/<webhook>/{more}", verb): {
                role: Visit({"webhook": hooks[role]}, {"name": "Hub", "address": HUB, "teams": teams})
                for role, teams in told.items()
            }
            for more, verb in (
                ("", "GET"),
                ("", "POST"),
                ("", "POST act=change"),
                ("", "POST act=secret"),
                ("deliveries/", "GET"),
            )
        },
        ("/intake/undo/", "POST"): {role: Visit(sent={"event": undo[role]}) for role in undo},
        ("/attachments/<attachment>/remove/", "POST"): {role: Visit({"attachment": papers[role]}) for role in papers},
        ("/scan/<reference>/", "POST"): {
            role: Visit({"reference": file.reference}, {"act": "done", "confirmed": _checklist(file)})
            for role, file in in_hand.items()
            if file
        },
        **{
            (f"/intake/import/<pk>/{part}", verb): {role: Visit({"pk": imports[role]}) for role in imports}
            for part in ("", "part/", "covers/", "errors.csv")
            for verb in ("GET", "POST")
        },
    }
    return Office(
        team,
        people,
        arguments,
        own,
        _sent(),
        {
            "/files/covers/": {"reference": arguments["reference"]},
            "/search/": {"q": "quay"},
            "/export/files/": {"team": team.slug},
            "/lend/": {"to": other.slug, "worker": ada.username},
            "/lend/effect/": {"to": other.slug, "worker": ada.username},
        },
    )


def _people(team: Team, other: Team) -> dict[str, Worker]:
    return {
        ASSISTANT: office.person("Amir", Role.ASSISTANT),
        WORKER: office.person("Ada", Role.WORKER, team=team),
        TEACHER: office.person("Tess", Role.WORKER, team=team),
        LEADER: office.person("Lea", Role.LEADER, leads=team),
        OTHER_LEADER: office.person("Otto", Role.LEADER, leads=other),
        MANAGER: office.person("Mia", Role.MANAGER),
        ADMINISTRATOR: office.person("Adam", Role.ADMINISTRATOR),
    }


def _work(team: Team) -> FileType:
    """Two types, one of which needs a skill; everybody here has a full bin, and some files wait."""
    claim = office.file_type("Claim", team, checklist=("Sums agree",))
    hull = office.file_type("Hull", team, needs="marine")
    for name, level in (("ada", "U"), ("tess", "O"), ("wanda", "U")):
        if name == "wanda":
            office.person("Wanda", Role.WORKER, team=team)
        person = Worker.objects.get(username=name)
        person.competences.create(skill=hull.skill, level=Level[level])
    flow.open_bins(team.pk, now=NOW)
    office.log(hull, 6, now=NOW - timedelta(hours=1))
    office.log(claim, 6)
    for name in ("ada", "tess", "wanda"):
        person = Worker.objects.get(username=name)
        flow.back(person, by=person, now=NOW)
    return claim


def _lesson(learner: Worker, teacher: Worker, people: dict[str, Worker]) -> int:
    """Somebody learns from somebody; what is to be known of levels was set by who may."""
    cargo, wanda = office.skill("cargo"), Worker.objects.get(username="wanda")
    for worker, level, role in (
        (learner, Level.L, LEADER),
        (teacher, Level.O, ADMINISTRATOR),
        (wanda, Level.I, LEADER),
    ):
        levels.set_levels([levels.Wanted(worker, cargo, level=level, was=None)], by=people[role], now=NOW)
    until = NOW + timedelta(days=9)
    return pairings.plan(learner, teacher, cargo, starts_at=NOW, ends_at=until, by=people[LEADER], now=NOW).pk


def start_next(person: Worker) -> int:
    """The next file of this bin that can be started; the event."""
    stuck_on = flow.stuck_file(person)
    slots = Slot.objects.filter(bin=person.pk, file__isnull=False).exclude(file=stuck_on)
    position = slots.order_by("filled_at", "position").values_list("position", flat=True)[0]
    flow.start(person, position, by=person, now=NOW)
    return _event("started", person)


def position_in_hand(person: Worker) -> int:
    return Slot.objects.values_list("position", flat=True).get(bin=person.pk, in_hand=True)


def _stuck(person: Worker, *, reason: str) -> HelpCall:
    start_next(person)
    return andon.stuck(person, position_in_hand(person), reason=reason, by=person, now=NOW)


def _shelve(person: Worker) -> int:
    start_next(person)
    shelf.shelve(
        person, position_in_hand(person), reason="the broker", wake_at=NOW + timedelta(days=2), by=person, now=NOW
    )
    return ShelfPlace.objects.get(worker=person).pk


def _log(claim: FileType, *, by: Worker) -> File:
    customer, _ = Customer.objects.get_or_create(name="Harbour Pool", slug="harbour-pool")
    reference = f"{by.username.upper()}-1"
    return flow.log(reference=reference, file_type=claim, customer=customer, title="Broken quay", by=by, now=NOW)[0]


def _attach(file: File, *, by: Worker) -> int:
    paper = SimpleUploadedFile(f"letter {by.username}.pdf", b"%PDF-1.7\n...", "application/pdf")
    return attachments.attach(file, [paper], by=by, now=NOW)[0].pk


def _ask(team: Team, *, by: Worker) -> int:
    until = NOW + timedelta(hours=5)
    return notices.post(team, kind="ask", people=2, reason="a flood", until=until, by=by, now=NOW).pk


def _import(by: Worker) -> int:
    table = f"reference,file type\n{by.username}-2,Claim\n{by.username}-3,Nothing\n"
    return importing.upload(table.encode(), name="files.csv", team=None, by=by, now=NOW).pk


def _webhook(owner: Worker, teams: list[int]) -> int:
    """With a trial on its way."""
    made, _secret = webhooks.make(webhooks.Wanted("Hub", HUB, teams or None), owner=owner, now=NOW)
    webhooks.send_trial(made, now=NOW)
    return made.pk


def _mail(by: Worker) -> None:
    """One that waits to be looked at."""
    box = Mailbox.objects.create(name="Claims", kind="maildir", path="claims", worker=by)
    what = {
        "subject": "Water damage",
        "reason": "No rule fits it.",
        "state": Mail.State.WAITING,
        "content": b"Subject: x",
    }
    Mail.objects.create(mailbox=box, key="<1@x>", digest="1", arrived_at=NOW, seen_at=NOW, tried_at=NOW, **what)


def _event(kind: str, by: Worker, file: File | None = None) -> int:
    events = Event.objects.filter(kind=kind, by=by)
    return (events.filter(file=file) if file else events).order_by("-pk").values_list("pk", flat=True)[0]


def _checklist(file: File) -> list[int]:
    return list(file.file_type.checklist.values_list("pk", flat=True))


def _sent() -> dict[str, Given]:
    """What a form at each address would send, where it sends anything."""
    tomorrow, day_after = ((NOW + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M") for days in (1, 2))
    return {
        "/preferences/": {"language": "fr", "theme": "dark", "zone": ""},
        "/preferences/password/": {
            "old_password": "secret",
            "new_password1": "correct horse",
            "new_password2": "correct horse",
        },
        "/tokens/": {"name": "the broker", "scopes": "read", "days": "30"},
        "/webhooks/": {"name": "Hub", "address": HUB},
        "/webhooks/<webhook>/": {"act": "trial"},
        "/language/": {"language": "fr"},
        "/board/<team>/help/<call>/end/": {"cause": "form unclear"},
        "/board/<team>/bin/<username>/absences/": {"starts_at": tomorrow, "ends_at": day_after},
        "/absences/<team>/of/<username>/": {"from_day": "2026-03-09", "until_day": "2026-03-10"},
        "/absences/<team>/import/": {"content": base64.b64encode(b"username,starts_at,ends_at\n").decode()},
        "/bin/<position>/stuck/": {"reason": "which form"},
        "/bin/<position>/shelve/": {"reason": "the broker", "wake": tomorrow},
        "/bin/<position>/pass-back/": {"reason": "not mine"},
        "/bin/help/<call>/end/": {"cause": "form unclear"},
        "/files/<reference>/": {"act": "expedite", "reason": "the ship sails"},
        "/scan/<reference>/": {"act": "start"},
        "/lend/": {"to": "claims", "worker": "ada", "ends_at": tomorrow, "reason": "a flood"},
        "/lend/notices/": {"team": "settlements", "kind": "ask", "people": 1, "until": tomorrow, "reason": "a flood"},
        "/intake/": {"reference": "NEW-1", "file_type": "settlements-claim"},
        "/intake/import/<pk>/": {"act": "drop"},
        "/skills/<team>/of/<username>/<skill>/": {"level": "O", "was": "U"},
        "/skills/<team>/target/<skill>/": {"people": "2"},
        "/skills/<team>/plan/": {
            "skill": "cargo",
            "learner": "wanda",
            "teacher": "tess",
            "until": f"{NOW + timedelta(days=9):%Y-%m-%d}",
            "until_level": "U",
        },
    }

"""Every page of the demo office, in every state worth a look: who goes there, by which address, and what they do to see it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings
from django.utils import timezone
from playwright.sync_api import Browser, Page, Route

from backoffice import demo
from dispatch import absences, andon, attachments, flow, importing, loans, roster, shelf, webhooks
from dispatch.models import (
    Absence,
    Delivery,
    Event,
    File,
    HelpCall,
    Import,
    Mail,
    Mailbox,
    MailRule,
    Notice,
    OfficeWall,
    Queue,
    Slot,
    State,
    Webhook,
)
from skills.models import Role, Skill, Team, Worker
from tests import office, outages
from tests.servers import Run

# Sends a form as it stands, past the browser's own checks and past the scripts: the whole page that the server answers with.
SEND = "form => { form.noValidate = true; HTMLFormElement.prototype.submit.call(form); }"
PASSWORDS = dict.fromkeys([*demo.SIGN_INS, "ibrahim.coulibaly"], "demo")
LOOK_AGAIN = '<meta http-equiv="refresh" content="10">'
TEAM = "international-settlements"
LONG = "Reinsurance treaty settlements, Mediterranean and Black Sea"


@dataclass(frozen=True)
class Sight:
    """`who` is a user name, or empty for a stranger. `sends` is a form to send, filled with `typed`; `opens` a summary to open.
    `during` is what is wrong with the office meanwhile."""

    name: str
    who: str
    path: str
    status: int = 200
    sends: str = ""
    typed: dict[str, str] = field(default_factory=dict)
    opens: str = ""
    during: Callable[[], AbstractContextManager[None]] = nullcontext

    def see(self, page: Page) -> int:
        """Goes there; the status of the page that is seen."""
        if self.during is not nullcontext:
            page.route(f"**{self.path}", _hold_still, times=1)
        with self.during():
            answer = page.goto(self.path)
        if self.sends:
            for name, text in self.typed.items():
                page.locator(f"{self.sends} [name={name}]").evaluate("(each, text) => { each.value = text; }", text)
            with page.expect_navigation() as sent:
                page.locator(self.sends).evaluate(SEND)
            answer = sent.value
        if self.opens:
            page.locator(self.opens).first.click()
        assert answer
        return answer.status


def _hold_still(route: Route) -> None:
    """The page as it is, but that it does not go on by itself while one looks."""
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace(LOOK_AGAIN, ""))


class Visitors:
    """Whoever goes to see: one browser context, and in it one page, a person."""

    def __init__(self, browser: Browser, address: str, **how: Any) -> None:
        self._browser, self._how = browser, {"base_url": address, "reduced_motion": "reduce", **how}
        self._pages: dict[str, Page] = {}

    def page_of(self, who: str) -> Page:
        """The one of this user name, signed in; the stranger's without a name."""
        if who not in self._pages:
            context = self._browser.new_context(**self._how)
            context.set_default_timeout(10_000)
            self._pages[who] = page = context.new_page()
            if who:
                page.goto("/sign-in/")
                page.get_by_label("User name").fill(who)
                page.get_by_label("Password").fill(PASSWORDS.get(who, "secret"))
                page.get_by_label("Password").press("Enter")
                page.wait_for_url(lambda url: "/sign-in/" not in url)
        return self._pages[who]

    def leave(self) -> None:
        for page in self._pages.values():
            page.context.close()


def furnish(run: Run) -> list[Sight]:
    """Adds to a fresh demo office what its first morning does not show by itself, and tells every page of it."""
    team = Team.objects.select_related("queue").get(slug=TEAM)
    leader, worker = (Worker.objects.get(username=name) for name in ("leader", "worker"))
    _in_hand(worker)
    with override_settings(ATTACHMENTS_DIR=str(run.var / "attachments")):
        waiting = _told_file(team, leader)
    kind = team.file_types.filter(agreements__isnull=False)[0]
    now = timezone.now()
    nine_days, twelve = now + timedelta(days=9), now + timedelta(days=12)
    absences.plan(worker, starts_at=nine_days, ends_at=twelve, by=worker, now=now)
    return [
        *_doors(team),
        *_outages(run),
        *_weeks(team),
        *_boards(team),
        *_bins(),
        *_files(waiting, team),
        *_loans(),
        *_desk(run, team),
        *_scans(worker),
        *_skills(team),
        Sight("preferences", "worker", "/preferences/"),
        Sight("tokens", "admin", "/tokens/"),
        Sight("tokens-made", "worker", "/tokens/", sends="form[action$='/tokens/']", typed={"name": "Scanner"}),
        Sight("tokens-refused", "worker", "/tokens/", 422, sends="form[action$='/tokens/']"),
        *_webhooks(team, leader),
        Sight("preferences-refused", "leader", "/preferences/", 422, sends="form[action$='/password/']"),
        Sight("admin", "admin", "/admin/"),
        Sight("admin-people", "admin", "/admin/skills/worker/"),
        Sight("admin-file-type", "admin", f"/admin/dispatch/filetype/{kind.pk}/change/"),
        Sight("admin-team", "admin", f"/admin/skills/team/{team.pk}/change/"),
        Sight("admin-calendar", "admin", f"/admin/dispatch/workcalendar/{team.queue.calendar_id}/change/"),
        Sight("admin-mailbox", "admin", f"/admin/dispatch/mailbox/{_mail(team)}/change/"),
        Sight("admin-mailboxes", "admin", "/admin/dispatch/mailbox/"),
        Sight("admin-mail", "admin", "/admin/dispatch/mail/"),
        Sight("admin-person", "admin", f"/admin/skills/worker/{worker.pk}/change/"),
    ]


def _webhooks(team: Team, leader: Worker) -> list[Sight]:
    """One whose receiver is away, with something that is dead, waits and was accepted; its own page, the list, and the forms."""
    now, admin = timezone.now(), Worker.objects.get(username="admin")
    hub = webhooks.Wanted("Data hub", "https://hub.example.com/threeslot/events?office=trieste", teams=[team.pk])
    made, _secret = webhooks.make(hub, owner=leader, now=now - timedelta(days=9))
    Webhook.objects.filter(pk=made.pk).update(
        state="failing", failures=31, failing_since=now - timedelta(days=3), accepted_at=now - timedelta(days=3)
    )
    events = Event.objects.filter(team=team, file__isnull=False).select_related("file").order_by("-pk")[:9]
    for number, event in enumerate(reversed(events)):
        waits, is_dead = number > 5, number < 2
        Delivery.objects.create(
            webhook=made,
            event=event.pk,
            line=event.file_id,
            kind=event.kind,
            reference=event.file.reference,
            body="{}",
            made_at=now - timedelta(days=3),
            state="waiting" if waits else "dead" if is_dead else "delivered",
            tries=0 if number == 7 else 10 if is_dead else 4 if waits else 1,
            tried_at=None if number == 7 else now - timedelta(hours=3),
            next_at=now + timedelta(hours=2) if waits else None,
            trouble="answer" if is_dead else "slow" if waits else "",
            status=500 if is_dead else None,
        )
    webhooks.make(webhooks.Wanted("Archive", "http://archive.example.com"), owner=admin, now=now)
    one = f"/webhooks/{made.pk}/"
    nowhere = {"name": "Data hub", "address": "http://10.0.0.8/hook"}
    return [
        Sight("webhooks", "leader", "/webhooks/"),
        Sight("webhooks-made", "manager", "/webhooks/", sends="form.card", typed={**nowhere, "address": hub.address}),
        Sight("webhooks-refused", "manager", "/webhooks/", 422, sends="form.card", typed=nowhere),
        Sight("webhook", "leader", one),
        Sight("webhook-as-administrator", "admin", one),
        Sight("webhook-changing", "leader", one, opens="#change summary"),
        Sight("webhook-new-secret", "leader", one, sends="#secret form"),
    ]


def _mail(team: Team) -> int:
    """A mailbox that cannot be read just now, with a rule, and a mail that no rule fitted."""
    box = Mailbox.objects.create(
        name="Claims",
        kind="imap",
        host="mail.example",
        username="claims",
        password_variable="MAIL_PASSWORD_CLAIMS",
        worker=Worker.objects.get(username="assistant"),
        problem="There is no password: the variable MAIL_PASSWORD_CLAIMS is not set where mail is read.",
    )
    MailRule.objects.create(mailbox=box, recipient="claims@*", reference="IS-#", file_type=team.file_types.all()[0])
    told = {
        "subject": "Water in the cellar, second reminder",
        "sender": "ben@pool.example",
        "reason": "No rule fits it.",
    }
    now = timezone.now()
    Mail.objects.create(
        mailbox=box,
        key="1",
        digest="1",
        arrived_at=now,
        seen_at=now,
        tried_at=now,
        state="waiting",
        content=b"",
        **told,
    )
    return box.pk


def _in_hand(worker: Worker) -> None:
    """The visitor has a file in hand, one that is stuck, and one on the shelf."""
    now = timezone.now()
    if not HelpCall.objects.filter(worker=worker, ended_at=None).exists():
        flow.start(worker, office.next_position(worker), by=worker, now=now)
        held = Slot.objects.get(bin=worker.pk, in_hand=True)
        andon.stuck(worker, held.position, reason="The amounts of two documents differ", by=worker, now=now)
    calm = Slot.objects.filter(bin=worker.pk, file__isnull=False).exclude(
        file__in=HelpCall.objects.filter(ended_at=None).values("file")
    )
    waits = calm.order_by("filled_at", "position")[0]
    wake_at = now + timedelta(days=2)
    shelf.shelve(worker, waits.position, reason="The bank answers in two days", wake_at=wake_at, by=worker, now=now)
    if not Slot.objects.filter(bin=worker.pk, in_hand=True).exists():
        flow.start(worker, calm.order_by("filled_at", "position")[0].position, by=worker, now=now)


def _told_file(team: Team, leader: Worker) -> File:
    """A waiting file that has documents and a long way behind it."""
    now = timezone.now()
    file = File.objects.filter(team=team, state=State.WAITING, expedite=False, file_type__skill__isnull=False)[0]
    letter = SimpleUploadedFile(
        "Letter of the counterparty, second reminder, with all enclosures.pdf", b"%PDF-1.7 letter"
    )
    picture = SimpleUploadedFile("stamp.png", b"\x89PNG\r\n\x1a\n stamp")
    attachments.attach(file, [letter, picture], by=leader, now=now)
    return file


def _doors(team: Team) -> list[Sight]:
    wrong = {"username": "worker", "password": "sesame"}
    return [
        Sight("sign-in", "", "/sign-in/"),
        Sight("sign-in-refused", "", "/sign-in/", sends="form.stack", typed=wrong),
        Sight("sign-in-first", "", "/bin/"),
        Sight("wall", "", f"/board/{team.slug}/?wall={team.queue.wall_secret}"),
        Sight("forbidden", "worker", "/intake/", 403),
        Sight("missing", "worker", "/files/IS-00000/", 404),
    ]


def _outages(run: Run) -> list[Sight]:
    expired = {"csrfmiddlewaretoken": "of another sign-in"}
    return [
        Sight("expired", "worker", "/preferences/", 403, sends="form[action$='/preferences/']", typed=expired),
        Sight("fault", "assistant", outages.PATH, 500, during=lambda: outages.fault(run)),
        Sight("database-away", "assistant", outages.PATH, 503, during=lambda: outages.database_away(run)),
    ]


def _boards(team: Team) -> list[Sight]:
    Team.objects.create(name="Recoveries", slug="recoveries")
    quiet = office.team(LONG)
    wall, _is_new = OfficeWall.objects.get_or_create(pk=1)
    _asks_for_help(quiet)
    office.worker("Bartholomew Featherstone", quiet)
    bin_of = f"/board/{team.slug}/bin"
    away = Worker.objects.filter(team=team, is_present=False, roles__contains=["worker"])[0]
    early = {"starts_at": "2026-03-03T09:00", "ends_at": "2026-03-02T09:00"}
    return [
        Sight("board", "leader", f"/board/{team.slug}/"),
        Sight("board-as-manager", "manager", f"/board/{team.slug}/"),
        Sight("board-ending-a-call", "leader", f"/board/{team.slug}/", opens=".help-acts summary"),
        Sight("board-quiet", "manager", f"/board/{quiet.slug}/"),
        Sight("board-without-queue", "manager", "/board/recoveries/"),
        Sight("office", "manager", "/office/"),
        Sight("office-as-worker", "worker", "/office/"),
        Sight("office-explained", "admin", "/office/", opens=".worked-out summary"),
        Sight("office-wall", "", f"/office/?wall={wall.secret}"),
        Sight("bin-of", "leader", f"{bin_of}/worker/"),
        Sight("bin-of-away", "leader", f"{bin_of}/{away.username}/"),
        Sight("bin-of-refused", "leader", f"{bin_of}/worker/", 422, sends="form[action$='/absences/']", typed=early),
    ]


def _asks_for_help(team: Team) -> None:
    Notice.objects.create(
        team=team,
        kind=Notice.Kind.ASK,
        people=2,
        skill=Skill.objects.first(),
        reason="A large treaty settlement came in at once, with documents in four languages, and two of us are ill",
        by=Worker.objects.get(username="manager"),
        at=timezone.now(),
        until=timezone.now() + timedelta(hours=3),
    )


def _weeks(team: Team) -> list[Sight]:
    """A week with something in it, its form, and a front office whose people have no bin; who helps there is lent in `_loans`."""
    now = timezone.now()
    planned = Absence.objects.filter(worker__team=team, starts_at__gt=now).order_by("starts_at")[0]
    hours = team.queue.calendar.hours()
    day = hours.local_day(planned.starts_at)
    name = roster.name_of(day - timedelta(day.weekday()))
    at, opened = f"/absences/{team.slug}/", f"?week={name}&for={planned.worker.username}&on={day}"
    office.team("Calm desk two")
    desk = Team.objects.get(is_front_office=True)
    desk_worker = office.person("Desk Worker", Role.WORKER, team=desk)
    return [
        Sight("week", "leader", at),
        Sight("week-as-worker", "worker", at),
        Sight("week-planning", "leader", at + opened),
        Sight(
            "week-refused",
            "leader",
            at + opened,
            422,
            sends="#plan form:last-of-type",
            typed={"until_day": "2026-01-01"},
        ),
        Sight("week-unknown", "worker", f"{at}?week=2026-W99", 404),
        Sight("week-of-nobody", "manager", "/absences/calm-desk-two/"),
        Sight("week-import", "leader", f"{at}import/"),
        Sight("week-import-refused", "leader", f"{at}import/", 422, sends="form.upload"),
        Sight("front-office", "manager", f"/board/{desk.slug}/"),
        Sight("front-office-bin", desk_worker.username, "/bin/"),
    ]


def _bins() -> list[Sight]:
    calm = office.team("Calm desk")
    away, idle = office.worker("Away Today", calm, present=False), office.worker("Idle Hands", calm)
    next_one = office.worker("Next Inline", calm)
    flow.log(
        reference="K-1",
        file_type=office.file_type("Letter", calm, checklist=("It is signed",)),
        by=None,
        now=timezone.now(),
    )
    flow.away(idle, by=idle, now=timezone.now())
    flow.back(idle, by=idle, now=timezone.now())
    no_bin = office.person("No Bin", Role.WORKER, team=calm)
    no_queue = office.person("No Queue", Role.WORKER, team=Team.objects.get(slug="recoveries"))
    holder = Slot.objects.filter(bin__in=[idle.pk, next_one.pk], file__isnull=False).first()
    filled = Worker.objects.get(pk=holder.bin_id) if holder else next_one
    empty = next_one if filled == idle else idle
    return [
        Sight("bin", "worker", "/bin/"),
        Sight("bin-unconfirmed", "worker", "/bin/", 422, sends="form[id^=done-]"),
        Sight("bin-stuck", "worker", "/bin/", opens="details[id^=stuck-] summary"),
        Sight("bin-shelving", "worker", "/bin/", opens="details[id^=shelve-] summary"),
        Sight("bin-menu", "worker", "/bin/", opens="details.menu summary"),
        Sight("bin-next", filled.username, "/bin/"),
        Sight("bin-empty", empty.username, "/bin/"),
        Sight("bin-away", away.username, "/bin/"),
        Sight("bin-missing", no_bin.username, "/bin/"),
        Sight("bin-without-queue", no_queue.username, "/bin/"),
    ]


def _loans() -> list[Sight]:
    """In need and not, as a leader, with everything wrong; a front office, and a person lent to it."""
    desk = Team.objects.get(is_front_office=True)
    manager, calm = Worker.objects.get(username="manager"), Team.objects.get(slug="calm-desk")
    lent = office.worker("Lent Today", calm)
    until = timezone.now() + timedelta(hours=3)
    loans.lend(
        lent, to_team=desk, ends_at=until, reason="The hall is full", is_agreed=True, by=manager, now=timezone.now()
    )
    wrong = {"ends_at": "2026-03-03T09:00", "reason": ""}
    nothing = {"people": "0", "until": "", "reason": ""}
    pair = "worker=giorgos.papanikolaou.stefanidis&worker=siobhan.orourke"
    return [
        Sight("lend", "manager", "/lend/"),
        Sight("lend-to", "manager", "/lend/?to=claims"),
        Sight("lend-before-and-after", "manager", f"/lend/?to=claims&{pair}"),
        Sight("lend-refused", "manager", "/lend/?to=claims", 422, sends="#lend-form", typed=wrong),
        Sight("lend-front-office", "manager", f"/lend/?to={desk.slug}&worker=idle-hands"),
        Sight("lend-as-leader", "leader", f"/lend/?to={TEAM}"),
        Sight("lend-asking", "leader", "/lend/", opens=".notice-new summary"),
        Sight("lend-asking-refused", "leader", "/lend/", 422, sends="#notice-form", typed=nothing),
        Sight("lend-history", "manager", "/lend/", opens=".history summary"),
        Sight("bin-lent", "ibrahim.coulibaly", "/bin/"),
        Sight("bin-front-office", lent.username, "/bin/"),
    ]


def _files(waiting: File, team: Team) -> list[Sight]:
    done = File.objects.filter(team=team, state=State.DONE).latest("done_at")
    taken = File.objects.filter(team=team, state=State.IN_SLOT)[0]
    at = f"/files/{waiting.reference}/"
    return [
        Sight("file", "leader", at),
        Sight("file-as-worker", "worker", at),
        Sight("file-expediting", "leader", at, opens="#expedite summary"),
        Sight("file-refused", "leader", at, 422, sends="#withdraw form"),
        Sight("file-done", "leader", f"/files/{done.reference}/"),
        Sight("file-in-a-slot", "leader", f"/files/{taken.reference}/"),
        Sight("search", "leader", "/search/"),
        Sight("search-found", "leader", f"/search/?q={waiting.title.split()[0]}&state=waiting"),
        Sight("search-similar", "leader", f"/search/?q={waiting.reference[:-1]}x"),
        Sight("search-nothing", "leader", "/search/?q=zzzzqqqq"),
        Sight("export", "leader", f"/export/?team={team.slug}"),
        Sight("export-of-few", "leader", "/export/?team=calm-desk-two"),
        Sight("export-refused", "leader", f"/export/{team.slug}/events/?from=2026-03-05&to=2026-03-01", 422),
        Sight("covers", "assistant", f"/files/covers/?reference={waiting.reference}&reference={done.reference}"),
        Sight("covers-labels", "assistant", f"/files/covers/?reference={waiting.reference}&as=label"),
        Sight("covers-nothing", "assistant", "/files/covers/?reference=none", 404),
    ]


def _desk(run: Run, team: Team) -> list[Sight]:
    nothing = {"reference": "", "expedite_reason": "x"}
    faulty, ready, done = _imports(run, team)
    return [
        Sight("intake", "assistant", "/intake/"),
        Sight("intake-refused", "assistant", "/intake/", 422, sends="#intake-form", typed=nothing),
        Sight("imports", "assistant", "/intake/import/"),
        Sight("imports-refused", "assistant", "/intake/import/", 422, sends="form.upload"),
        Sight("import-faulty", "assistant", f"/intake/import/{faulty.pk}/"),
        Sight("import-ready", "assistant", f"/intake/import/{ready.pk}/"),
        Sight("import-done", "assistant", f"/intake/import/{done.pk}/"),
        Sight("import-covers", "assistant", f"/intake/import/{done.pk}/covers/"),
    ]


def _imports(run: Run, team: Team) -> list[Import]:
    """One with faults, one that could be imported, one that was; all of them run by the office itself."""
    assistant, kind = Worker.objects.get(username="assistant"), team.file_types.all()[0].name
    columns = "reference,file_type,customer,title,received_at,weight"
    good = [f"IS-9{number:04},{kind},Harbour Mutual,Second reminder,,1" for number in range(30)]
    bad = [*good, f"IS 9,{kind},Harbour Mutuel,,31/02/2026,", "IS-90031,Letter of nobody,,,,", ",,,,,heavy"]

    def upload(name: str, rows: list[str]) -> Import:
        content = "\n".join([columns, *rows]).encode()
        return importing.upload(content, name=name, team=team, by=assistant, now=timezone.now())

    made = [upload("march-with-faults.csv", bad), upload("april.csv", good), upload("may.csv", good[:2])]
    for each in made:
        run.until(lambda each=each: Import.objects.get(pk=each.pk).state not in Import.WANTED)
    last = Import.objects.get(pk=made[-1].pk)
    importing.order(last, checks=last.checks, now=timezone.now())
    run.until(lambda: Import.objects.get(pk=last.pk).state == Import.State.IMPORTED)
    return made


def _skills(team: Team) -> list[Sight]:
    at = f"/skills/{team.slug}/"
    of_marine = f"{at}of/mireille.dubois.fontanel/marine/"
    office.team("Nobody yet")
    return [
        Sight("skills", "manager", "/skills/"),
        Sight("matrix", "leader", at),
        Sight("matrix-as-worker", "worker", at),
        Sight("matrix-as-manager", "manager", at),
        Sight("matrix-panel", "leader", at, opens="#matrix td > a"),
        Sight("matrix-empty", "manager", "/skills/nobody-yet/"),
        Sight("levels", "leader", f"{at}of/worker/"),
        Sight("level", "leader", of_marine),
        Sight("level-as-worker", "worker", f"{at}of/worker/sanctions/"),
        Sight("level-refused", "leader", of_marine, 422, sends="form.stack", typed={"until": "1066-10-14"}),
        Sight("target", "leader", f"{at}target/marine/"),
        Sight("target-refused", "leader", f"{at}target/marine/", 422, sends="form.stack", typed={"people": "0"}),
        Sight("training", "leader", f"{at}plan/"),
        Sight("training-refused", "leader", f"{at}plan/", 422, sends="form.card"),
        Sight("matrix-import", "leader", f"{at}import/"),
        Sight("matrix-import-refused", "leader", f"{at}import/", 422, sends="form.upload"),
    ]


def _scans(worker: Worker) -> list[Sight]:
    held = Slot.objects.select_related("file").get(bin=worker.pk, in_hand=True)
    assert held.file
    assert Queue.objects.filter(team=worker.team_id).exists()
    return [
        Sight("scan", "worker", "/scan/"),
        Sight("scan-unknown", "worker", "/scan/NOTHING-1/", 404),
        Sight("scan-file", "worker", f"/scan/{held.file.reference}/"),
        Sight("scan-unconfirmed", "worker", f"/scan/{held.file.reference}/", 422, sends="form.good-means"),
    ]

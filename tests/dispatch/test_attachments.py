"""Attachments: who may add, read and remove them, what is kept out, and that disk, rows and events never disagree."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, OperationalError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from dispatch import attachments, flow, ledger, sweep, undo
from dispatch.models import Attachment, Event, File, State
from tests import office
from tests.desk import text
from tests.office import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("an_hour_later")]

LATER = NOW + timedelta(hours=1)
PDF = b"%PDF-1.7\n..."
PNG = b"\x89PNG\r\n\x1a\n..."


@pytest.fixture(autouse=True)
def folder(settings, tmp_path) -> Path:
    settings.ATTACHMENTS_DIR = str(tmp_path / "attachments")
    return tmp_path / "attachments"


@pytest.fixture
def file(team) -> File:
    return office.log(office.file_type("Claim", team))[0]


@pytest.fixture
def ada(team):
    return office.worker("Ada Lund", team, present=False)


def upload(name="letter.pdf", content=PDF, kind="application/pdf"):
    return SimpleUploadedFile(name, content, kind)


def send(client, person, file, *uploads):
    client.force_login(person)
    return client.post(reverse("attach", args=[file.reference]), {"documents": uploads})


def attach(file, by, *uploads, now=LATER):
    return attachments.attach(file, uploads or [upload()], by=by, now=now)


def remove(client, person, attachment):
    client.force_login(person)
    return client.post(reverse("detach", args=[attachment.pk]))


def names(file):
    return list(Attachment.objects.filter(file=file, removed_at=None).order_by("pk").values_list("name", flat=True))


def on_disk(folder):
    return [path.name for path in folder.glob("*/*")]


# --- Adding


def test_several_at_once_each_an_event_and_whole_on_disk(client, file, ada, folder):
    answer = send(client, ada, file, upload(), upload("photo.PNG", PNG, "image/png"))
    assert (answer.status_code, answer.url) == (303, reverse("file", args=[file.reference]))
    letter, photo = Attachment.objects.order_by("pk")
    assert (letter.kind, photo.kind) == ("application/pdf", "image/png")
    assert (letter.size, letter.sha256) == (len(PDF), hashlib.sha256(PDF).hexdigest())
    assert attachments.path_of(letter.blob).read_bytes() == PDF
    assert attachments.path_of(letter.blob).stat().st_mode & 0o777 == 0o600
    assert office.story(file)[1:] == ["attached", "attached"]
    page = text(client.get(answer.url))
    assert "letter.pdf" in page
    assert "Attachment added · you letter.pdf" in page
    assert ledger.balance().differences == ()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\windows\\system.txt", "system.txt"),
        ("/abs/olute.txt", "olute.txt"),
        ("nul\0l.txt", "null.txt"),
        ("bell\x07 \u202etxt.exe.txt", "bell txt.exe.txt"),
        ("  many \t spaces .txt", "many spaces.txt"),
        ('a<b>"c|?*.txt', "a_b__c___.txt"),
        ("é" * 300 + ".txt", "é" * 116 + ".txt"),
        ("...hidden.txt", "hidden.txt"),
        ("Ünïcode 名.txt", "Ünïcode 名.txt"),
    ],
)
def test_names_are_only_names(file, ada, folder, sent, kept):
    document = upload("x.txt", b"hello", "text/plain")
    document._name = sent  # past Django's own cleaning
    assert [each.name for each in attach(file, ada, document)] == [kept]
    [blob] = on_disk(folder)
    assert len(blob) == 32
    assert sorted(path.name for path in folder.parent.iterdir()) == ["attachments"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", b"<script>alert(1)</script>"),
        ("picture.svg", b"<svg onload='alert(1)'/>"),
        ("program.exe", b"MZ\0\0"),
        ("letter", PDF),
        (".pdf", PDF),
        ("letter.pdf.html", PDF),
        ("letter.pdf", b"<html>"),
        ("letter.pdf", b" %PDF-1.7"),
        ("photo.png", b"\xff\xd8\xff"),
        ("photo.jpg", PNG),
        ("scan.tiff", PDF),
        ("table.xlsx", b"<html>"),
        ("note.txt", b"MZ\x90\0\x03\0"),
        ("mail.eml", b"a\0b"),
        ("empty.txt", b""),
    ],
)
def test_what_is_not_kept_here_is_refused_and_leaves_nothing(client, file, ada, folder, name, content):
    answer = send(client, ada, file, upload("fine.pdf"), upload(name, content, "application/pdf"))
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert (names(file), on_disk(folder), office.story(file)) == ([], [], ["logged"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("scan.TIF", b"II*\0..."),
        ("photo.jpeg", b"\xff\xd8\xff\xe0"),
        ("table.csv", "Größe;Stück\n".encode("latin-1")),
        ("table.csv", b"\xff\xfea\0;\0"),
        ("mail.eml", b"From: a@b.example\r\n"),
        ("letter.docx", b"PK\x03\x04"),
        ("letter.odt", b"PK\x03\x04"),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    ],
)
def test_what_offices_have_is_kept(file, ada, name, content):
    assert [each.name for each in attach(file, ada, upload(name, content))] == [name]


def test_nothing_chosen_too_big_and_too_many(client, file, ada, folder, settings):
    settings.ATTACHMENT_MAX_BYTES, settings.ATTACHMENTS_A_FILE = 20, 2
    assert "Choose one or more" in text(send(client, ada, file))
    assert "may have 20" in text(send(client, ada, file, upload(content=PDF + b"." * 20)))
    attach(file, ada)
    answer = send(client, ada, file, upload("b.pdf"), upload("c.pdf"))
    assert answer.status_code == 422
    assert "at most 2 attachments" in text(answer)
    assert names(file) == ["letter.pdf"]
    assert len(on_disk(folder)) == 1


def test_a_name_that_is_taken_gets_a_number(file, ada):
    attach(file, ada, upload(), upload())
    attach(file, ada)
    assert names(file) == ["letter.pdf", "letter (2).pdf", "letter (3).pdf"]
    first = Attachment.objects.get(name="letter.pdf")
    with pytest.raises(IntegrityError), transaction.atomic():
        Attachment.objects.filter(name="letter (2).pdf").update(name=first.name)


def test_when_the_row_cannot_be_written_the_disk_is_as_before(file, ada, folder, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError

    monkeypatch.setattr(attachments.moves, "note", broken)
    with pytest.raises(RuntimeError):
        attach(file, ada)
    assert (names(file), on_disk(folder)) == ([], [])


def test_when_the_database_went_away_the_content_stays_until_the_night(file, ada, folder, monkeypatch):
    """The row may have been committed all the same."""

    def lost(*_args, **_kwargs):
        raise OperationalError

    monkeypatch.setattr(attachments.moves, "note", lost)
    with pytest.raises(OperationalError):
        attach(file, ada)
    assert len(on_disk(folder)) == 1


def test_done_files_take_documents_too_and_nothing_moves(team, file, ada):
    flow.back(ada, by=ada, now=NOW)
    flow.start(ada, 1, by=ada, now=NOW)
    flow.mark_done(ada, 1, by=ada, now=NOW)
    attach(file, ada)
    file.refresh_from_db()
    assert file.state == State.DONE
    assert ledger.balance().differences == ()


# --- Who may


@pytest.mark.parametrize(
    ("role", "of", "may"),
    [
        ("assistant", None, True),
        ("worker", "own", True),
        ("worker", "other", False),
        ("leader", "own", True),
        ("leader", None, True),  # who leads logs files as well
        ("manager", None, False),
        ("administrator", None, True),
    ],
)
def test_who_may_attach(client, team, file, role, of, may):
    other = office.team("Marine")
    home = {"own": team, "other": other}.get(of)
    person = office.person("Somebody", role, team=home, leads=team if role == "leader" and of else None)
    assert (send(client, person, file, upload()).status_code == 403) != may
    assert ('id="documents"' in client.get(reverse("file", args=[file.reference])).content.decode()) == may
    assert bool(names(file)) == may


def test_strangers_get_nothing(client, file, ada):
    [letter] = attach(file, ada)
    for name, key in (("attachment", letter.pk), ("detach", letter.pk), ("attach", file.reference)):
        for answer in (client.get(reverse(name, args=[key])), client.post(reverse(name, args=[key]))):
            assert answer.status_code == 302
            assert answer.url.startswith("/sign-in/")
    assert names(file) == ["letter.pdf"]


@pytest.mark.parametrize(
    ("who", "hours", "may"),
    [
        ("adder", 23, True),
        ("adder", 25, False),
        ("colleague", 1, False),
        ("leader", 900, True),
        ("other leader", 1, False),
        ("manager", 1, False),
        ("administrator", 900, True),
    ],
)
def test_who_may_remove(client, team, file, ada, who, hours, may):
    [letter] = attach(file, ada, now=LATER - timedelta(hours=hours))
    person = {
        "adder": lambda: ada,
        "colleague": lambda: office.worker("Ben", team, present=False),
        "leader": lambda: office.person("Lea", "leader", leads=team),
        "other leader": lambda: office.person("Lou", "leader", leads=office.team("Marine")),
        "manager": lambda: office.person("Mara", "manager"),
        "administrator": lambda: office.person("Root", "administrator"),
    }[who]()
    client.force_login(person)
    offered = reverse("detach", args=[letter.pk]) in client.get(reverse("file", args=[file.reference])).content.decode()
    assert offered == may
    assert remove(client, person, letter).status_code == (303 if may else 403)
    assert bool(names(file)) != may


def test_acts_are_posts_and_an_address_leads_to_the_page(client, file, ada):
    [letter] = attach(file, ada)
    client.force_login(ada)
    for address in (reverse("detach", args=[letter.pk]), reverse("attach", args=[file.reference])):
        assert client.get(address).url == reverse("file", args=[file.reference])
    assert client.post(reverse("attachment", args=[letter.pk])).status_code == 405
    assert client.post(reverse("attach", args=["NO-1"])).status_code == 404
    assert client.post(reverse("detach", args=[letter.pk + 1])).status_code == 404


def test_section_6_who_attached_it_is_told_while_the_file_is_open(client, team, file, ada):
    attach(file, ada)
    lea = office.person("Lea", "leader", leads=team)
    client.force_login(lea)
    assert "Ada L." in text(client.get(reverse("file", args=[file.reference])))
    flow.withdraw(file, reason="mistake", by=lea, now=NOW)
    assert "Ada" not in text(client.get(reverse("file", args=[file.reference])))


# --- Reading


@pytest.mark.parametrize(
    ("name", "content", "kind", "how"),
    [
        ("letter.pdf", PDF, "application/pdf", "attachment"),
        ("photo.png", PNG, "image/png", "inline"),
        ("page.txt", b"<html><script>alert(1)</script>", "text/plain", "attachment"),
        ("table.csv", b"=cmd()", "text/csv", "attachment"),
    ],
)
def test_served_so_that_a_browser_runs_nothing(client, file, ada, name, content, kind, how):
    [document] = attach(file, ada, upload(name, content, "text/html"))
    client.force_login(office.person("Somebody", "manager"))
    answer = client.get(reverse("attachment", args=[document.pk]))
    assert b"".join(answer.streaming_content) == content
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Content-Disposition"] == f'{how}; filename="{name}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert {"private", "no-store"} <= set(answer.headers["Cache-Control"].split(", "))


def test_a_name_cannot_break_the_header(client, file, ada):
    [document] = attach(file, ada, upload('a"; filename=b\r\nX-Evil: 1.txt', b"hello"))
    client.force_login(ada)
    answer = client.get(reverse("attachment", args=[document.pk]))
    assert "X-Evil" not in answer.headers
    assert "\r" not in answer.headers["Content-Disposition"]


def test_removed_and_lost_ones_are_not_found(client, file, ada, folder, caplog):
    kept, removed = attach(file, ada, upload(), upload("b.pdf"))
    attachments.detach(removed, by=ada, now=LATER)
    client.force_login(ada)
    assert client.get(reverse("attachment", args=[removed.pk])).status_code == 404
    assert not caplog.records
    attachments.path_of(kept.blob).unlink()
    assert client.get(reverse("attachment", args=[kept.pk])).status_code == 404
    assert "not on disk" in caplog.text


# --- Removing and undo


def test_a_removed_one_leaves_its_trace(client, file, ada):
    [letter] = attach(file, ada)
    assert remove(client, ada, letter).status_code == 303
    page = text(client.get(reverse("file", args=[file.reference])))
    assert "Attachment removed · you letter.pdf" in page
    letter.refresh_from_db()
    assert (letter.removed_by, letter.removed_at) == (ada, LATER)
    answer = remove(client, ada, letter)
    assert answer.status_code == 409
    assert "removed already" in text(answer)
    with pytest.raises(IntegrityError), transaction.atomic():
        Attachment.objects.update(removed_by=None)


def undo_last(client, person, file):
    client.force_login(person)
    address = reverse("file", args=[file.reference])
    event = client.get(address).context["undoable"]
    return client.post(address, {"act": "undo", "event": event or Event.objects.last().pk})


def test_undo_takes_back_all_that_came_in_one_act_and_gives_back_what_was_removed(client, file, ada):
    attach(file, ada, upload("old.pdf"), now=LATER - timedelta(minutes=5))
    send(client, ada, file, upload(), upload("b.pdf"))
    assert undo_last(client, ada, file).status_code == 303
    assert names(file) == ["old.pdf"]
    assert undo_last(client, ada, file).status_code == 303  # of the removal
    assert names(file) == ["old.pdf", "letter.pdf", "b.pdf"]
    assert undo_last(client, ada, file).status_code == 303
    assert names(file) == ["old.pdf"]
    assert undo_last(client, ada, file).status_code == 303
    assert len(names(file)) == 3
    assert ledger.balance().differences == ()


def test_undo_is_too_late_after_a_minute_and_when_the_name_is_taken(client, file, ada):
    [letter] = attach(file, ada)
    attachments.detach(letter, by=ada, now=LATER)
    removed = Event.objects.last()
    attach(file, ada)
    client.force_login(ada)
    answer = client.post(reverse("file", args=[file.reference]), {"act": "undo", "event": removed.pk})
    assert answer.status_code == 409
    assert "called letter.pdf by now" in text(answer)
    with time_machine.travel(LATER + timedelta(seconds=61), tick=False):
        assert undo_last(client, ada, file).status_code == 409
    assert names(file) == ["letter.pdf"]


def test_r18_a_document_does_not_stand_in_the_way_of_undoing_done(file, ada):
    flow.back(ada, by=ada, now=LATER)
    flow.start(ada, 1, by=ada, now=LATER)
    flow.mark_done(ada, 1, by=ada, now=LATER)
    done = Event.objects.get(kind="done")
    attach(file, office.person("Ass Istant", "assistant"))
    undo.undo(done, by=ada, now=LATER)
    file.refresh_from_db()
    assert file.state == State.IN_SLOT
    assert file.slot.in_hand
    assert ledger.balance().differences == ()


# --- Disk


def test_at_night_goes_what_nobody_has_needed_for_a_day(file, ada, folder):
    kept, long_gone, just_gone = attach(file, ada, upload(), upload("b.pdf"), upload("c.pdf"))
    attachments.detach(long_gone, by=ada, now=LATER - timedelta(days=2))
    attachments.detach(just_gone, by=ada, now=LATER)
    orphans = [folder / "ab" / ("ab" + "0" * 30), folder / "cd" / ("cd" + "1" * 30)]
    not_ours = folder / "ab" / "readme.txt"
    for each in (*orphans, not_ours):
        each.parent.mkdir(exist_ok=True)
        each.write_bytes(b"half")
    for path in folder.glob("*/*"):
        os.utime(path, (0, LATER.timestamp() - 2 * 86400))
    os.utime(orphans[1], (0, LATER.timestamp() - 60))  # an upload under way
    assert sweep.tidy() == 2
    there = {path.name for path in folder.glob("*/*")}
    assert there == {kept.blob, just_gone.blob, orphans[1].name, "readme.txt"}


@pytest.mark.django_db(transaction=True)
def test_of_two_removes_at_once_one_is_told_that_it_was_late(team, file, ada):
    [letter] = attach(file, ada)
    lea = office.person("Lea", "leader", leads=team)

    def race(person):
        try:
            attachments.detach(Attachment.objects.get(pk=letter.pk), by=person, now=timezone.now())
        except attachments.RemovedAlready:
            return "late"
        finally:
            connection.close()
        return "removed"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(race, (ada, lea))) == ["late", "removed"]
    assert Event.objects.filter(kind="detached").count() == 1

"""Mail opens files: each once, by the first rule that fits, whole or not at all; and no mail is ever lost."""

import io
import os
import threading
from contextlib import suppress
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from dispatch import attachments, letters, mail, mailboxes
from dispatch.models import Attachment, Customer, Event, File, Mail, Mailbox, MailRule, MailSender
from skills.models import Role, Worker
from tests import mail_server, office
from tests.desk import text
from tests.office import NOW

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7\n..."


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def box(settings, tmp_path, amir):
    """An empty maildir."""
    settings.MAIL_DIR, settings.ATTACHMENTS_DIR = str(tmp_path / "mail"), str(tmp_path / "attachments")
    for name in ("new", "cur", "tmp"):
        (tmp_path / "mail" / "claims" / name).mkdir(parents=True)
    return Mailbox.objects.create(name="Claims", kind="maildir", path="claims", worker=amir)


@pytest.fixture
def rule(box, claim):
    return MailRule.objects.create(mailbox=box, file_type=claim, reference="CL-#")


def a_mail(subject="Water damage CL-17", *, to="claims@office.example", sender="Ben <ben@pool.example>", **headers):
    made = EmailMessage()
    made["Subject"], made["To"], made["From"] = subject, to, sender
    made["Message-ID"] = headers.pop("message_id", f"<{abs(hash((subject, to, sender)))}@pool.example>")
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content("Dear all,\n")
    return made


def with_document(made, name="letter.pdf", content=PDF):
    made.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return made


def deliver(box, made, name=None):
    content = made if isinstance(made, bytes) else made.as_bytes()
    folder = Path(mailboxes.settings.MAIL_DIR) / box.path / "new"
    path = folder / (name or f"{len(list(folder.iterdir())):03}.host")
    path.write_bytes(content)
    return path


def in_folder(box, name):
    return len(list((Path(mailboxes.settings.MAIL_DIR) / box.path / name).glob("*")))


def attached(file):
    return list(Attachment.objects.filter(file=file).order_by("pk").values_list("name", flat=True))


# --- A file is opened ---------------------------------------------------------------------------------------------------------


def test_a_mail_opens_a_file_with_all_that_is_attached(box, rule, amir, books_balance):
    pool = Customer.objects.create(name="Harbour Pool", slug="pool")
    MailSender.objects.create(customer=pool, address="Pool.example")
    deliver(box, with_document(a_mail("Wasserschaden am Kai – CL-17")))
    assert mail.read(box).opened == 1
    file = File.objects.get()
    assert (file.reference, file.title, file.customer) == ("CL-17", "Wasserschaden am Kai – CL-17", pool)
    assert attached(file) == ["Wasserschaden am Kai – CL-17.eml", "letter.pdf"]
    assert attachments.path_of(Attachment.objects.get(name="letter.pdf").blob).read_bytes() == PDF
    assert office.story(file) == ["logged", "attached", "attached", "mailed"]
    assert set(Event.objects.values_list("by", flat=True)) == {amir.pk}
    assert (in_folder(box, "new"), in_folder(box, ".Threeslot/cur")) == (0, 1)


def test_without_a_reference_in_the_subject_it_gets_one(box, rule):
    deliver(box, a_mail("Water damage"))
    mail.read(box)
    assert File.objects.get().reference == f"MAIL-{Mail.objects.get().pk}"


def test_it_was_received_when_it_came_in_whatever_its_date_says(box, rule):
    path = deliver(box, a_mail(Date="Mon, 01 Jan 1990 00:00:00 +0000"))
    came = (NOW - timedelta(hours=3)).timestamp()
    os.utime(path, (came, came))
    mail.read(box)
    assert File.objects.get().received_at == NOW - timedelta(hours=3)


def test_a_mail_about_an_open_file_comes_to_it(box, rule, claim):
    deliver(box, a_mail("CL-17"))
    deliver(box, with_document(a_mail("Re: CL-17, the invoice"), "invoice.pdf"))
    assert mail.read(box).opened == 2
    assert attached(File.objects.get())[-1] == "invoice.pdf"


@pytest.mark.parametrize(
    ("to", "subject", "chosen"),
    [
        ("claims@office.example", "Water damage", "Water"),
        ("CLAIMS@office.example", "WATER DAMAGE at sea", "Water"),
        ("claims@office.example", "Fire", "Claim"),
        ("info@office.example", "Water damage", None),
        ("claims@office.example, info@office.example", "Fire", "Claim"),
        ("claims@office.example", "[x] (fire)", "Claim"),
    ],
)
def test_the_first_rule_that_fits_decides(box, team, claim, to, subject, chosen):
    water = office.file_type("Water", team)
    MailRule.objects.create(mailbox=box, position=20, recipient="claims@*", file_type=claim)
    MailRule.objects.create(mailbox=box, position=10, recipient="claims@*", subject="*water damage*", file_type=water)
    deliver(box, a_mail(subject, to=to))
    mail.read(box)
    assert File.objects.values_list("file_type__name", flat=True).first() == chosen


@pytest.mark.parametrize(
    ("pattern", "subject", "reference"),
    [
        ("CL-#", "Re: cl-17", "cl-17"),
        ("CL-#", "XCL-17 and CL-18", "CL-18"),
        ("CL-#", "CL-17b", ""),
        ("#/@", "No 2026/ABC, please", "2026/ABC"),
        ("@-#-#", f"{'a' * 199}-", ""),
        ("@@-##", "No ABC-2026", "ABC-2026"),
        ("@a" * 32, "a" * 200, ""),
        ("(#)", "The file (17)", "(17)"),
        ("#?", "17?", ""),
    ],
)
def test_references_are_found_by_a_pattern_that_is_no_program(pattern, subject, reference):
    assert mail._reference(pattern, subject) == reference


def test_what_a_file_cannot_have_is_named_and_the_rest_is_there(box, rule, settings):
    settings.ATTACHMENT_MAX_BYTES = 3000
    made = with_document(with_document(a_mail("CL-17"), "tool.exe", b"MZ"), "winmail.dat", b"\x78\x9f\x3e\x22")
    deliver(box, with_document(made, "scan.pdf", b"%PDF-" + b"0" * 4000))
    mail.read(box)
    assert attached(File.objects.get()) == []
    assert mail.read(box).opened == 0
    told = Event.objects.get(kind="mailed").cause
    assert "tool.exe" in told
    assert len(told) <= 300
    deliver(box, with_document(with_document(a_mail("CL-18"), "tool.exe", b"MZ"), "a.pdf"))
    mail.read(box)
    assert attached(File.objects.get(reference="CL-18")) == ["CL-18.eml", "a.pdf"]


# --- Each once ----------------------------------------------------------------------------------------------------------------


def test_a_mail_that_comes_again_opens_nothing(box, rule):
    deliver(box, a_mail("Fire"))
    deliver(box, a_mail("Fire", Received="from elsewhere"))
    outcome = mail.read(box)
    assert File.objects.count() == 1
    assert len(outcome.told) == 2
    assert in_folder(box, ".Threeslot/cur") == 2


def test_two_mails_under_one_message_id_are_two(box, rule):
    deliver(box, a_mail("Fire", message_id="<1@x>"))
    other = a_mail("Fire", message_id="<1@x>")
    other.set_content("Something else\n")
    deliver(box, other)
    deliver(box, other)
    mail.read(box)
    assert File.objects.count() == 2


def test_without_a_message_id_the_bytes_tell(box, rule):
    made = a_mail("Fire")
    del made["Message-ID"]
    deliver(box, made)
    deliver(box, made)
    mail.read(box)
    assert File.objects.count() == 1


def test_who_dies_before_it_is_put_away_opens_nothing_twice(box, rule, monkeypatch):
    deliver(box, with_document(a_mail("Fire")))
    with monkeypatch.context() as dying:
        dying.setattr(mailboxes, "_put_away", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with suppress(KeyboardInterrupt):
            mail.read(box)
    assert (File.objects.count(), in_folder(box, "new")) == (1, 1)
    mail.read(box)
    assert (File.objects.count(), Attachment.objects.count(), in_folder(box, "new")) == (1, 2, 0)


def test_who_dies_in_the_middle_has_done_nothing(box, rule, monkeypatch):
    deliver(box, with_document(a_mail("Fire")))
    with monkeypatch.context() as dying:
        dying.setattr(mail.moves, "note", lambda *_args, **_more: (_ for _ in ()).throw(KeyboardInterrupt))
        with suppress(KeyboardInterrupt):
            mail.read(box)
    assert (File.objects.count(), Mail.objects.count(), Attachment.objects.count()) == (0, 0, 0)
    assert mail.read(box).opened == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_read_at_once_open_it_once(box, rule):
    for number in range(5):
        deliver(box, a_mail(f"Fire {number}"))
    start = threading.Barrier(2)

    def look():
        start.wait()
        mail.read(box)
        connection.close()

    readers = [threading.Thread(target=look) for _ in range(2)]
    for each in readers:
        each.start()
    for each in readers:
        each.join()
    assert File.objects.count() == 5
    assert set(Mail.objects.values_list("state", flat=True)) == {"opened"}


def test_the_database_itself_knows_each_mail_once(box, rule):
    deliver(box, a_mail("Fire"))
    mail.read(box)
    seen = Mail.objects.get()
    seen.pk = None
    with pytest.raises(IntegrityError, match="each_mail_once"), transaction.atomic():
        seen.save(force_insert=True)


# --- What opens no file -------------------------------------------------------------------------------------------------------


def test_what_no_rule_fits_waits_until_one_does(box, claim, admin):
    deliver(box, with_document(a_mail("CL-17")))
    assert mail.read(box).waiting == 1
    assert in_folder(box, "new") == 0, "it is safe here"
    assert "No rule fits it." in text(admin.get("/admin/dispatch/mail/?state__exact=waiting"))
    assert mail.read(box).told == [], "not again for nothing"
    MailRule.objects.create(mailbox=box, file_type=claim, reference="CL-#")
    mail.rules_changed(box.pk, now=NOW + timedelta(seconds=30))
    assert mail.read(box).opened == 1
    assert attached(File.objects.get(reference="CL-17")) == ["CL-17.eml", "letter.pdf"]
    assert Mail.objects.get().content is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-generated; x"},
        {"Return_Path": "<>"},
        {"X_Autoreply": "yes"},
    ],
)
def test_what_answers_by_itself_is_not_answered_by_a_file(box, rule, headers):
    deliver(box, a_mail("Out of office CL-17", **headers))
    deliver(box, a_mail("CL-18", Auto_Submitted="no"))
    outcome = mail.read(box)
    assert (outcome.left, outcome.opened) == (1, 1)
    assert File.objects.get().reference == "CL-18"


@pytest.mark.parametrize("why", ["ended", "elsewhere", "no rights", "no queue"])
def test_what_cannot_be_opened_waits_with_the_reason(box, rule, claim, amir, why):
    if why == "ended":
        file = office.log(claim)[0]
        File.objects.filter(pk=file.pk).update(reference="CL-17", state="withdrawn")
    if why == "elsewhere":
        File.objects.filter(pk=office.log(office.file_type("Hull", office.team("Marine")))[0].pk).update(
            reference="CL-17"
        )
    if why == "no rights":
        Worker.objects.filter(pk=amir.pk).update(roles=[Role.WORKER])
    if why == "no queue":
        claim.team.queue.delete()
    files = File.objects.count()
    deliver(box, a_mail("CL-17"))
    assert mail.read(Mailbox.objects.get(pk=box.pk)).waiting == 1
    waiting = Mail.objects.get()
    assert waiting.reason
    assert bytes(waiting.content).startswith(b"Subject:")
    assert (File.objects.count(), Attachment.objects.count()) == (files, 0), "nothing half done"


def test_one_that_is_too_large_stays_where_it_is_and_is_told_once(box, rule, settings):
    settings.MAIL_MAX_BYTES = 100
    deliver(box, with_document(a_mail("CL-17")))
    assert mail.read(box).waiting == 1
    assert (in_folder(box, "new"), Mail.objects.get().content) == (1, None)
    mail.read(box)
    assert Mail.objects.count() == 1


BROKEN = {
    "nothing": b"",
    "no header": b"hello\n\nworld",
    "half a character": b"Subject: =?utf-8?q?=C3?= CL-17\nTo: x@y\n\nx",
    "bytes of another time": b"Subject: \xe9\xff\x00 CL-17\nFrom: \xff <a@b>\nMessage-ID: <\x00>\n\n\xff\xfe",
    "an encoding that there is not": b"Subject: =?klingon?b?AAAA?=\nContent-Type: text/plain; charset=klingon\n\nx",
    "an address that is none": b"From: <<<>>@@[\nTo: :;,,@\nSubject: x\n\nx",
    "a boundary that never comes": b"Content-Type: multipart/mixed; boundary=b\nSubject: x\n\n--b\n\nx",
    "base64 that is none": b'Subject: x\nContent-Type: application/pdf; name="a.pdf"\nContent-Transfer-Encoding: base64\n\n%%%',
    "a name that is none": b"Content-Disposition: attachment; filename*0*=x''%\nContent-Type: image/png; name*=utf-8''%ff%00\n\nx",
    "a nest": b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(5000)),
    "a mail in a mail": b"Subject: x\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nAAAA",
    "a header without an end": b"Subject: " + b"x" * 200_000,
}


@pytest.mark.parametrize("what", BROKEN)
def test_whatever_it_is_made_of_it_is_in_a_file_or_waits_and_the_next_is_read(box, rule, what):
    deliver(box, BROKEN[what])
    deliver(box, a_mail("CL-99"))
    outcome = mail.read(box)
    assert outcome.opened + outcome.waiting == 2
    assert outcome.problem == ""
    assert File.objects.filter(reference="CL-99").exists()
    letter = letters.read(BROKEN[what])
    assert letter.key
    assert "\0" not in letter.key + letter.subject + letter.sender
    assert letter == letters.read(BROKEN[what])


def test_pictures_within_the_text_are_no_documents_and_nested_ones_are(box, rule):
    inner = with_document(a_mail("Inner"), "inner.pdf")
    made = with_document(a_mail("CL-17"), "outer.pdf")
    made.add_attachment(inner)
    made.add_attachment(
        b"\x89PNG\r\n\x1a\n", maintype="image", subtype="png", filename="logo.png", cid="<1@x>", disposition="inline"
    )
    deliver(box, made)
    mail.read(box)
    assert attached(File.objects.get()) == ["CL-17.eml", "outer.pdf", "mail.eml"]


# --- Mailboxes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["../elsewhere", "/etc", "claims/../../x"])
def test_a_maildir_lies_below_the_folder_of_all(box, path):
    Mailbox.objects.filter(pk=box.pk).update(path=path)
    outcome = mail.read(Mailbox.objects.get(pk=box.pk))
    assert outcome.problem
    assert Mailbox.objects.get(pk=box.pk).problem == outcome.problem


def test_where_nothing_is_moved_what_is_seen_is_read_no_more(box, rule):
    Mailbox.objects.filter(pk=box.pk).update(moved_to="")
    box.refresh_from_db()
    deliver(box, a_mail("Fire"))
    assert mail.read(box).opened == 1
    assert (in_folder(box, "new"), in_folder(box, "cur")) == (0, 1)
    assert mail.read(box).told == []


def test_a_link_out_of_the_maildir_is_not_followed(box, rule, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(a_mail("Fire").as_bytes())
    (Path(mailboxes.settings.MAIL_DIR) / "claims" / "new" / "1.host").symlink_to(secret)
    assert mail.read(box).told == []


@pytest.fixture(scope="module")
def imap():
    with mail_server.running() as server:
        yield server


@pytest.fixture
def on_server(box, imap, claim, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD_ROBOT", mail_server.PASSWORD)
    made = Mailbox.objects.create(
        name="Far", kind="imap", host="127.0.0.1", port=imap.port, security="none", username=mail_server.USER,
        password_variable="MAIL_PASSWORD_ROBOT", worker=box.worker,
    )  # fmt: skip
    MailRule.objects.create(mailbox=made, file_type=claim, recipient="claims@*")
    return made


@pytest.mark.parametrize("moved_to", ["Threeslot", ""])
def test_mail_is_read_over_imap(on_server, imap, moved_to, monkeypatch):
    Mailbox.objects.filter(pk=on_server.pk).update(moved_to=moved_to)
    on_server.refresh_from_db()
    before = imap.mails(), imap.mails("Threeslot")
    subject = f"Fire {moved_to or 'seen'}"
    imap.add(with_document(a_mail(subject)).as_bytes())
    imap.add(a_mail(subject, to="info@office.example").as_bytes())
    outcome = mail.read(on_server)
    assert (outcome.opened, outcome.waiting, outcome.problem) == (1, 1, "")
    assert attached(File.objects.get()) == [f"{subject}.eml", "letter.pdf"]
    if moved_to:
        assert (imap.mails(), imap.mails("Threeslot")) == (before[0], before[1] + 2)
    else:
        assert imap.mails(that_are="UNSEEN") == 0
    assert mail.read(on_server).told == []
    monkeypatch.setenv("MAIL_PASSWORD_ROBOT", "wrong")
    assert mail.read(on_server).problem


def test_a_server_that_is_not_there_is_told_and_the_others_are_read(box, rule, on_server):
    Mailbox.objects.filter(pk=on_server.pk).update(port=1)
    deliver(box, a_mail("Fire"))
    mail.read_all()
    assert File.objects.count() == 1
    assert Mailbox.objects.get(pk=on_server.pk).problem
    with pytest.raises(CommandError, match="Far"):
        call_command("read_mail", stdout=io.StringIO())


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "MAIL_PASSWORDS x", ""])
def test_no_other_secret_can_be_named_as_a_password(on_server, name):
    with pytest.raises(IntegrityError), transaction.atomic():
        Mailbox.objects.filter(pk=on_server.pk).update(password_variable=name)


# --- Command and administration -----------------------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_be_and_does_nothing(box, rule):
    deliver(box, a_mail("CL-17"))
    deliver(box, a_mail("Out", Auto_Submitted="auto-replied"))
    said = io.StringIO()
    call_command("read_mail", "--mailbox", "Claims", "--dry-run", stdout=said)
    assert "CL-17: CL-17" in said.getvalue()
    assert "sent automatically" in said.getvalue()
    assert (File.objects.count(), Mail.objects.count(), in_folder(box, "new")) == (0, 0, 2)
    with pytest.raises(CommandError, match="Known: Claims"):
        call_command("read_mail", "--mailbox", "Nowhere", stdout=said)


def test_mailboxes_are_set_up_and_what_waits_is_tried_or_left(box, claim, admin):
    deliver(box, a_mail("One"))
    deliver(box, a_mail("Two"))
    mail.read(box)
    one, two = Mail.objects.order_by("pk")
    page = f"/admin/dispatch/mailbox/{box.pk}/change/"
    assert admin.get(page).status_code == 200
    sent = {
        "name": "Claims", "kind": "maildir", "path": "claims", "worker": box.worker_id, "is_active": "on", "port": 993,
        "security": "tls", "folder": "INBOX", "moved_to": "Threeslot", "rules-TOTAL_FORMS": 1, "rules-INITIAL_FORMS": 0,
        "rules-0-position": 10, "rules-0-subject": "One*", "rules-0-file_type": claim.pk, "rules-0-mailbox": box.pk,
    }  # fmt: skip
    assert admin.post(page, sent | {"kind": "imap"}).status_code == 200, "IMAP needs a server"
    assert admin.post(page, sent).status_code == 302
    listed = "/admin/dispatch/mail/"
    admin.post(listed, {"action": "try_again", "_selected_action": [one.pk, two.pk]})
    admin.post(listed, {"action": "leave", "_selected_action": [one.pk, two.pk]})
    assert list(Mail.objects.order_by("pk").values_list("state", flat=True)) == ["opened", "left"]
    assert "Left by Root." in text(admin.get(f"{listed}{two.pk}/change/"))
    assert mail.read(box).told == []

"""Mail that opens files: each mail once, by the first rule that fits, whole or not at all, with what is attached to it.

That a mail was seen is written in the transaction that opens its file, and the mailbox learns of it after that. So whatever dies in
between, a mail that is still in its mailbox and was opened is put away, and nothing else. What cannot be opened waits here with its
content and the reason, for a rule that fits it or for somebody who looks.
"""

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import translate
from functools import lru_cache

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.db import DataError, Error, IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Lower
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _
from rq.timeouts import BaseTimeoutException

from dispatch import agreements, attachments, flow, letters, mailboxes, moves, refusals, rights
from dispatch.acts import Overtaken, act
from dispatch.intake_rows import Wrong, read_reference
from dispatch.letters import Letter
from dispatch.mailboxes import Arrived, Unreachable
from dispatch.models import OPEN_STATES, Attachment, Customer, Event, File, Mail, Mailbox, MailRule, MailSender
from skills.models import Worker

GENERATED = "MAIL-"  # what references begin with where the subject holds none
LONGEST_CAUSE, LONGEST_REASON = 300, 500
LONGEST_LOOK = 120  # seconds into one mailbox; the next look goes on

logger = logging.getLogger(__name__)


class NotOpened(refusals.Refused):
    """This mail opens no file. The message says why."""


class NotReadable(NotOpened):
    """It is not known what is in this mail."""


class Left(NotOpened):
    """It must not open a file, now or later."""


@dataclass(frozen=True)
class Plan:
    """What a mail is going to do: come to a file that is open, or open one under this reference; empty: under the next number."""

    rule: MailRule
    reference: str
    there: File | None


@dataclass
class Outcome:
    """Of one look into a mailbox. `told` says of each mail what became of it."""

    opened: int = 0
    waiting: int = 0
    left: int = 0
    told: list[str] = field(default_factory=list)
    problem: str = ""


def read_all() -> None:
    """Look into every mailbox, the one that waits longest first; the schedule does so every minute."""
    longest_ago = F("read_at").asc(nulls_first=True)
    for mailbox in Mailbox.objects.filter(is_active=True).select_related("worker").order_by(longest_ago, "pk"):
        read(mailbox)


def read(mailbox: Mailbox, *, dry_run: bool = False) -> Outcome:
    """Open what has come in, for two minutes at most, and try again what waits since before its rules were changed. Nothing is
    raised for one mail or for a server that cannot be reached; a dry run tells what would be done."""
    outcome, until = Outcome(), time.monotonic() + LONGEST_LOOK
    try:
        with mailboxes.arrivals(mailbox) as arrived:
            for each in arrived:
                mail = _plan_in_words(mailbox, each) if dry_run else _take(mailbox, each, now=timezone.now())
                _count(outcome, mail)
                if time.monotonic() > until:
                    break
        if not dry_run:
            _try_again_what_may_fit(mailbox, outcome)
    except Unreachable as why:
        outcome.problem = str(why)
        logger.warning("The mailbox %s cannot be read: %s", mailbox.pk, why)
    if not dry_run:
        seen = {"read_at": timezone.now(), "problem": outcome.problem[:LONGEST_REASON]}
        Mailbox.objects.filter(pk=mailbox.pk).update(**seen)
    return outcome


def _count(outcome: Outcome, mail: Mail) -> None:
    outcome.opened += mail.state == Mail.State.OPENED
    outcome.waiting += mail.state == Mail.State.WAITING
    outcome.left += mail.state == Mail.State.LEFT
    became = mail.file.reference if mail.file else mail.reason
    outcome.told.append(f"{mail.subject or mail.key}: {became}")


# --- One mail ---------------------------------------------------------------------------------------------------------------


def _take(mailbox: Mailbox, arrived: Arrived, *, now: datetime) -> Mail:
    """What became of it, now or when it was seen before; then it is put away, unless it is too large to be kept here."""
    letter = letters.read(arrived.content)
    mail = Mail.objects.filter(mailbox=mailbox, key=letter.key).first()
    if mail is not None and mail.digest != letter.digest and not arrived.is_too_large:
        letter = _under_another_key(letter)
        mail = Mail.objects.filter(mailbox=mailbox, key=letter.key).first()
    if mail is None:
        mail = _open_or_keep(_fresh(mailbox, letter, arrived, now=now), letter, arrived, now=now)
    if not arrived.is_too_large:
        arrived.put_away()
    return mail


def _under_another_key(letter: Letter) -> Letter:
    """Two mails with one Message-ID are two all the same."""
    return Letter(**{**vars(letter), "key": f"{letter.key[: letters.LONGEST_KEY - 65]} {letter.digest}"})


def _fresh(mailbox: Mailbox, letter: Letter, arrived: Arrived, *, now: datetime) -> Mail:
    """When it was received is what the mailbox says, not what the sender's clock did."""
    at = now if agreements.implausible(arrived.at, now=now) else arrived.at
    return Mail(
        mailbox=mailbox,
        key=letter.key,
        digest=letter.digest,
        sender=letter.sender,
        subject=letter.subject,
        arrived_at=at,
        seen_at=now,
        tried_at=now,
        state=Mail.State.WAITING,
        reason=_("It is being opened."),
    )


def _open_or_keep(mail: Mail, letter: Letter, arrived: Arrived, *, now: datetime) -> Mail:
    try:
        if arrived.is_too_large:
            told = {"size": filesizeformat(arrived.size), "most": filesizeformat(settings.MAIL_MAX_BYTES)}
            raise NotOpened(_("It has %(size)s; at most %(most)s are read. It stays in its mailbox.") % told)
        _open_new(mail, letter, arrived.content, now=now)
    except Exception as error:
        return _keep(mail, arrived, why=error)
    return mail


def _keep(mail: Mail, arrived: Arrived, *, why: Exception) -> Mail:
    """With its content, for who looks or for a rule that fits; or what became of it where somebody else reads at the same time."""
    seen = Mail.objects.filter(mailbox=mail.mailbox, key=mail.key).first()
    if seen is not None:
        return seen
    mail.pk, mail.file, mail.reason = None, None, _reason(why)
    mail.state = Mail.State.LEFT if isinstance(why, Left) else Mail.State.WAITING
    mail.content = arrived.content if mail.state == Mail.State.WAITING and not arrived.is_too_large else None
    try:
        with transaction.atomic():
            mail.save(force_insert=True)
    except IntegrityError:
        return Mail.objects.get(mailbox=mail.mailbox, key=mail.key)
    return mail


def _reason(error: Exception) -> str:
    """In words for who looks. What is no fault of the mail, such as a database that went away, is raised again: the mail stays
    where it is."""
    if isinstance(error, refusals.Refused):
        return str(error)[:LONGEST_REASON]
    if isinstance(error, BaseTimeoutException):
        raise error
    if isinstance(error, (Error, Overtaken, OSError)) and not isinstance(error, (DataError, IntegrityError)):
        raise error
    logger.error("A mail could not be opened", exc_info=error)
    return (_("It could not be opened: %(why)s") % {"why": f"{type(error).__name__}: {error}"})[:LONGEST_REASON]


@act
def _open_new(mail: Mail, letter: Letter, content: bytes, *, now: datetime) -> None:
    mail.pk = None  # of a try before
    mail.save(force_insert=True)
    _open(mail, letter, content, now=now)


@act
def try_again(mail: Mail, *, now: datetime) -> Mail:
    """What waits is opened by the rules of now, or goes on waiting with another reason."""
    found = Mail.objects.select_for_update(of=("self",)).select_related("mailbox__worker").get(pk=mail.pk)
    if found.state != Mail.State.WAITING or found.content is None:
        return found
    content = bytes(found.content)
    letter = letters.read(content)
    try:
        _open_again(found, letter, content, now=now)
    except Exception as error:
        found.reason, found.tried_at, found.file = _reason(error), now, None
        found.state = Mail.State.LEFT if isinstance(error, Left) else Mail.State.WAITING
        found.content = content if found.state == Mail.State.WAITING else None
        found.save(update_fields=["reason", "tried_at", "state", "content"])
    return found


@act
def _open_again(mail: Mail, letter: Letter, content: bytes, *, now: datetime) -> None:
    _open(mail, letter, content, now=now)


@act
def leave(mail: Mail, *, by: Worker, now: datetime) -> bool:
    """Somebody looked, and it opens no file. False when it does not wait any more."""
    waiting = Mail.objects.filter(pk=mail.pk, state=Mail.State.WAITING)
    reason = _("Left by %(name)s.") % {"name": by}
    return bool(waiting.update(state=Mail.State.LEFT, reason=reason[:LONGEST_REASON], content=None, tried_at=now))


def _try_again_what_may_fit(mailbox: Mailbox, outcome: Outcome) -> None:
    changed_at = Mailbox.objects.values_list("changed_at", flat=True).get(pk=mailbox.pk)
    waiting = Mail.objects.filter(mailbox=mailbox, state=Mail.State.WAITING, tried_at__lt=changed_at)
    for pk in waiting.filter(content__isnull=False).order_by("pk").values_list("pk", flat=True):
        _count(outcome, try_again(Mail(pk=pk), now=timezone.now()))


def rules_changed(mailbox_id: int, *, now: datetime) -> None:
    """What waits may fit by now."""
    Mailbox.objects.filter(pk=mailbox_id).update(changed_at=now)


def _open(mail: Mail, letter: Letter, content: bytes, *, now: datetime) -> None:
    """Within the caller's transaction. Raises refusals.Refused, and what opening a file may raise."""
    plan = _plan(mail.mailbox, letter)
    by = mail.mailbox.worker
    file = plan.there
    if file is None:
        reference = plan.reference or f"{GENERATED}{mail.pk}"
        file, _is_new = flow.log(
            reference=reference,
            file_type=plan.rule.file_type,
            customer=_customer(letter.sender),
            title=letter.subject,
            received_at=mail.arrived_at,
            by=by,
            now=now,
        )
    not_kept = _attach(file, letter, content, by=by, now=now)
    words = [letter.sender, letter.subject, *not_kept]
    moves.note(file.pk, kind=Event.Kind.MAILED, by_id=by.pk, cause=_short(words), now=now)
    mail.state, mail.file, mail.reason, mail.content, mail.tried_at = Mail.State.OPENED, file, "", None, now
    mail.save(update_fields=["state", "file", "reason", "content", "tried_at"])


def _attach(file: File, letter: Letter, content: bytes, *, by: Worker, now: datetime) -> list[str]:
    """The mail itself and what is attached to it, as far as a file may have it; in sentences what not."""
    name = attachments.clean_name(f"{letter.subject[:60] or 'mail'}.eml")
    uploads: Sequence[UploadedFile] = [
        SimpleUploadedFile(name, content),
        *(SimpleUploadedFile(attachments.clean_name(each.name), each.content) for each in letter.documents),
    ]
    room = settings.ATTACHMENTS_A_FILE - Attachment.objects.filter(file=file, removed_at=None).count()
    kept, refused = attachments.sort_out(uploads, room=room)
    if kept:
        attachments.attach(file, kept, by=by, now=now)
    return refused


def _short(words: Sequence[str]) -> str:
    text = " · ".join(word for word in words if word)
    return text if len(text) <= LONGEST_CAUSE else f"{text[: LONGEST_CAUSE - 1]}…"


# --- By which rule ----------------------------------------------------------------------------------------------------------


def _plan(mailbox: Mailbox, letter: Letter) -> Plan:
    """Raises NotOpened, Left."""
    if letter.automatic:
        raise Left(letter.automatic)
    if letter.problem:
        raise NotReadable(letter.problem)
    if not (mailbox.worker.is_active and rights.may_log_files(mailbox.worker)):
        told = {"name": mailbox.worker}
        raise NotOpened(_("%(name)s may not log files. Give the mailbox somebody who may.") % told)
    rules = mailbox.rules.select_related("file_type__team").order_by("position", "pk")
    rule = next((each for each in rules if _fits(each, letter)), None)
    if rule is None:
        raise NotOpened(_("No rule fits it."))
    reference = _reference(rule.reference, letter.subject)
    there = File.objects.select_related("team").filter(reference=reference).first() if reference else None
    if there is not None:
        _insist_that_it_may_come_to(there, rule)
    return Plan(rule, reference, there)


def _insist_that_it_may_come_to(file: File, rule: MailRule) -> None:
    """A mail about a file comes to it while somebody still looks at that."""
    told = {"reference": file.reference, "team": file.team}
    if file.team_id != rule.file_type.team_id:
        raise NotOpened(_("%(reference)s is a file of another team, %(team)s.") % told)
    if file.state not in OPEN_STATES:
        raise NotOpened(_("%(reference)s has ended already. Log its rework, if it needs one.") % told)


def _fits(rule: MailRule, letter: Letter) -> bool:
    to = _pattern(rule.recipient)
    return any(map(to.fullmatch, letter.recipients or ("",))) and bool(_pattern(rule.subject).fullmatch(letter.subject))


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    """An asterisk is anything, and nothing else is special. Its regular expression never goes back, so none takes long."""
    return re.compile(translate(re.sub(r"([\[?])", r"[\1]", text) or "*"), re.IGNORECASE)


def _reference(pattern: str, subject: str) -> str:
    """What in the subject looks like it and can be a reference; else nothing. A run is taken whole, so nothing is tried twice."""
    if not pattern:
        return ""
    runs = {"#": r"[0-9]{1,20}+", "@": r"[^\W\d_]{1,20}+"}
    once = re.sub(r"([#@])\1+", r"\1", pattern)
    wanted = "".join(runs.get(each) or re.escape(each) for each in once)
    found = re.search(rf"(?<!\w){wanted}(?!\w)", subject, re.IGNORECASE)
    try:
        return read_reference(found[0]) if found else ""
    except Wrong:
        return ""


def _customer(sender: str) -> Customer | None:
    """Whose address this is, or else whose domain."""
    domain = sender.rpartition("@")[2]
    found = MailSender.objects.annotate(lower=Lower("address")).filter(lower__in=[sender, domain, f"@{domain}"])
    known = {each.lower: each.customer for each in found.select_related("customer")}
    return known.get(sender) or known.get(domain) or known.get(f"@{domain}")


def _plan_in_words(mailbox: Mailbox, arrived: Arrived) -> Mail:
    """What would become of it, as a mail that is not written."""
    letter = letters.read(arrived.content)
    mail = Mail.objects.filter(mailbox=mailbox, key=letter.key).select_related("file").first()
    if mail is not None:
        return mail
    mail = _fresh(mailbox, letter, arrived, now=timezone.now())
    try:
        plan = _plan(mailbox, letter)
        mail.state, mail.file = Mail.State.OPENED, plan.there or File(reference=plan.reference or f"{GENERATED}…")
    except NotOpened as why:
        mail.reason = str(why)
        mail.state = Mail.State.LEFT if isinstance(why, Left) else Mail.State.WAITING
    return mail

"""Mail that opens files: from which mailboxes, by which rules, and what became of each mail."""

from typing import ClassVar

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from dispatch.models.files import File
from dispatch.models.terms import Customer, FileType
from skills.models import Worker

# What an administrator may name as a password: no other secret of the office can be sent to a server of their choice.
PASSWORD_VARIABLE = r"^MAIL_PASSWORD[A-Z0-9_]*$"  # noqa: S105  # a name, and no password


class Mailbox(models.Model):
    """Where mail is read: a maildir below the folder of all maildirs, or a folder of an IMAP server.

    The password of the latter is never here: it is in the environment, under the name that stands here. `problem` says why the last
    look failed.
    """

    class Kind(models.TextChoices):
        MAILDIR = "maildir", _("Maildir")
        IMAP = "imap", "IMAP"

    class Security(models.TextChoices):
        TLS = "tls", "TLS"
        STARTTLS = "starttls", "STARTTLS"
        NONE = "none", _("none: within one machine only")

    name = models.CharField(_("name"), max_length=80, unique=True)
    kind = models.CharField(_("kind"), max_length=7, choices=Kind.choices)
    worker = models.ForeignKey(
        Worker,
        verbose_name=_("in the name of"),
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("Files are logged as if this person had done it, with their rights."),
    )
    is_active = models.BooleanField(_("is read"), default=True)
    path = models.CharField(_("folder below MAIL_DIR"), max_length=200, blank=True)
    host = models.CharField(_("server"), max_length=253, blank=True)
    port = models.PositiveIntegerField(_("port"), default=993, validators=[MinValueValidator(1)])
    security = models.CharField(_("security"), max_length=8, choices=Security.choices, default=Security.TLS)
    username = models.CharField(_("user name"), max_length=254, blank=True)
    password_variable = models.CharField(
        _("variable with the password"),
        max_length=80,
        blank=True,
        validators=[RegexValidator(PASSWORD_VARIABLE, _("Such a variable is called MAIL_PASSWORD or MAIL_PASSWORD_…"))],
        help_text=_(
            "The name of a variable in the environment of the RQ workers. The password itself is kept nowhere."
        ),
    )
    folder = models.CharField(_("folder that is read"), max_length=200, default="INBOX", blank=True)
    moved_to = models.CharField(
        _("folder for what was read"),
        max_length=200,
        default="Threeslot",
        blank=True,
        help_text=_("Empty: it stays where it is and is marked as seen; then only what is not seen yet is read."),
    )
    read_at = models.DateTimeField(_("read"), null=True, editable=False)
    problem = models.CharField(_("problem"), max_length=500, blank=True, editable=False)
    changed_at = models.DateTimeField(auto_now_add=True, editable=False)  # it, or a rule of it

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name = _("mailbox")
        verbose_name_plural = _("mailboxes")
        constraints: ClassVar = [
            models.CheckConstraint(
                name="a_mailbox_can_be_found",
                condition=Q(kind="maildir") & ~Q(path="")
                | Q(kind="imap") & ~Q(host="") & ~Q(username="") & ~Q(password_variable="") & ~Q(folder=""),
                violation_error_message=_(
                    "A maildir needs its folder; IMAP needs server, user name, variable with the password and folder."
                ),
            ),
            models.CheckConstraint(
                name="a_password_is_named_and_no_other_secret",
                condition=Q(password_variable="") | Q(password_variable__regex=PASSWORD_VARIABLE),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class MailRule(models.Model):
    """The first rule that fits decides. In patterns * is anything; an empty one fits everything. In a pattern of references # is
    digits and @ letters; the first thing in the subject that looks so is the reference."""

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="rules")
    position = models.PositiveSmallIntegerField(_("order"), default=10)
    recipient = models.CharField(_("to"), max_length=254, blank=True, help_text=_("For example claims@*"))
    subject = models.CharField(_("subject"), max_length=200, blank=True, help_text=_("For example *water damage*"))
    file_type = models.ForeignKey(FileType, verbose_name=_("file type"), on_delete=models.CASCADE, related_name="+")
    reference = models.CharField(
        _("reference in the subject"), max_length=64, blank=True, help_text=_("For example CL-# or #/@")
    )

    class Meta:
        ordering: ClassVar = ["position", "id"]
        verbose_name = _("rule")
        verbose_name_plural = _("rules")

    def __str__(self) -> str:
        return f"{self.recipient or '*'}, {self.subject or '*'}: {self.file_type}"


class MailSender(models.Model):
    """Whose mail comes from this address, or from anybody in this domain."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="senders")
    address = models.CharField(_("address or domain"), max_length=254)

    class Meta:
        verbose_name = _("sender of mail")
        verbose_name_plural = _("senders of mail")
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("address"),
                name="one_customer_a_sender",
                violation_error_message=_("This address is another customer's already."),
            ),
        ]

    def __str__(self) -> str:
        return self.address


class Mail(models.Model):
    """One mail that was seen. It opened a file or came to one; or it waits for somebody to look, with the reason and its content;
    or it was left, on purpose. No two of a mailbox have one key, so whatever dies in between, no mail opens two files."""

    class State(models.TextChoices):
        WAITING = "waiting", _("to be looked at")
        OPENED = "opened", _("in a file")
        LEFT = "left", _("left")

    mailbox = models.ForeignKey(Mailbox, verbose_name=_("mailbox"), on_delete=models.PROTECT, related_name="mails")
    key = models.CharField(max_length=255, editable=False)  # the Message-ID, or a digest where there is none
    digest = models.CharField(max_length=64, editable=False)  # of what follows the header
    sender = models.CharField(_("sender"), max_length=254, blank=True)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    arrived_at = models.DateTimeField(_("came in"))
    seen_at = models.DateTimeField(_("seen"))
    state = models.CharField(_("state"), max_length=7, choices=State.choices)
    reason = models.CharField(_("why"), max_length=500, blank=True)
    tried_at = models.DateTimeField(_("tried"))
    file = models.ForeignKey(File, verbose_name=_("file"), on_delete=models.PROTECT, null=True, related_name="+")
    content = models.BinaryField(null=True)  # of what waits; one that is too large for us is in its mailbox alone

    class Meta:
        ordering: ClassVar = ["-seen_at", "-id"]
        verbose_name = _("mail")
        verbose_name_plural = _("mail")
        indexes: ClassVar = [
            models.Index(fields=["mailbox", "tried_at"], name="mail_that_waits", condition=Q(state="waiting")),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(name="each_mail_once", fields=["mailbox", "key"]),
            models.CheckConstraint(
                name="a_mail_is_in_a_file_or_says_why_not",
                condition=Q(state="opened", file__isnull=False, content__isnull=True)
                | (Q(state="waiting", file__isnull=True) & ~Q(reason=""))
                | (Q(state="left", file__isnull=True, content__isnull=True) & ~Q(reason="")),
            ),
        ]

    def __str__(self) -> str:
        return self.subject or self.key

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from dispatch import mail
from dispatch.models import Mailbox


class Command(BaseCommand):
    help = """Read the mailboxes and open files from what came in, by their rules; the schedule does so every minute.
Each mail once, however often. Exit code 1 when a mailbox cannot be read."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--mailbox", metavar="NAME", help="only this one, also if it is not read otherwise")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    def handle(self, *args: object, mailbox: str | None, dry_run: bool, **options: Any) -> None:
        found = Mailbox.objects.select_related("worker")
        chosen = found.filter(name=mailbox) if mailbox else found.filter(is_active=True)
        if mailbox and not chosen:
            known = ", ".join(found.values_list("name", flat=True)) or _("none yet")
            raise CommandError(_("There is no mailbox %(name)s. Known: %(known)s.") % {"name": mailbox, "known": known})
        problems = []
        for each in chosen:
            outcome = mail.read(each, dry_run=dry_run)
            for line in outcome.told:
                self.stdout.write(f"{each}: {line}")
            numbers = {"opened": outcome.opened, "waiting": outcome.waiting, "left": outcome.left}
            summary = _("%(opened)d in files, %(waiting)d to be looked at, %(left)d left.") % numbers
            self.stdout.write(f"{each}: {summary}")
            problems += [f"{each}: {outcome.problem}"] if outcome.problem else []
        if dry_run:
            self.stdout.write(_("Nothing was written: this was a dry run."))
        if problems:
            raise CommandError("\n".join(problems))

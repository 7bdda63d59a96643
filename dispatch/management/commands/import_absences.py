from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from dispatch import absence_tables, refusals, tables
from dispatch.management import reporting


class Command(BaseCommand):
    help = """Plan many absences from a table: all of them, or none if there is any error.
The same table again changes nothing.

Columns: username, starts_at, ends_at; if there is any: note. Others are ignored.
  starts_at, ends_at  2026-12-24 is the whole working day, the last one included; 2026-12-24 13:00 is wall time of the person's
                      team; 2026-12-24T13:00+01:00 names its zone
  note                for the person and who leads them; one that is planned already keeps its own
What is over already is left out."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        reporting.add_arguments(parser)

    def handle(
        self, *args: object, path: Path, dry_run: bool, named: list[tuple[str, str]], errors: Path | None, **options: object
    ) -> None:  # fmt: skip
        try:
            with path.open("rb") as source:
                wanted = [*absence_tables.FIELDS, *(tables.key(column) for column, _field in named)]
                outcome = absence_tables.import_absences(
                    tables.read(source, wanted=wanted), dry_run=dry_run, named=dict(named), by=None, now=timezone.now()
                )
        except (OSError, tables.Unreadable, refusals.Refused) as error:
            raise CommandError(f"{path}: {error}") from error
        reporting.show(outcome.problems, notices=outcome.notices, to=self.stderr, errors=errors)
        self.stdout.write(_summary(outcome))
        reporting.close(self.stdout, problems=outcome.problems, dry_run=dry_run)


def _summary(outcome: absence_tables.Outcome) -> str:
    return _("%(new)s new, %(unchanged)s unchanged, %(over)s over, %(errors)s errors; %(notices)s") % {
        "new": f"{outcome.new:,}",
        "unchanged": f"{outcome.unchanged:,}",
        "over": f"{outcome.over:,}",
        "errors": f"{len(outcome.problems):,}",
        "notices": reporting.counted_notices(outcome.notices),
    }

from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from dispatch import intake, intake_rows, refusals, tables
from dispatch.management import reporting


class Command(BaseCommand):
    help = """Log many files from a table: all of them, or none if there is any error.
The same table again changes nothing.

Columns: reference and file_type; if there are any: customer, title, received_at, weight, expedite_reason. Others are ignored.
File types and customers go by name or address. Unknown customers are made; unknown file types are an error."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        reporting.add_arguments(parser)
        reporting.add_progress_argument(parser)
        parser.add_argument("--team", metavar="SLUG", help="file types are those of this team only")
        parser.add_argument(
            "--create-types",
            action="store_true",
            help="make missing file types in the team; each needs the skill of its name at level U",
        )

    def handle(
        self, *args: object, path: Path, team: str | None, create_types: bool, dry_run: bool, named: list[tuple[str, str]],
        errors: Path | None, progress: bool | None, **options: object,
    ) -> None:  # fmt: skip
        try:
            with path.open("rb") as source, reporting.progress_bar(progress) as bar:
                outcome = intake.import_files(
                    tables.read(
                        source, wanted=[*intake_rows.FIELDS, *(tables.key(column) for column, _field in named)]
                    ),
                    team=reporting.team_at(team) if team else None,
                    create_types=create_types,
                    dry_run=dry_run,
                    named=dict(named),
                    now=timezone.now(),
                    progress=bar,
                )
        except (OSError, tables.Unreadable, refusals.Refused) as error:
            raise CommandError(f"{path}: {error}") from error
        reporting.show(outcome.problems, notices=outcome.notices, to=self.stderr, errors=errors)
        if any(problem.column == "file_type" for problem in outcome.problems):
            self.stderr.write(
                _("File types of one team: --team SLUG. With --create-types, those that it lacks are made.")
            )
        self.stdout.write(_summary(outcome))
        reporting.close(self.stdout, problems=outcome.problems, dry_run=dry_run)


def _summary(outcome: intake.Outcome) -> str:
    return _("%(new)s new, %(unchanged)s unchanged, %(errors)s errors; %(notices)s") % {
        "new": f"{outcome.new:,}",
        "unchanged": f"{outcome.unchanged:,}",
        "errors": f"{len(outcome.problems):,}",
        "notices": reporting.counted_notices(outcome.notices),
    }

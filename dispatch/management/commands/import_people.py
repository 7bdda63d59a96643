from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from dispatch import people, refusals, tables
from dispatch.management import reporting


class Command(BaseCommand):
    help = """Make or change many people from a table: all of them, or none if there is any error.
The same table again changes nothing.

Columns: username; if there are any: name, team, roles, skills. Others are ignored; a column of passwords is refused.
  team    name or address; who has none gets the team of --team or --create-team
  roles   assistant; worker; leader; manager. New people without any are workers. A new leader leads the team of the row.
  skills  "Marine:U; Appeals:120": a level (I in training, L with support, U alone, O can teach), or how many times it was
          practised: from 1 time I, from 20 L, from 100 U, from 500 O. A count never lowers a level. Unknown skills are made.
What the table does not say stays as it is. Passwords are given in the administration."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        reporting.add_arguments(parser)
        team = parser.add_mutually_exclusive_group()
        team.add_argument("--team", metavar="SLUG", help="the team of who has none")
        team.add_argument(
            "--create-team", metavar="NAME", default="", help="the same; made with its queue if it is missing"
        )
        parser.add_argument(
            "--present", action="store_true", help="have the workers come in, so that their slots are filled"
        )

    def handle(
        self, *args: object, path: Path, team: str | None, create_team: str, present: bool, dry_run: bool,
        named: list[tuple[str, str]], errors: Path | None, **options: object,
    ) -> None:  # fmt: skip
        try:
            with path.open("rb") as source:
                outcome = people.import_people(
                    tables.read(source, wanted=[*people.FIELDS, *(tables.key(column) for column, _field in named)]),
                    team=reporting.team_at(team) if team else None,
                    create_team=create_team,
                    present=present,
                    dry_run=dry_run,
                    named=dict(named),
                    now=timezone.now(),
                )
        except (OSError, tables.Unreadable, refusals.Refused) as error:
            raise CommandError(f"{path}: {error}") from error
        reporting.show(outcome.problems, notices=outcome.notices, to=self.stderr, errors=errors)
        self.stdout.write(_summary(outcome))
        reporting.close(self.stdout, problems=outcome.problems, dry_run=dry_run)


def _summary(outcome: people.Outcome) -> str:
    return _(
        "%(new)s new, %(changed)s changed, %(unchanged)s unchanged, %(came_in)s came in, %(errors)s errors; %(notices)s"
    ) % {
        "new": f"{outcome.new:,}",
        "changed": f"{outcome.changed:,}",
        "unchanged": f"{outcome.unchanged:,}",
        "came_in": f"{outcome.came_in:,}",
        "errors": f"{len(outcome.problems):,}",
        "notices": reporting.counted_notices(outcome.notices),
    }

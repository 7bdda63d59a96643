from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from dispatch import sweep
from dispatch.refill import refill
from skills.models import Team


class Command(BaseCommand):
    help = "Fill every empty slot that can be filled, as the sweep does; of one team with --team."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--team", metavar="SLUG")

    def handle(self, *args: object, team: str | None, **options: object) -> None:
        if team is None:
            filled = sweep.sweep()
        else:
            found = Team.objects.filter(slug=team).first()
            if found is None:
                raise CommandError(
                    f"There is no team {team!r}. Known: {', '.join(Team.objects.values_list('slug', flat=True))}."
                )
            filled = refill(found.pk, cause="by hand")
        self.stdout.write(f"{filled:,} slots filled.")

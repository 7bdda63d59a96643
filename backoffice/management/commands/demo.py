from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from backoffice import demo
from backoffice.demo.office import PASSWORD


class Command(BaseCommand):
    help = "Make the demo office in an empty database: three teams, thirty people, six weeks of history, and today in full swing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--seed", type=int, default=demo.SEED, help="another number tells the story with other chances"
        )

    def handle(self, *args: object, seed: int, **options: object) -> None:
        try:
            made = demo.make(now=timezone.now(), seed=seed)
        except demo.NotEmpty as full:
            raise CommandError(str(full)) from full
        self.stdout.write(
            f"The demo office is open: {made.teams} teams, {made.people} people, {made.files:,} files of six weeks. "
            f"It works in {made.place}, where it is {made.now:%A %H:%M}."
        )
        self.stdout.write(f"Sign in as {', '.join(demo.SIGN_INS)}, password {PASSWORD}.")

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from dispatch import tokens
from dispatch.models import Scope
from skills.models import Worker


class Command(BaseCommand):
    help = "Make a token of the API for a person and print it: it is shown this once. It can do what its person can, or less."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--days", type=int, default=tokens.USUAL_DAYS, metavar="N", help="how long it lasts (default: %(default)s)"
        )
        parser.add_argument(
            "--scope",
            action="append",
            choices=Scope.values,
            dest="scopes",
            help="what it may be used for; several times for several (default: all)",
        )
        parser.add_argument("--name", default="create_token", help="what it is for, as it is listed")

    def handle(
        self, *args: object, username: str, days: int, scopes: list[str] | None, name: str, **options: object
    ) -> None:
        worker = Worker.objects.filter(username=username).first()
        if worker is None:
            raise CommandError(f"There is no person with the user name {username!r}.")
        try:
            _token, secret = tokens.make(
                worker, name=name, scopes=scopes or Scope.values, days=days, by=None, now=timezone.now()
            )
        except tokens.NotMade as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(secret)

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from dispatch import ledger


class Command(BaseCommand):
    help = "Check that the books balance: every file ever logged is in exactly one place. Exit code 1 and the differences if not."

    def handle(self, *args: object, **options: object) -> None:
        balance = ledger.check(now=timezone.now())
        for state, count in balance.by_state.items():
            self.stdout.write(f"{state:>10} {count:>12,}")
        self.stdout.write(f"{'files':>10} {balance.files:>12,}")
        self.stdout.write(f"{'events':>10} {balance.events:>12,}")
        if balance.differences:
            for difference in balance.differences:
                self.stderr.write(str(difference))
            raise CommandError("The books do not balance.", returncode=1)
        self.stdout.write(self.style.SUCCESS("The books balance."))

from typing import Any

from django.core.management.base import BaseCommand

from backoffice import worker


class Command(BaseCommand):
    help = "Works off the queue of refills until it is stopped; a job under way is finished first."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        worker.work_off(worker.QUICK)

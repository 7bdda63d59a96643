from typing import Any

from django.core.management.base import BaseCommand

from backoffice import worker


class Command(BaseCommand):
    help = "Delivers webhooks until it is stopped; requests under way are finished first."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        worker.work_off(worker.WEBHOOKS)

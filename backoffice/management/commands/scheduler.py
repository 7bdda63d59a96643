from typing import Any

from django.core.management.base import BaseCommand

from backoffice.scheduler import Scheduler
from backoffice.worker import await_redis


class Command(BaseCommand):
    help = "Puts what backoffice/schedule.py lists into the RQ queue when it is due, until it is stopped."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        await_redis()
        scheduler = Scheduler()
        scheduler.load_config_from_file("backoffice.schedule")
        scheduler.start()

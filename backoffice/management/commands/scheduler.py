from typing import Any

from django.core.management.base import BaseCommand

from backoffice import family
from backoffice.scheduler import Scheduler


class Command(BaseCommand):
    help = "Puts what backoffice/schedule.py lists into the RQ queue when it is due, until it is stopped."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        family.await_redis()
        scheduler = Scheduler()
        scheduler.load_config_from_file("backoffice.schedule")
        scheduler.start()

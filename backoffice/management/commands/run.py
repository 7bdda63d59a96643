from typing import Any

from django.core.management.base import BaseCommand

from backoffice import family


class Command(BaseCommand):
    help = "Runs everything in the foreground: servers, web, RQ workers, scheduler. `make run` calls this."

    def handle(self, *args: Any, **options: Any) -> None:
        family.run()

from typing import Any

import django_rq
from django.core.management.base import BaseCommand

from backoffice import family
from backoffice.worker import TTL_SECONDS, Worker


class Command(BaseCommand):
    help = "Works off the RQ queue until it is stopped; a job under way is finished first."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        family.await_redis()
        queue = django_rq.get_queue("default")
        worker = Worker([queue], connection=queue.connection, worker_ttl=TTL_SECONDS)
        worker.work(logging_level="WARNING")

"""The clock behind `backoffice.schedule`: puts a job that is due into the queue, unless its last one still waits there."""

import contextlib
import logging
import time

from django_rq.cron import DjangoCronScheduler
from redis import RedisError
from redis.client import Pipeline
from rq.cron import CronJob
from rq.exceptions import SchedulerNotFound
from rq.queue import Queue
from rq.utils import now

ALIVE_KEY = "threeslot:alive:schedule"
ALIVE_SECONDS = 30  # many times the shortest interval of the schedule

logger = logging.getLogger(__name__)


class Scheduler(DjangoCronScheduler):
    """Outlives a Redis that is away; a queue that nobody works off does not grow."""

    def enqueue_jobs(self) -> list[CronJob]:
        due = [job for job in self.get_jobs() if job.should_run()]
        try:
            for job in due:
                if not self._waits(job):
                    job.enqueue(self.connection)
                job.set_enqueue_time(now())
        except RedisError as error:
            self._pause(error)
        return []  # so that nothing more is stored about it

    def heartbeat(self) -> None:
        try:
            super().heartbeat()
            self.connection.set(ALIVE_KEY, self.name, ex=ALIVE_SECONDS)
        except RedisError as error:
            self._pause(error)

    def register_death(self, pipeline: Pipeline | None = None) -> None:
        with contextlib.suppress(RedisError, SchedulerNotFound):
            super().register_death(pipeline)

    def _waits(self, job: CronJob) -> bool:
        """By its place in the queue, not by its status: an RQ worker that is killed as it takes a job up leaves it "queued"."""
        queue = Queue(job.queue_name, connection=self.connection)
        last_ids = job.get_job_ids(self.connection, 0, 0)
        return any(queue.get_job_position(last) is not None for last in last_ids)

    def _pause(self, error: RedisError) -> None:
        logger.warning("Redis: %s", error)
        time.sleep(2)

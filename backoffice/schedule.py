"""Everything that happens by itself, and how often. `manage.py scheduler` puts it into the queue, the RQ worker runs it."""

from rq import cron

from dispatch import sweep

SWEEP_SECONDS = 10

# Nothing waits for a sweep: acts refill at once. It heals what a lost wake-up left.
cron.register(sweep.sweep, "default", interval=SWEEP_SECONDS, job_timeout=60, result_ttl=0, failure_ttl=60 * 60)
cron.register(sweep.tidy, "default", cron="20 3 * * *", job_timeout=600, result_ttl=0, failure_ttl=60 * 60)

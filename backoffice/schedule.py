"""Everything that happens by itself, and how often. `manage.py scheduler` puts it into its queue, the RQ workers run it."""

from rq import cron

from dispatch import deliveries, ledger, mail, orphan_time, sweep

SWEEP_SECONDS = 10
MAIL_SECONDS = 60
WEBHOOKS_SECONDS = 2  # less than a job of it looks for what happens, so that one always does

# Nothing waits for a sweep: acts refill at once. It heals what a lost wake-up left.
cron.register(sweep.sweep, "default", interval=SWEEP_SECONDS, job_timeout=60, result_ttl=0, failure_ttl=60 * 60)
cron.register(orphan_time.count, "default", interval=60, job_timeout=60, result_ttl=0, failure_ttl=60 * 60)
cron.register(
    deliveries.deliver,
    "webhooks",
    interval=WEBHOOKS_SECONDS,
    job_timeout=deliveries.JOB_SECONDS,
    result_ttl=0,
    failure_ttl=60 * 60,
)
cron.register(sweep.tidy, "long", cron="20 3 * * *", job_timeout=600, result_ttl=0, failure_ttl=60 * 60)
# An hour is plenty for many millions of events. What it found is in the administration.
cron.register(ledger.check, "long", cron="40 3 * * *", job_timeout=60 * 60, result_ttl=0, failure_ttl=7 * 24 * 60 * 60)
# Beside refills, since a mail server may take its time. Without a mailbox it is one statement.
cron.register(mail.read_all, "long", interval=MAIL_SECONDS, job_timeout=600, result_ttl=0, failure_ttl=24 * 60 * 60)

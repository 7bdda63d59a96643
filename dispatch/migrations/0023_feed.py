"""The feed: each event keeps the transaction that wrote it.

The column is the database's own and not in the model, since nothing but the feed reads it and nothing may write it. Events from before
have transaction 0: they are long committed, and their order is that of their numbers. The two functions hold how far numbers of
transactions are moved in this database, so that it can be restored into another cluster (see `dispatch.feed`).
"""

from typing import ClassVar

from django.db import migrations

FEED = """
CREATE FUNCTION dispatch_this_transaction() RETURNS bigint LANGUAGE sql VOLATILE AS
    'SELECT pg_current_xact_id()::text::bigint + 0';
CREATE FUNCTION dispatch_transactions_before() RETURNS bigint LANGUAGE sql VOLATILE AS
    'SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint + 0';
ALTER TABLE dispatch_event ADD COLUMN transaction bigint NOT NULL DEFAULT 0;
ALTER TABLE dispatch_event ALTER COLUMN transaction SET DEFAULT dispatch_this_transaction();
CREATE INDEX feed_of_events ON dispatch_event (transaction, id);
"""
NO_FEED = """
DROP INDEX feed_of_events;
ALTER TABLE dispatch_event DROP COLUMN transaction;
DROP FUNCTION dispatch_this_transaction();
DROP FUNCTION dispatch_transactions_before();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("dispatch", "0022_tokens")]
    operations: ClassVar = [migrations.RunSQL(FEED, NO_FEED)]

"""What Django's models cannot say: the database itself refuses what R1 and R20 forbid, whoever asks."""

from typing import ClassVar

from django.db import migrations

# A slot belongs to a bin of just this size: `position <= bin_size` then bounds the bin, and no statement can get round it.
SLOTS_ARE_IN_A_BIN = """
ALTER TABLE dispatch_slot ADD CONSTRAINT slot_is_in_a_bin_of_its_size
    FOREIGN KEY (bin_id, bin_size) REFERENCES dispatch_bin (worker_id, size) ON UPDATE CASCADE;
"""

# A file in a slot has the state in_slot, always: it cannot be done, waiting or withdrawn and still be with somebody.
HELD_FILES_ARE_IN_SLOT = """
ALTER TABLE dispatch_slot ADD COLUMN file_state varchar(9)
    GENERATED ALWAYS AS (CASE WHEN file_id IS NOT NULL THEN 'in_slot' END) STORED;
ALTER TABLE dispatch_slot ADD CONSTRAINT slot_holds_a_file_in_slot
    FOREIGN KEY (file_id, file_state) REFERENCES dispatch_file (id, state);
"""

# A file belongs to the team of its type: what a board counts and what a refill finds are the same files.
FILES_ARE_IN_THE_TEAM_OF_THEIR_TYPE = """
ALTER TABLE dispatch_filetype ADD CONSTRAINT file_type_and_its_team UNIQUE (id, team_id);
ALTER TABLE dispatch_file ADD CONSTRAINT file_is_in_the_team_of_its_type
    FOREIGN KEY (file_type_id, team_id) REFERENCES dispatch_filetype (id, team_id);
"""

EVENTS_ARE_NEVER_CHANGED = """
CREATE FUNCTION dispatch_event_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Events are never changed or deleted (R20). Record a new one.' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER event_is_final BEFORE UPDATE OR DELETE ON dispatch_event
    FOR EACH ROW EXECUTE FUNCTION dispatch_event_is_final();
"""

# The busiest small rows: room on the page lets an update stay there and touch no index.
ROOM_FOR_UPDATES = """
ALTER TABLE dispatch_queue SET (fillfactor = 20);
ALTER TABLE dispatch_slot SET (fillfactor = 50);
ALTER TABLE dispatch_tally SET (fillfactor = 50);
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("dispatch", "0001_initial")]
    operations: ClassVar = [
        migrations.RunSQL(
            SLOTS_ARE_IN_A_BIN,
            "ALTER TABLE dispatch_slot DROP CONSTRAINT slot_is_in_a_bin_of_its_size",
        ),
        migrations.RunSQL(
            HELD_FILES_ARE_IN_SLOT, "ALTER TABLE dispatch_slot DROP COLUMN file_state"
        ),
        migrations.RunSQL(
            FILES_ARE_IN_THE_TEAM_OF_THEIR_TYPE,
            "ALTER TABLE dispatch_file DROP CONSTRAINT file_is_in_the_team_of_its_type;"
            "ALTER TABLE dispatch_filetype DROP CONSTRAINT file_type_and_its_team",
        ),
        migrations.RunSQL(
            EVENTS_ARE_NEVER_CHANGED,
            "DROP TRIGGER event_is_final ON dispatch_event; DROP FUNCTION dispatch_event_is_final()",
        ),
        migrations.RunSQL(
            ROOM_FOR_UPDATES,
            "ALTER TABLE dispatch_queue RESET (fillfactor); ALTER TABLE dispatch_slot RESET (fillfactor);"
            "ALTER TABLE dispatch_tally RESET (fillfactor)",
        ),
    ]

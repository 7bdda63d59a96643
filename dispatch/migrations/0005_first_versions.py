"""What calendars say becomes their first version, by which all files so far were promised."""

from typing import ClassVar

from django.db import migrations

FIRST_VERSIONS = """
INSERT INTO dispatch_calendarversion (calendar_id, number, zone, week, country, subdivision, exceptions, made_at)
SELECT id, 1, zone, week, country, subdivision, '{}', now() FROM dispatch_workcalendar;
UPDATE dispatch_workcalendar c SET current_id = v.id FROM dispatch_calendarversion v WHERE v.calendar_id = c.id;
UPDATE dispatch_file f SET calendar_version_id = c.current_id
FROM dispatch_queue q JOIN dispatch_workcalendar c ON c.id = q.calendar_id WHERE q.team_id = f.team_id;
"""

# One cut-off becomes the same on every weekday; what another kind would need goes.
CUT_OFFS = """
UPDATE dispatch_agreement SET cut_offs = array_fill(cut_off, ARRAY[7]), days = NULL WHERE kind = 'same_day';
UPDATE dispatch_agreement SET otherwise_by = NULL, days = least(days, 1000) WHERE kind = 'working_days';
UPDATE dispatch_queue SET default_days = least(default_days, 1000);
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("dispatch", "0004_calendar_versions")]
    operations: ClassVar = [
        migrations.RunSQL(FIRST_VERSIONS),
        migrations.RunSQL(CUT_OFFS),
    ]

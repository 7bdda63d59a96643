"""No calendar and no promise without a version, and no version that changes: the database itself refuses it."""

import django.db.models.deletion
from django.db import migrations, models


VERSIONS_ARE_FINAL = """
CREATE FUNCTION dispatch_calendar_version_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Versions of a calendar are never changed or deleted. Make a new one.' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER calendar_version_is_final BEFORE UPDATE OR DELETE ON dispatch_calendarversion
    FOR EACH ROW EXECUTE FUNCTION dispatch_calendar_version_is_final();
"""

# The version in force is one of the calendar's own. Deferred, because both rows are made in one transaction.
CURRENT_IS_OF_THE_CALENDAR = """
ALTER TABLE dispatch_calendarversion ADD CONSTRAINT calendar_version_and_its_calendar UNIQUE (id, calendar_id);
ALTER TABLE dispatch_workcalendar ADD CONSTRAINT current_version_is_of_the_calendar
    FOREIGN KEY (current_id, id) REFERENCES dispatch_calendarversion (id, calendar_id) DEFERRABLE INITIALLY DEFERRED;
"""

SAME_DAY_IS_POSSIBLE = """
ALTER TABLE dispatch_agreement ADD CONSTRAINT agreement_has_a_cut_off_on_some_weekday
    CHECK (array_remove(cut_offs, NULL) <> '{}');
"""


class Migration(migrations.Migration):
    dependencies = [("dispatch", "0005_first_versions")]
    operations = [
        migrations.RemoveField(
            model_name="agreement",
            name="cut_off",
        ),
        migrations.RemoveField(
            model_name="workcalendar",
            name="country",
        ),
        migrations.RemoveField(
            model_name="workcalendar",
            name="subdivision",
        ),
        migrations.RemoveField(
            model_name="workcalendar",
            name="week",
        ),
        migrations.RemoveField(
            model_name="workcalendar",
            name="zone",
        ),
        migrations.AlterField(
            model_name="workcalendar",
            name="current",
            field=models.OneToOneField(
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="dispatch.calendarversion",
                verbose_name="version in force",
            ),
        ),
        migrations.AlterField(
            model_name="file",
            name="calendar_version",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="files",
                to="dispatch.calendarversion",
                verbose_name="calendar version of the promise",
            ),
        ),
        migrations.AddConstraint(
            model_name="agreement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("cut_offs__isnull", True),
                        ("days__isnull", False),
                        ("days__range", (1, 1000)),
                        ("hours__isnull", True),
                        ("kind__in", ["working_days", "calendar_days"]),
                        ("otherwise_by__isnull", True),
                    ),
                    models.Q(
                        ("cut_offs__isnull", True),
                        ("days__isnull", True),
                        ("hours__isnull", False),
                        ("hours__range", (1, 2000)),
                        ("kind", "working_hours"),
                        ("otherwise_by__isnull", True),
                    ),
                    models.Q(
                        ("cut_offs__isnull", False),
                        ("cut_offs__len", 7),
                        ("days__isnull", True),
                        ("hours__isnull", True),
                        ("kind", "same_day"),
                        ("otherwise_by__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="agreement_has_what_its_kind_needs",
            ),
        ),
        migrations.RunSQL(
            VERSIONS_ARE_FINAL,
            "DROP TRIGGER calendar_version_is_final ON dispatch_calendarversion; DROP FUNCTION dispatch_calendar_version_is_final()",
        ),
        migrations.RunSQL(
            CURRENT_IS_OF_THE_CALENDAR,
            "ALTER TABLE dispatch_workcalendar DROP CONSTRAINT current_version_is_of_the_calendar;"
            "ALTER TABLE dispatch_calendarversion DROP CONSTRAINT calendar_version_and_its_calendar",
        ),
        migrations.RunSQL(
            SAME_DAY_IS_POSSIBLE,
            "ALTER TABLE dispatch_agreement DROP CONSTRAINT agreement_has_a_cut_off_on_some_weekday",
        ),
    ]

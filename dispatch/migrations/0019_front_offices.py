from django.db import migrations, models

# A front office is not dispatched here. Whoever gives a team a queue or a file type holds its row, so that nobody marks it meanwhile.
NOT_DISPATCHED = """
CREATE FUNCTION dispatch_team_is_dispatched() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT is_front_office FROM skills_team WHERE id = NEW.team_id FOR SHARE) THEN
        RAISE EXCEPTION 'Team % is a front office, which has no queue and no file types.', NEW.team_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'front_offices_are_not_dispatched';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER queue_is_of_a_dispatched_team BEFORE INSERT OR UPDATE OF team_id ON dispatch_queue
    FOR EACH ROW EXECUTE FUNCTION dispatch_team_is_dispatched();
CREATE TRIGGER file_type_is_of_a_dispatched_team BEFORE INSERT OR UPDATE OF team_id ON dispatch_filetype
    FOR EACH ROW EXECUTE FUNCTION dispatch_team_is_dispatched();
CREATE FUNCTION dispatch_front_office_is_not_dispatched() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.is_front_office AND (
        EXISTS (SELECT FROM dispatch_queue WHERE team_id = NEW.id) OR EXISTS (SELECT FROM dispatch_filetype WHERE team_id = NEW.id)
    ) THEN
        RAISE EXCEPTION 'Team % has a queue or file types, so it is no front office.', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'front_offices_are_not_dispatched';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER front_office_is_not_dispatched BEFORE UPDATE OF is_front_office ON skills_team
    FOR EACH ROW EXECUTE FUNCTION dispatch_front_office_is_not_dispatched();
"""
DISPATCHED = """
DROP TRIGGER front_office_is_not_dispatched ON skills_team;
DROP FUNCTION dispatch_front_office_is_not_dispatched();
DROP TRIGGER file_type_is_of_a_dispatched_team ON dispatch_filetype;
DROP TRIGGER queue_is_of_a_dispatched_team ON dispatch_queue;
DROP FUNCTION dispatch_team_is_dispatched();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('dispatch', '0018_notices_and_comings'),
        ('skills', '0004_works_in_and_levels'),
    ]

    operations = [
        migrations.AddField(
            model_name='absence',
            name='is_for_files',
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        # What was planned until now was told to whoever gets the files.
        migrations.RunSQL("UPDATE dispatch_absence SET is_for_files = TRUE WHERE NOT has_begun", migrations.RunSQL.noop),
        migrations.RunSQL(NOT_DISPATCHED, DISPATCHED),
    ]

from django.conf import settings
from django.db import migrations, models

COUNT_BROKEN_PROMISES = """
INSERT INTO dispatch_tally (team_id, kind, quarter_at, count)
SELECT team_id, 'broken', date_bin('15 minutes', done_at, 'epoch'), count(*)
FROM dispatch_file WHERE state = 'done' AND due_at < done_at GROUP BY 1, 3
"""


class Migration(migrations.Migration):

    dependencies = [
        ('dispatch', '0026_orphan_time'),
        ('skills', '0006_practised_before'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='tally',
            name='kind',
            field=models.CharField(choices=[('waiting', 'Waiting'), ('logged', 'Logged'), ('done', 'Done'), ('right', 'Right'), ('hard', 'Hard'), ('broken', 'Broken'), ('empty', 'Empty'), ('late', 'Late')], max_length=7),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(condition=models.Q(('from_state', 'withdrawn'), ('to_state', 'withdrawn'), _connector='OR'), fields=['team', 'at'], name='withdrawn_by_day'),
        ),
        migrations.RunSQL(COUNT_BROKEN_PROMISES, "DELETE FROM dispatch_tally WHERE kind = 'broken'"),
    ]

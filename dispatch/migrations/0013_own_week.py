from django.conf import settings
from django.db import migrations, models

COUNT_HARD_FILES = """
INSERT INTO dispatch_tally (team_id, kind, quarter_at, count)
SELECT team_id, 'hard', date_bin('15 minutes', done_at, 'epoch'), count(*)
FROM dispatch_file WHERE state = 'done' AND weight > 1 GROUP BY 1, 3
"""


class Migration(migrations.Migration):

    dependencies = [
        ('dispatch', '0012_customers_by_name'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='tally',
            name='kind',
            field=models.CharField(choices=[('waiting', 'Waiting'), ('logged', 'Logged'), ('done', 'Done'), ('right', 'Right'), ('hard', 'Hard'), ('empty', 'Empty'), ('late', 'Late')], max_length=7),
        ),
        migrations.AddIndex(
            model_name='file',
            index=models.Index(condition=models.Q(('state', 'done')), fields=['done_by', 'done_at'], include=('weight',), name='done_by_person'),
        ),
        migrations.RunSQL(COUNT_HARD_FILES, "DELETE FROM dispatch_tally WHERE kind = 'hard'"),
    ]

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('dispatch', '0027_broken_promises'),
        ('skills', '0006_practised_before'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='event',
            index=models.Index(condition=models.Q(('file__isnull', False), ('kind__in', ('attached', 'detached', 'expedited', 'passed_back', 'repromised', 'returned', 'shelved', 'stuck', 'unstuck', 'withdrawn')), models.Q(('cause__in', ('', 'away', 'undone')), _negated=True)), fields=['-id'], name='written_lately'),
        ),
    ]

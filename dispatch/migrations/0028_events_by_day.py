from typing import ClassVar

import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("dispatch", "0023_feed")]

    operations: ClassVar = [
        migrations.AddIndex(
            model_name="event",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["at"], name="events_by_day", pages_per_range=32
            ),
        ),
    ]

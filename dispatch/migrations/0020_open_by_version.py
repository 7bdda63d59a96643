from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("dispatch", "0018_notices_and_comings")]
    operations: ClassVar = [
        migrations.AddIndex(
            model_name="file",
            index=models.Index(
                condition=models.Q(("state__in", ["waiting", "in_slot", "shelved"])),
                fields=["team", "calendar_version"],
                name="open_by_version",
            ),
        ),
    ]

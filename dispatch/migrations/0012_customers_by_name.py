from typing import ClassVar

from django.contrib.postgres.indexes import OpClass
from django.db import migrations, models
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    dependencies: ClassVar = [("dispatch", "0011_attachments_and_search")]
    operations: ClassVar = [
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(OpClass(Upper("name"), name="text_pattern_ops"), name="customers_by_name"),
        ),
    ]

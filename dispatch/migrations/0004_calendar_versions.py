"""Calendars get versions, files the one they were promised by, agreements hours and cut-offs by weekday."""

import datetime
import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("dispatch", "0003_the_rules_in_full"),
        ("skills", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="CalendarVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "number",
                    models.PositiveIntegerField(default=1, verbose_name="version"),
                ),
                ("zone", models.CharField(max_length=64, verbose_name="time zone")),
                ("week", models.JSONField(verbose_name="working hours")),
                (
                    "country",
                    models.CharField(
                        blank=True, max_length=2, verbose_name="country of holidays"
                    ),
                ),
                (
                    "subdivision",
                    models.CharField(
                        blank=True,
                        max_length=20,
                        verbose_name="subdivision of holidays",
                    ),
                ),
                (
                    "exceptions",
                    models.JSONField(default=dict, verbose_name="exceptions"),
                ),
                ("made_at", models.DateTimeField(verbose_name="made")),
            ],
            options={
                "verbose_name": "version of a work calendar",
                "verbose_name_plural": "versions",
                "ordering": ["calendar", "-number"],
            },
        ),
        migrations.AddField(
            model_name="calendarversion",
            name="calendar",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="versions",
                to="dispatch.workcalendar",
                verbose_name="work calendar",
            ),
        ),
        migrations.AddField(
            model_name="calendarversion",
            name="made_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="made by",
            ),
        ),
        migrations.AddConstraint(
            model_name="calendarversion",
            constraint=models.UniqueConstraint(
                fields=("calendar", "number"), name="calendar_version_numbered_once"
            ),
        ),
        migrations.AddField(
            model_name="workcalendar",
            name="current",
            field=models.OneToOneField(
                null=True,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="dispatch.calendarversion",
                verbose_name="version in force",
            ),
        ),
        migrations.AddField(
            model_name="file",
            name="calendar_version",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="files",
                to="dispatch.calendarversion",
                verbose_name="calendar version of the promise",
            ),
        ),
        migrations.RemoveConstraint(
            model_name="agreement",
            name="agreement_has_what_its_kind_needs",
        ),
        migrations.AddField(
            model_name="agreement",
            name="cut_offs",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.TimeField(blank=True, null=True),
                blank=True,
                null=True,
                size=None,
                verbose_name="cut-off by weekday",
            ),
        ),
        migrations.AddField(
            model_name="agreement",
            name="hours",
            field=models.PositiveSmallIntegerField(
                blank=True,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(2000),
                ],
                verbose_name="working hours",
            ),
        ),
        migrations.AlterField(
            model_name="agreement",
            name="days",
            field=models.PositiveSmallIntegerField(
                blank=True,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(1000),
                ],
                verbose_name="days",
            ),
        ),
        migrations.AlterField(
            model_name="agreement",
            name="kind",
            field=models.CharField(
                choices=[
                    ("working_days", "Within a number of working days"),
                    ("working_hours", "Within a number of working hours"),
                    ("calendar_days", "Within a number of calendar days"),
                    ("same_day", "Same working day if received by the cut-off"),
                ],
                default="working_days",
                max_length=13,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="agreement",
            name="otherwise_by",
            field=models.TimeField(
                blank=True, null=True, verbose_name="otherwise next working day by"
            ),
        ),
        migrations.AddField(
            model_name="event",
            name="due_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="event",
            name="due_was_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="event",
            name="kind",
            field=models.CharField(
                choices=[
                    ("logged", "logged"),
                    ("filled", "filled a slot"),
                    ("started", "started"),
                    ("done", "done"),
                    ("passed_back", "passed back"),
                    ("returned", "returned to the queue"),
                    ("shelved", "shelved"),
                    ("woken", "back from the shelf"),
                    ("stuck", "called for help"),
                    ("answered", "help came"),
                    ("unstuck", "help call ended"),
                    ("expedited", "expedited"),
                    ("withdrawn", "withdrawn"),
                    ("undone", "undone"),
                    ("away", "away"),
                    ("back", "back"),
                    ("repromised", "promised anew"),
                ],
                max_length=11,
            ),
        ),
        migrations.AlterField(
            model_name="queue",
            name="default_days",
            field=models.PositiveSmallIntegerField(
                default=15,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(1000),
                ],
                verbose_name="working days where nothing is agreed",
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("due_at__isnull", False),
                        ("due_was_at__isnull", False),
                        ("kind", "repromised"),
                    ),
                    models.Q(
                        models.Q(("kind", "repromised"), _negated=True),
                        ("due_at__isnull", True),
                        ("due_was_at__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="a_new_promise_says_what_it_was_and_is",
            ),
        ),
        migrations.AddConstraint(
            model_name="file",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "received_at__gte",
                        datetime.datetime(
                            1999, 12, 31, 10, 0, tzinfo=datetime.timezone.utc
                        ),
                    )
                ),
                name="received_in_plausible_times",
            ),
        ),
    ]

"""Attachments, and what search looks in.

pg_trgm comes with PostgreSQL, and is trusted: whoever owns the database may install it.
"""

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models

# What a file is found by is written with it, whoever logs it: by the form, an import, or a statement of one's own.
FILES_CAN_BE_FOUND = """
CREATE FUNCTION dispatch_files_can_be_found() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dispatch_filetext (file_id, reference, text)
    SELECT id, upper(reference), rtrim(reference || ' ' || title) FROM logged;
    RETURN NULL;
END $$;
CREATE TRIGGER files_can_be_found AFTER INSERT ON dispatch_file REFERENCING NEW TABLE AS logged
    FOR EACH STATEMENT EXECUTE FUNCTION dispatch_files_can_be_found();

CREATE FUNCTION dispatch_file_is_found_anew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE dispatch_filetext SET reference = upper(NEW.reference), text = rtrim(NEW.reference || ' ' || NEW.title)
    WHERE file_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER file_is_found_anew AFTER UPDATE OF reference, title ON dispatch_file FOR EACH ROW
    WHEN ((OLD.reference, OLD.title) IS DISTINCT FROM (NEW.reference, NEW.title))
    EXECUTE FUNCTION dispatch_file_is_found_anew();

INSERT INTO dispatch_filetext (file_id, reference, text)
SELECT id, upper(reference), rtrim(reference || ' ' || title) FROM dispatch_file ORDER BY id;
-- An index can be made only when no check of these rows is left to do.
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
"""
NOT_ANY_MORE = """
DROP TRIGGER files_can_be_found ON dispatch_file;
DROP TRIGGER file_is_found_anew ON dispatch_file;
DROP FUNCTION dispatch_files_can_be_found();
DROP FUNCTION dispatch_file_is_found_anew();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('dispatch', "0010_imports"),
        ('skills', '0002_administrators'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        TrigramExtension(),
        migrations.CreateModel(
            name='Attachment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('kind', models.CharField(max_length=100, verbose_name='kind')),
                ('size', models.PositiveBigIntegerField(verbose_name='size')),
                ('sha256', models.CharField(max_length=64)),
                ('blob', models.CharField(max_length=32, unique=True)),
                ('added_at', models.DateTimeField(verbose_name='added')),
                ('removed_at', models.DateTimeField(null=True, verbose_name='removed')),
            ],
            options={
                'verbose_name': 'attachment',
                'verbose_name_plural': 'attachments',
            },
        ),
        migrations.CreateModel(
            name='FileText',
            fields=[
                ('file', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='text', serialize=False, to='dispatch.file')),
                ('reference', models.CharField(db_collation='C', max_length=64)),
                ('text', models.CharField(max_length=265)),
            ],
        ),
        migrations.RunSQL(FILES_CAN_BE_FOUND, NOT_ANY_MORE),
        migrations.AlterField(
            model_name='event',
            name='kind',
            field=models.CharField(choices=[('logged', 'logged'), ('filled', 'filled a slot'), ('started', 'started'), ('done', 'done'), ('passed_back', 'passed back'), ('returned', 'returned to the queue'), ('shelved', 'shelved'), ('woken', 'back from the shelf'), ('stuck', 'called for help'), ('answered', 'help came'), ('unstuck', 'help call ended'), ('expedited', 'expedited'), ('withdrawn', 'withdrawn'), ('undone', 'undone'), ('away', 'away'), ('back', 'back'), ('repromised', 'promised anew'), ('attached', 'attachment added'), ('detached', 'attachment removed')], max_length=11),
        ),
        migrations.AlterField(
            model_name='file',
            name='customer',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='files', to='dispatch.customer', verbose_name='customer'),
        ),
        migrations.AddIndex(
            model_name='customer',
            index=django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=['name'], name='found_by_name', opclasses=['gin_trgm_ops']),
        ),
        migrations.AddIndex(
            model_name='event',
            index=django.contrib.postgres.indexes.GinIndex(condition=models.Q(('file__isnull', False), ('kind__in', ('attached', 'detached', 'expedited', 'passed_back', 'repromised', 'returned', 'shelved', 'stuck', 'unstuck', 'withdrawn')), models.Q(('cause__in', ('', 'away', 'undone')), _negated=True)), fastupdate=False, fields=['cause'], name='found_by_what_was_written', opclasses=['gin_trgm_ops']),
        ),
        migrations.AddIndex(
            model_name='file',
            index=models.Index(fields=['customer', 'id'], name='files_of_a_customer'),
        ),
        migrations.AddField(
            model_name='attachment',
            name='added_by',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='attachment',
            name='file',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='attachments', to='dispatch.file'),
        ),
        migrations.AddField(
            model_name='attachment',
            name='removed_by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='filetext',
            index=models.Index(fields=['reference'], name='found_by_reference'),
        ),
        migrations.AddIndex(
            model_name='filetext',
            index=django.contrib.postgres.indexes.GinIndex(fields=['text'], gin_pending_list_limit=1024, name='found_by_words', opclasses=['gin_trgm_ops']),
        ),
        migrations.AddIndex(
            model_name='attachment',
            index=models.Index(fields=['file', 'id'], name='attachments_of_a_file'),
        ),
        migrations.AddConstraint(
            model_name='attachment',
            constraint=models.UniqueConstraint(condition=models.Q(('removed_at__isnull', True)), fields=('file', 'name'), name='one_attachment_a_name'),
        ),
        migrations.AddConstraint(
            model_name='attachment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('removed_at__isnull', True), ('removed_by__isnull', True)), models.Q(('removed_at__isnull', False), ('removed_by__isnull', False)), _connector='OR'), name='removed_says_when_and_by_whom'),
        ),
    ]

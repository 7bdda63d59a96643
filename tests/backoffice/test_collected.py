"""Static files are made once, and again when one of them is another."""

from pathlib import Path

from django.test import override_settings

from backoffice import collected


def test_they_are_collected_when_a_source_has_changed_or_they_are_gone(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "static"
    source.mkdir()
    (source / "calm.css").write_text("a { color: green }")
    how = {
        "STATICFILES_DIRS": [source],
        "STATICFILES_FINDERS": ["django.contrib.staticfiles.finders.FileSystemFinder"],
        "STATIC_ROOT": folder,
        "STORAGES": {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}},
    }
    with override_settings(**how):
        assert collected.collect()
        assert not collected.collect()
        (source / "calm.css").write_text("a { color: darkgreen }")
        assert collected.collect()
        assert not collected.collect()
        assert {path.read_text() for path in folder.glob("calm.*.css")} >= {"a { color: darkgreen }"}
        (folder / "staticfiles.json").unlink()
        assert collected.collect()

"""--check-images: the photographs that a written file is compared with the network on."""

import sys

import pytest

from yolox_ela.commands import export, export_options
from yolox_ela.errors import UserError


def test_a_folder_without_images_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    images, file = tmp_path / "images", tmp_path / "a.torchscript"
    images.mkdir()
    (images / "notes.txt").touch()
    words = ["-o", str(file), "--size", "64", "--check-images", str(images)]
    monkeypatch.setattr(sys, "argv", ["yolox-ela export", *words])
    args = export_options.parse(tmp_path)
    monkeypatch.setattr(export, "write_proven", lambda *_: pytest.fail("it has been written"))
    with pytest.raises(UserError, match=r"--check-images .*images has no images; name a folder"):
        export.main(args)
    assert list(tmp_path.iterdir()) == [images]

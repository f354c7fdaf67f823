"""COCO weights against a real server on 127.0.0.1; the rest of the net is out of reach."""

import hashlib
import re

import pytest

from yolox_ela.errors import UserError
from yolox_ela.weights import coco_weights, default_cache

pytestmark = pytest.mark.usefixtures("closed_port")
CONTENT = bytes(range(256)) * 40


class TestCocoWeights:
    def test_offline_names_the_ways_out(self, tmp_path):
        with pytest.raises(UserError) as raised:
            coco_weights(tmp_path)
        message = str(raised.value)
        for part in ("releases/download/0.1.1rc0/yolox_nano.pth", "-c FILE", "-c none", "refused"):
            assert part in message
        assert str(tmp_path / "yolox_nano.pth") in message

    def test_other_weights_under_the_official_name(self, tmp_path):
        weights = tmp_path / "yolox_nano.pth"
        weights.write_bytes(b"other weights")
        with pytest.raises(UserError, match="wrong sha256") as raised:
            coco_weights(tmp_path)
        assert hashlib.sha256(b"other weights").hexdigest() in str(raised.value)
        assert weights.read_bytes() == b"other weights", "kept until there is something better"

    @pytest.mark.parametrize(
        ("own", "shared", "expected"),
        [
            ("own", "shared", "own"),
            (None, "shared", "shared/yolox_ela"),
            (None, None, "home/.cache/yolox_ela"),
            ("", "", "home/.cache/yolox_ela"),  # empty means unset, as in the XDG specification
        ],
    )
    def test_cache_folder(self, monkeypatch, tmp_path, own, shared, expected):
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        for name, value in (("YOLOX_ELA_CACHE", own), ("XDG_CACHE_HOME", shared)):
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, str(tmp_path / value) if value else "")
        assert default_cache() == tmp_path / expected
        with pytest.raises(UserError, match=re.escape(str(tmp_path / expected))):
            coco_weights()

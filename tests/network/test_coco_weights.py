"""Starts by name against a real server on 127.0.0.1; the rest of the net is out of reach."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from legacy_stem import unfold

from yolox_ela.errors import UserError
from yolox_ela.experiment import Experiment
from yolox_ela.network.class_rows import COCO_CLASSES
from yolox_ela.network.starts import (
    COCO,
    STARTS,
    start_file,
    start_of_file,
    start_of_run,
    title_of_start,
)
from yolox_ela.network.weights import load_trained, read_weights
from yolox_ela.overrides import override
from yolox_ela.system.files import default_cache
from yolox_ela.tables.record import read_rows
from yolox_ela.train.start import load_start

PROJECT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.usefixtures("closed_port")


class TestStartFile:
    @pytest.mark.parametrize(
        ("name", "url", "file"),
        [
            ("coco", "YOLOX/releases/download/0.1.1rc0/yolox_nano.pth", "yolox_nano.pth"),
            (
                "coco_legacy",
                "storage/releases/download/0.0.1/yolox_nano.pth",
                "yolox_nano_legacy.pth",
            ),
        ],
    )
    def test_offline_names_the_ways_out(self, tmp_path, name, url, file):
        with pytest.raises(UserError) as raised:
            start_file(name, tmp_path)
        message = str(raised.value)
        for part in (url, "-c FILE", "-c none", "refused", str(tmp_path / file)):
            assert part in message

    def test_a_path_is_itself(self, tmp_path):
        assert start_file(tmp_path / "w.pth") == tmp_path / "w.pth"
        assert start_file("./coco") == Path("./coco")

    def test_the_legacy_file_is_told_by_its_tensors(self, shared, server, tmp_path, monkeypatch):
        """Folded or not, in whatever container: no checksum of the file has been published."""
        folded = shared / "weights" / "yolox_nano_coco.pth"
        legacy = {"state_dict": unfold(read_weights(folded)), "epoch": 300}
        torch.save(legacy, tmp_path / "made.pth")
        url = server.add("/legacy", (tmp_path / "made.pth").read_bytes())
        monkeypatch.setitem(STARTS, "coco_legacy", replace(STARTS["coco_legacy"], url=url))
        path = start_file("coco_legacy", tmp_path / "cache")
        assert path == tmp_path / "cache" / "yolox_nano_legacy.pth"
        assert [asked for asked, *_ in server.requests] == ["/legacy"]
        assert start_file("coco_legacy", tmp_path / "cache") == path, "downloaded once"
        assert len(server.requests) == 1
        for file in (path, folded):
            assert start_of_file(file, read_weights(file)).name == "coco_legacy"

    @pytest.mark.parametrize("size", [size for size in COCO if size != "nano"])
    def test_coco_has_every_size(self, tmp_path, size):
        with pytest.raises(UserError) as raised:
            start_file("coco", tmp_path, size=size)
        message = str(raised.value)
        assert f"YOLOX/releases/download/0.1.1rc0/yolox_{size}.pth" in message
        assert str(tmp_path / f"yolox_{size}.pth") in message
        assert re.fullmatch("[0-9a-f]{64}", COCO[size].digest)
        with pytest.raises(UserError, match=f"size nano only, and the network is of size {size}"):
            start_file("coco_legacy", tmp_path, size=size)

    def test_coco_of_the_networks_size(self, server, tmp_path, monkeypatch):
        """Downloaded once, checked by its checksum, and loaded; with a file of our own."""
        exp = Experiment(size="tiny", classes=tuple(COCO_CLASSES), image_size=64)
        made = tmp_path / "made.pth"
        torch.save({"model": exp.build_model().state_dict()}, made)
        url = server.add("/tiny", made.read_bytes())
        digest = hashlib.sha256(made.read_bytes()).hexdigest()
        monkeypatch.setitem(COCO, "tiny", replace(COCO["tiny"], url=url, digest=digest))
        path = start_file("coco", tmp_path / "cache", size="tiny")
        assert path == tmp_path / "cache" / "yolox_tiny.pth"
        assert start_file("coco", tmp_path / "cache", size="tiny") == path
        assert len(server.requests) == 1
        start = load_start(exp, exp.build_model(), path)
        assert start.name == "coco"
        nano = override(exp, {"size": "nano"})
        message = "is not a YOLOX-Nano checkpoint: .*weights of size tiny.*add size tiny"
        with pytest.raises(UserError, match=message):
            load_start(nano, nano.build_model(), path)
        with pytest.raises(UserError, match=r"does not fit .*add size tiny"):
            load_trained(nano.build_model(), read_weights(path), path)

    @pytest.mark.parametrize(
        "content", [b"<html>moved</html>", None], ids=["page", "other weights"]
    )
    def test_something_else_in_its_place(self, shared, server, tmp_path, monkeypatch, content):
        other = shared / "weights" / "yolox_nano_coco_release.pth"
        url = server.add("/legacy", content or other.read_bytes())
        monkeypatch.setitem(STARTS, "coco_legacy", replace(STARTS["coco_legacy"], url=url))
        with pytest.raises(UserError, match="wrong sha256"):
            start_file("coco_legacy", tmp_path)
        assert list(tmp_path.iterdir()) == []


class TestStart:
    def test_of_any_file(self, shared):
        path = shared / "weights" / "yolox_nano_coco_release.pth"
        start = start_of_file(path, read_weights(path))
        assert start.name == "yolox_nano_coco_release.pth"
        assert start.sha256.startswith("d9f7037cfe8f2211")
        assert f"start: {start.name}, SHA-256 of its tensors {start.sha256}" in str(start)

    def test_of_a_file_that_takes_anothers_name(self, shared, tmp_path):
        path = tmp_path / "coco"
        path.write_bytes((shared / "weights" / "yolox_nano_coco_release.pth").read_bytes())
        assert start_of_file(path, read_weights(path)).name == "file coco"

    def test_of_the_recorded_rows(self, shared):
        """The digest that stands in the documentation and in exps/results.csv."""
        path = shared / "weights" / "yolox_nano_coco.pth"
        digest = start_of_file(path, read_weights(path)).sha256
        assert digest in (PROJECT / "docs/starting-weights.md").read_text(encoding="utf-8")
        rows = [*read_rows(PROJECT / "exps/results.csv"), *read_rows(PROJECT / "exps/history.csv")]
        assert {row.start_sha256 for row in rows if row.start == "coco_legacy"} == {digest}

    def test_of_a_run(self):
        content = {"start": "theirs.pth", "start_sha256": "ab" * 32}
        start = start_of_run(content, Path("last.pth"))
        assert (start.name, start.sha256) == ("theirs.pth", "ab" * 32)
        old = start_of_run({}, Path("last.pth"))
        assert (old.name, old.sha256) == ("unknown", "")

    def test_titles(self):
        assert title_of_start("coco") == "COCO weights (release 0.1.1rc0)"
        assert title_of_start("random") == "random weights"
        assert title_of_start("theirs.pth") == "theirs.pth"


class TestCocoWeights:
    def test_other_weights_under_the_official_name(self, tmp_path):
        weights = tmp_path / "yolox_nano.pth"
        weights.write_bytes(b"other weights")
        with pytest.raises(UserError, match="wrong sha256") as raised:
            start_file("coco", tmp_path)
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
            start_file("coco")

"""`yolox-ela explain` from its words to its pages."""

import json
import sys

import cv2
import pytest

from yolox_ela.commands import explain as command
from yolox_ela.commands.explain_options import parse
from yolox_ela.errors import UserError
from yolox_ela.sizes import SITES


@pytest.fixture
def typed(tmp_path, monkeypatch, people):
    """Runs the command with these words, beside a picture `photos/people.png`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    cv2.imwrite("photos/people.png", people)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["explain", *map(str, words)])
        return command.main(parse(tmp_path))

    return run


@pytest.mark.slow
def test_a_page_for_each_picture(typed, tmp_path, capsys):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "photos" / "Thumbs.db").write_bytes(b"of Windows")
    words = ["photos", "b*n.jpg", "0", "--max", 1, "--size", 192, "--device", "cpu"]
    assert typed(*words, "--json", "numbers.json") == 1
    out, err = capsys.readouterr()
    assert "photos/people.png: person 0." in out
    assert "skipped: " in err
    assert "broken.jpg" in err
    assert "skipped: 0: it is a video or camera" in err
    assert "2 of 3 pictures could not be explained" in err
    folder = tmp_path / "runs" / "explain" / "people"
    page = (folder / "report.html").read_text(encoding="utf-8")
    for part in ("What was found", "Where the score comes from", "The gates along the picture"):
        assert f"<h2>{part}" in page
    for words in ("without positions", "without attention", "sd between channels", "so here the"):
        assert words in page
    pictures = {path.stem for path in (folder / "report").glob("*.png")}
    assert pictures == {"detections", "detection_1_person", "gates_1"}
    people, broken, _ = json.loads((tmp_path / "numbers.json").read_text())
    assert "broken.jpg" in broken["error"]
    (found,) = people["detections"]
    assert found["class"] == "person"
    networks = found["networks"]
    assert list(networks) == ["nano_ela_s", "without positions", "without attention"]
    assert list(networks["nano_ela_s"]["inside"]) == list(SITES)
    assert networks["nano_ela_s"]["score"] == pytest.approx(found["score"], abs=1e-4)
    assert len(people["gates"]["nano_ela_s"]) == 2 * len(SITES)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["photos/people.png", "-f", "nano"], "-f nano says how a network is built"),
        (["photos/people.png", "--beside", "lost.pth"], "--beside lost.pth: there is no such file"),
        (["photos/people.png", "--beside", "none,coco"], "--beside none means no other network"),
        (["--beside", "a.onnx", "photos"], "--beside a.onnx is an exported file"),
        (["photos/people.png", "--beside-experiment", "nano"], "give them with --beside"),
        (["photos/people.png", "--detection", 1, "--max", 2], "--max has no meaning"),
        (["."], "no pictures or videos in"),
        (["photos", "-o", "photos/pages"], "is inside photos, which is read"),
        (["photos/people.png", "--place", "drak3"], "no place 'drak3'"),
    ],
)
def test_mistakes_are_named_before_anything_is_written(typed, tmp_path, words, message):
    with pytest.raises(UserError, match=message):
        typed(*words)
    assert not (tmp_path / "runs").exists()

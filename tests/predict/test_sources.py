"""What can be named to be looked at, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolox_ela.errors import UserError
from yolox_ela.predict.sources import Video, find_items, name_of


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Pictures of several formats, a video, system files, and others."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.jpg", "a.PNG", "scan.tga", "clip.MP4", "notes.doc", "x[1].jpg"):
        (tmp_path / name).touch()
    for name in ("._b.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", ".hidden.png"):
        (tmp_path / name).touch()
    (tmp_path / "below").mkdir()
    (tmp_path / "below/c.jpg").touch()
    return tmp_path


def items(given, **options):
    return list(find_items(given, **options))


def test_folder(folder):
    """Sorted, without subfolders; the system's files are no pictures, others are named."""
    said = []
    found = items(folder, on_omitted=said.append)
    clip = Video(folder / "clip.MP4", live=False)
    names = ["a.PNG", "b.jpg"], ["scan.tga", "x[1].jpg"]
    assert found == [
        *(folder / name for name in names[0]),
        clip,
        *(folder / name for name in names[1]),
    ]
    assert len(said) == 1
    assert "1 file is left out (.doc)" in said[0]


def test_patterns(folder):
    assert items("*.jpg") == [Path("b.jpg"), Path("x[1].jpg")]
    assert items("**/*.jpg") == [Path("b.jpg"), Path("below/c.jpg"), Path("x[1].jpg")]
    assert items("x[1].jpg") == [Path("x[1].jpg")], "a file of this name is no pattern"
    assert items("cl*") == [Video(Path("clip.MP4"), live=False)]


def test_lists(folder):
    """Paths count from the list's folder, or else from the current one."""
    (folder / "below/list.txt").write_text("# holidays\nc.jpg\n\nb.jpg\n0\nhttp://host/p.jpg\n")
    assert items("below/list.txt") == [
        Path("below/c.jpg"),
        Path("b.jpg"),
        Video(0, live=True),
        "http://host/p.jpg",
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (0, Video(0, live=True)),
        ("1", Video(1, live=True)),
        ("rtsp://user:word@host:554/main", Video("rtsp://user:word@host:554/main", live=True)),
        ("http://host/clip.mp4?x=1", Video("http://host/clip.mp4?x=1", live=False)),
        ("https://host/live.m3u8", Video("https://host/live.m3u8", live=True)),
        ("https://host/photo.jpg", "https://host/photo.jpg"),
        ("missing.jpg", Path("missing.jpg")),
        ("missing.avi", Video(Path("missing.avi"), live=False)),
        (b"bytes", b"bytes"),
    ],
)
def test_kinds(folder, given, expected):
    assert items(given) == [expected]
    assert items([given]) == [expected]
    assert items(items(given)) == [expected], "what was found is found again"


def test_live_and_pictures_in_memory(folder):
    assert items(["clip.MP4", "http://host/video"], live=True) == [
        Video(Path("clip.MP4"), live=True),
        Video("http://host/video", live=True),
    ]
    array, image = np.zeros((4, 4, 3), np.uint8), Image.new("RGB", (4, 4))
    found = items(iter([array, image]))
    assert found[0] is array
    assert found[1] is image


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nothing*.jpg", r"no file matches nothing\*\.jpg"),
        ("below/empty", "no pictures or videos in below/empty"),
        ("empty.txt", r"list empty\.txt is empty"),
        ("missing.txt", r"cannot read missing\.txt"),
        ("lists.txt", "names another list"),
        (-1, "numbered from 0, not -1"),
        (1.5, "not 1.5"),
        (None, "not None"),
    ],
)
def test_refused(folder, given, message):
    (folder / "below/empty").mkdir()
    (folder / "empty.txt").write_text("# nothing\n")
    (folder / "lists.txt").write_text("empty.txt\n")
    with pytest.raises(UserError, match=message):
        items(given)


def test_names():
    sources = (2, "http://host/a/photo.jpg?x=1", "rtsp://cam.local", Path("x/clip.mp4"))
    assert [name_of(source) for source in sources] == ["camera2", "photo", "cam.local", "clip"]

"""VOC archives against a real server on 127.0.0.1; the rest of the net is out of reach."""

import hashlib
import io
import shutil
import tarfile
from pathlib import Path

import pytest

from yolox_ela.datasets.download import prepare_voc, voc_archive_names
from yolox_ela.errors import UserError

pytestmark = pytest.mark.usefixtures("closed_port")
CONTENT = bytes(range(256)) * 40
TRAINVAL = "VOCtrainval_06-Nov-2007.tar"
TEST = "VOCtest_06-Nov-2007.tar"


def make_tar(path, members):
    """A tar of (name, content) files in this order; returns what torchvision's table says."""
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return table_entry(path)


def table_entry(path, url=None):
    return {
        "url": url or f"https://example.invalid/{path.name}",
        "md5": hashlib.md5(path.read_bytes()).hexdigest(),
        "base_dir": "VOCdevkit/VOC2007",
    }


def voc_members(split, ids):
    """Split file first, as an archive may have it: the order in place must not depend on it."""
    base = "VOCdevkit/VOC2007"
    members = [
        (f"{base}/ImageSets/Main/{split}.txt", "".join(f"{i}\n" for i in ids).encode()),
        (f"{base}/ImageSets/Main/dog_{split}.txt", "".join(f"{i} -1\n" for i in ids).encode()),
    ]
    for i in ids:
        members.append((f"{base}/JPEGImages/{i}.jpg", b"image " + i.encode()))
        members.append((f"{base}/Annotations/{i}.xml", b"boxes " + i.encode()))
    return members


TRAINVAL_MEMBERS = voc_members("trainval", ["000005", "000007"])
TEST_MEMBERS = voc_members("test", ["000001", "000002", "000003"])
BOTH = [("2007", "trainval"), ("2007", "test")]


@pytest.fixture
def archives(tmp_path):
    folder = tmp_path / "archives"
    folder.mkdir()
    make_tar(folder / TRAINVAL, TRAINVAL_MEMBERS)
    make_tar(folder / TEST, TEST_MEMBERS)
    return folder


@pytest.fixture
def table(archives):
    return {
        "2007": table_entry(archives / TRAINVAL),
        "2007-test": table_entry(archives / TEST),
    }


@pytest.fixture
def served_table(server, archives):
    """The same archives, to be had from the server."""
    return {
        key: table_entry(archives / name, server.add(f"/{name}", (archives / name).read_bytes()))
        for key, name in (("2007", TRAINVAL), ("2007-test", TEST))
    }


def content_of(root):
    """Every file below root, hidden ones included, with its content."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.fixture(params=["any Python", "Python before 3.10.12"])
def old_tarfile(request, monkeypatch):
    """With and without tarfile's own filters."""
    if request.param == "Python before 3.10.12" and hasattr(tarfile, "data_filter"):
        trusting = staticmethod(tarfile.fully_trusted_filter)
        monkeypatch.setattr(tarfile.TarFile, "extraction_filter", trusting)
        monkeypatch.delattr(tarfile, "data_filter")


class TestPrepareVoc:
    def test_from_archives(self, archives, table, tmp_path):
        before = content_of(archives)
        root = tmp_path / "datasets"
        devkit = prepare_voc(root, BOTH, archives=archives, table=table)
        assert devkit == root / "VOCdevkit"
        assert content_of(root) == dict(TRAINVAL_MEMBERS + TEST_MEMBERS)
        assert [p.name for p in root.iterdir()] == ["VOCdevkit"]
        assert content_of(archives) == before, "the user's archives are kept"

    def test_from_the_net(self, served_table, tmp_path):
        root = tmp_path / "datasets"
        prepare_voc(root, BOTH, table=served_table)
        assert content_of(root) == dict(TRAINVAL_MEMBERS + TEST_MEMBERS), "no tar left behind"

    def test_only_what_is_missing_is_downloaded(self, server, archives, served_table, tmp_path):
        root = tmp_path / "datasets"
        prepare_voc(root, BOTH[:1], archives=archives, table=served_table)
        prepare_voc(root, BOTH, table=served_table)
        assert [path for path, _, _ in server.requests] == [f"/{TEST}"]

        prepare_voc(root, BOTH, table=served_table)
        prepare_voc(root, BOTH, archives=tmp_path / "absent", table=served_table)
        assert len(server.requests) == 1, "a complete data set asks for nothing"

    def test_files_in_place_are_not_touched(self, archives, table, tmp_path):
        root = tmp_path / "datasets"
        prepare_voc(root, BOTH[:1], archives=archives, table=table)
        corrected = root / "VOCdevkit/VOC2007/Annotations/000001.xml"
        corrected.write_bytes(b"corrected by hand")
        prepare_voc(root, BOTH, archives=archives, table=table)
        assert corrected.read_bytes() == b"corrected by hand"

    def test_year_folder_may_be_a_link(self, archives, table, tmp_path):
        elsewhere, devkit = tmp_path / "elsewhere", tmp_path / "datasets" / "VOCdevkit"
        elsewhere.mkdir()
        devkit.mkdir(parents=True)
        (devkit / "VOC2007").symlink_to(elsewhere, target_is_directory=True)
        prepare_voc(devkit.parent, BOTH, archives=archives, table=table)
        assert len(content_of(elsewhere)) == len(TRAINVAL_MEMBERS + TEST_MEMBERS)

    def test_archive_in_the_data_folder_is_used_and_kept(self, server, archives, tmp_path):
        root = tmp_path / "datasets"
        root.mkdir()
        shutil.copy(archives / TEST, root)
        table = {"2007-test": table_entry(root / TEST, server.url(f"/{TEST}"))}
        prepare_voc(root, [("2007", "test")], table=table)
        assert server.requests == []
        assert (root / TEST).is_file()

    def test_wrong_md5_in_archives(self, archives, table, tmp_path):
        expected = table["2007"]["md5"]
        damaged = archives / TRAINVAL
        damaged.write_bytes(damaged.read_bytes()[:-100])
        found = hashlib.md5(damaged.read_bytes()).hexdigest()
        with pytest.raises(UserError) as raised:
            prepare_voc(tmp_path / "datasets", BOTH, archives=archives, table=table)
        for part in (str(damaged), expected, found):
            assert part in str(raised.value)
        assert not (tmp_path / "datasets").exists()
        assert damaged.exists()

    def test_archive_missing_from_archives(self, server, archives, served_table, tmp_path):
        (archives / TEST).unlink()
        with pytest.raises(UserError) as raised:
            prepare_voc(tmp_path / "datasets", BOTH, archives=archives, table=served_table)
        assert TEST in str(raised.value)
        assert TRAINVAL not in str(raised.value)
        assert str(archives) in str(raised.value)
        assert server.requests == [], "who names a folder does not expect a download"

    def test_offline_names_the_ways_out(self, archives, served_table, server, tmp_path):
        server.files.clear()
        root = tmp_path / "datasets"
        prepare_voc(root, [], table=served_table)
        with pytest.raises(UserError) as raised:
            prepare_voc(root, BOTH, table=served_table)
        message = str(raised.value)
        for part in ("--archives", "--data", TRAINVAL, TEST, "HTTP 404", "refused"):
            assert part in message
        for entry in served_table.values():
            assert entry["url"] in message
        assert f"https://thor.robots.ox.ac.uk/pascal/VOC/voc2007/{TEST}" in message

    def test_offline_asks_only_for_what_is_still_missing(self, server, served_table, tmp_path):
        del server.files[f"/{TEST}"]
        with pytest.raises(UserError) as raised:
            prepare_voc(tmp_path, BOTH, table=served_table)
        assert TEST in str(raised.value)
        assert TRAINVAL not in str(raised.value)

    @pytest.mark.usefixtures("old_tarfile")
    @pytest.mark.parametrize("name", ["../evil", "VOCdevkit/VOC2007/../../../evil", "{root}/evil"])
    def test_path_traversal_is_refused(self, tmp_path, name):
        archives, root = tmp_path / "archives", tmp_path / "sandbox" / "datasets"
        archives.mkdir()
        evil = (name.format(root=tmp_path), b"evil")
        table = {"2007": make_tar(archives / TRAINVAL, [*TRAINVAL_MEMBERS, evil])}
        with pytest.raises(UserError, match=r"not safe.*evil"):
            prepare_voc(root, BOTH[:1], archives=archives, table=table)
        assert not list(tmp_path.rglob("evil"))
        assert content_of(root) == {}

    @pytest.mark.usefixtures("old_tarfile")
    def test_links_in_an_archive_lead_nowhere(self, tmp_path):
        archives, root, outside = tmp_path / "archives", tmp_path / "datasets", tmp_path / "outside"
        archives.mkdir()
        outside.mkdir()
        with tarfile.open(archives / TRAINVAL, "w") as tar:
            link = tarfile.TarInfo("VOCdevkit/VOC2007/JPEGImages")
            link.type, link.linkname = tarfile.SYMTYPE, str(outside)
            tar.addfile(link)
            for name, content in TRAINVAL_MEMBERS:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        table = {"2007": table_entry(archives / TRAINVAL)}
        prepare_voc(root, BOTH[:1], archives=archives, table=table)
        assert content_of(outside) == {}
        assert content_of(root) == dict(TRAINVAL_MEMBERS)

    def test_archive_without_the_split(self, tmp_path):
        table = {"2007": make_tar(tmp_path / TRAINVAL, voc_members("train", ["000005"]))}
        with pytest.raises(UserError, match=rf"{TRAINVAL}.*VOC2007 trainval"):
            prepare_voc(tmp_path / "datasets", BOTH[:1], archives=tmp_path, table=table)

    def test_half_an_archive_leaves_nothing(self, archives, tmp_path):
        whole = (archives / TRAINVAL).read_bytes()
        half = tmp_path / TRAINVAL
        half.write_bytes(whole[: whole.index(b"boxes 000005") + 5])
        with pytest.raises(UserError, match=f"{TRAINVAL} cannot be unpacked"):
            prepare_voc(
                tmp_path / "datasets",
                BOTH[:1],
                archives=tmp_path,
                table={"2007": table_entry(half)},
            )
        assert content_of(tmp_path / "datasets") == {}

    @pytest.mark.parametrize("moves", range(len(TEST_MEMBERS)))
    def test_killed_extraction_is_not_taken_for_complete(
        self, archives, table, tmp_path, monkeypatch, moves
    ):
        """The process dies after `moves` files: no clean-up runs, nothing else happens."""
        root = tmp_path / "datasets"
        prepare_voc(root, BOTH[:1], archives=archives, table=table)
        rename, left = Path.replace, iter(range(moves))

        def rename_until_killed(path, target):
            if next(left, None) is None:
                raise KeyboardInterrupt
            return rename(path, target)

        with monkeypatch.context() as dying:
            dying.setattr(Path, "replace", rename_until_killed)
            dying.setattr(shutil, "rmtree", lambda path: None)
            with pytest.raises(KeyboardInterrupt):
                prepare_voc(root, BOTH, archives=archives, table=table)
        assert not (root / "VOCdevkit/VOC2007/ImageSets/Main/test.txt").exists()

        prepare_voc(root, BOTH, archives=archives, table=table)
        assert content_of(root) == dict(TRAINVAL_MEMBERS + TEST_MEMBERS)

    @pytest.mark.parametrize("unknown", [("2006", "trainval"), ("2012", "test"), ("2007", "tset")])
    def test_unknown_set(self, unknown, tmp_path):
        year, split = unknown
        with pytest.raises(UserError, match=f"VOC{year} {split}.*2012.*test of 2007"):
            prepare_voc(tmp_path, [unknown])
        assert list(tmp_path.iterdir()) == []


class TestArchiveNames:
    def test_official_names(self):
        sets = [("2007", "trainval"), ("2007", "test"), ("2012", "trainval")]
        assert voc_archive_names(sets) == [TRAINVAL, TEST, "VOCtrainval_11-May-2012.tar"]

    def test_one_archive_for_several_splits(self):
        assert voc_archive_names([("2007", "train"), ("2007", "val")]) == [TRAINVAL]

    def test_every_year_has_its_own_name(self):
        sets = [(str(year), "trainval") for year in range(2007, 2013)]
        names = voc_archive_names(sets)
        assert [name[-8:-4] for name in names] == [year for year, _ in sets]

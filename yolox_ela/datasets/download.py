"""Downloading and unpacking the official Pascal VOC archives, verified by checksum."""

import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from loguru import logger
from torchvision.datasets.voc import DATASET_YEAR_DICT
from tqdm import tqdm

from yolox_ela.errors import UserError
from yolox_ela.system.fetch import DownloadError, disk_errors, fetch, file_digest, require_space

# torchvision's layout: keys "2012", "2007", "2007-test"; values with "url", "md5", "base_dir".
ArchiveTable = Mapping[str, Mapping[str, str]]

VOC_MIRRORS = (
    "https://thor.robots.ox.ac.uk/pascal/VOC/voc{year}/{file}",
    "https://data.pjreddie.com/files/{file}",
    "https://pjreddie.com/media/files/{file}",
)
OFFICIAL_SPLITS = ("train", "val", "trainval", "test")


@dataclass(frozen=True)
class _Archive:
    """One official tar file."""

    year: str
    name: str
    md5: str
    base_dir: str  # path of the year's folder inside the archive
    urls: tuple[str, ...]


def prepare_voc(
    root: Path,
    sets: Sequence[tuple[str, str]],
    *,
    archives: Path | None = None,
    table: ArchiveTable = DATASET_YEAR_DICT,
) -> Path:
    """Make sure that `root/VOCdevkit/VOC<year>` holds every split, and return `root/VOCdevkit`.

    A split is complete if ImageSets/Main/<split>.txt, JPEGImages and Annotations exist; then
    nothing is downloaded or changed. A missing split is extracted from its official archive, which
    is taken from `archives` if given, else from `root` if it is there, else downloaded into `root`
    and deleted after extraction. Archives that the user put there are kept.

    Args:
        root: the data folder, such as `datasets`.
        sets: (year, split) pairs such as ("2007", "trainval").
        archives: a folder with the official tar files under their official names.
        table: the known archives; torchvision's list by default.

    Raises:
        UserError: a set is unknown, an archive is missing, wrong or unsafe, the disk is full, or
            there is no connection.
    """
    devkit = Path(root) / "VOCdevkit"
    missing = [(y, split) for y, split in sets if not _has_split(devkit / f"VOC{y}", split)]
    needed = _archives_of(missing, table)
    folder = Path(root if archives is None else archives)
    if archives is not None:
        _require_archives(folder, needed)
    for done, archive in enumerate(needed):
        home = devkit / f"VOC{archive.year}"
        own = folder / archive.name
        if own.is_file():
            _check_md5(own, archive)
            _extract(own, archive.base_dir, home)
            continue
        # The suffix distinguishes the download from an archive that the user put into root.
        tar = Path(root) / f"{archive.name}.download"
        try:
            fetch(archive.urls, tar, algorithm="md5", digest=archive.md5, label=archive.name)
        except DownloadError as error:
            raise UserError(f"{error}\n{_ways_out(needed[done:])}") from error
        _extract(tar, archive.base_dir, home)
        tar.unlink()
    for year, split in missing:
        if not _has_split(devkit / f"VOC{year}", split):
            (name,) = voc_archive_names([(year, split)], table=table)
            raise UserError(f"{name} does not hold images and annotations of VOC{year} {split}")
    return devkit


def voc_archive_names(
    sets: Sequence[tuple[str, str]], *, table: ArchiveTable = DATASET_YEAR_DICT
) -> list[str]:
    """Official names of the tar files that hold the (year, split) pairs, without repetition.

    Raises:
        UserError: no official archive holds one of them.
    """
    return [archive.name for archive in _archives_of(sets, table)]


def _archives_of(sets: Sequence[tuple[str, str]], table: ArchiveTable) -> list[_Archive]:
    archives = {}
    for year, split in sets:
        key = f"{year}-test" if split == "test" else year
        if split not in OFFICIAL_SPLITS or not year.isdigit() or key not in table:
            years = ", ".join(name for name in sorted(table) if name.isdigit())
            tests = ", ".join(name[:4] for name in sorted(table) if name.endswith("-test"))
            raise UserError(
                f"no official archive holds VOC{year} {split}: there are train, val and trainval "
                f"of {years}, and test of {tests}"
            )
        # The name is taken from the url, as torchvision's "filename" of 2008 is that of 2012.
        url = table[key]["url"]
        name = PurePosixPath(url).name
        mirrors = [mirror.format(year=year, file=name) for mirror in VOC_MIRRORS]
        urls = tuple(dict.fromkeys([url, *mirrors]))
        archives[key] = _Archive(year, name, table[key]["md5"], table[key]["base_dir"], urls)
    return list(archives.values())


def _has_split(home: Path, split: str) -> bool:
    return (
        (home / "ImageSets" / "Main" / f"{split}.txt").is_file()
        and (home / "JPEGImages").is_dir()
        and (home / "Annotations").is_dir()
    )


def _require_archives(folder: Path, needed: Sequence[_Archive]) -> None:
    absent = [archive.name for archive in needed if not (folder / archive.name).is_file()]
    if absent:
        raise UserError(
            f"--archives {folder} lacks {', '.join(absent)}; put it there under this exact name, "
            "or leave --archives out to download"
        )


def _check_md5(path: Path, archive: _Archive) -> None:
    logger.info(f"checking {path}")
    found = file_digest(path, "md5")
    if found != archive.md5:
        raise UserError(
            f"{path} is damaged or not the official archive: its md5 is {found}, expected "
            f"{archive.md5}; get it again from {archive.urls[0]}"
        )


def _ways_out(needed: Sequence[_Archive]) -> str:
    names = ", ".join(archive.name for archive in needed)
    urls = "".join(f"\n    {url}" for archive in needed for url in archive.urls)
    return (
        "Without a connection, either\n"
        f"  give --archives DIR, a folder with {names}, or\n"
        "  give --data DIR, the folder of a VOCdevkit that you already have.\n"
        f"  To fetch elsewhere (any one url per file):{urls}"
    )


def _extract(archive: Path, base_dir: str, home: Path) -> None:
    """Unpack an archive into its year's folder.

    Everything is unpacked into `home/.extracting` and then renamed into place file by file, the
    split files last, so that no split looks complete if the process is killed. Existing files stay
    as they are.
    """
    staging = home / ".extracting"
    with disk_errors(home, archive.name):
        if staging.exists():  # an earlier run was killed
            shutil.rmtree(staging)
        staging.mkdir(parents=True)
        try:
            _unpack(archive, staging)
            _merge(staging / base_dir, home)
        finally:
            shutil.rmtree(staging)


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with tarfile.open(archive) as tar:
            if hasattr(tarfile, "data_filter"):  # missing before Python 3.10.12
                tar.extraction_filter = tarfile.data_filter
            files = _safe_files(tar, archive)
            require_space(folder, sum(file.size for file in files), archive.name)
            bar = tqdm(files, desc=f"extracting {archive.name}", unit=" files", disable=None)
            for file in bar:
                tar.extract(file, folder, set_attrs=False)  # no owners, modes or dates
    except tarfile.TarError as error:
        raise UserError(f"{archive} cannot be unpacked ({error}); get it again") from error


def _safe_files(tar: tarfile.TarFile, archive: Path) -> list[tarfile.TarInfo]:
    """The regular files of an archive; links and devices, which VOC does not have, are skipped."""
    members = tar.getmembers()
    for member in members:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts:
            raise UserError(
                f"{archive} is not safe to unpack: {member.name!r} would leave the folder"
            )
    return [member for member in members if member.isfile()]


def _merge(source: Path, home: Path) -> None:
    """Move files into place, the split files last."""

    def order(name: Path) -> tuple[bool, bool]:
        return name.parts[0] == "ImageSets", name.stem in OFFICIAL_SPLITS

    files = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    for name in sorted(files, key=order):
        target = home / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            (source / name).replace(target)

"""A record of verified images, so that each content is decoded for verification only once.

Images are identified by the SHA-256 of their content. A file with a recorded path, size and times
is not read again; a copy of the data elsewhere is hashed, but not decoded again.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from loguru import logger

from yolox_ela.images.values import ValueRange

VERSION = 2  # to be raised when the recorded facts or their rules change
WAIT_SECONDS = 30  # longest time to wait for another process that writes
CHUNK = 500  # largest number of values in a query
TABLES = """
    CREATE TABLE IF NOT EXISTS files (
        path TEXT PRIMARY KEY, size INTEGER, modified INTEGER, changed INTEGER, sha256 TEXT);
    CREATE TABLE IF NOT EXISTS contents (
        sha256 TEXT PRIMARY KEY, integers REAL, floats REAL, oddity TEXT, pixels TEXT);
"""

Stamp = tuple[int, int, int]  # size in bytes; modification and status change in nanoseconds


@dataclass(frozen=True)
class Content:
    """The facts about an image that was decoded without damage.

    Attributes:
        largest: the largest value of an image of more than 8 bits.
        oddity: a description of what is unusual about the file; see `Decoded`.
        pixels: SHA-256 of the decoded picture, equal for files with equal pixels.
    """

    largest: ValueRange
    oddity: str
    pixels: str


class VerifiedImages:
    """The record in an SQLite file, which several processes may use at once.

    A damaged file is replaced by a new one. If the file cannot be used (on a full or read-only
    disk), a warning says that images are verified at each start.

    Args:
        path: path of the file; its folder is created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def files(self, paths: Sequence[str]) -> dict[str, tuple[Stamp, str]]:
        """Stamp and SHA-256 of those of the files that are in the record."""
        return {
            path: ((size, modified, changed), sha256)
            for path, size, modified, changed, sha256 in self._select("files", "path", paths)
        }

    def contents(self, hashes: Iterable[str]) -> dict[str, Content]:
        """The contents with these SHA-256, as far as they are in the record."""
        return {
            sha256: Content(ValueRange(integers, floats), oddity, pixels)
            for sha256, integers, floats, oddity, pixels in self._select(
                "contents", "sha256", sorted(set(hashes))
            )
        }

    def add(self, files: Mapping[str, tuple[Stamp, str]], contents: Mapping[str, Content]) -> None:
        """Store files and contents in one transaction."""
        of_files = [(path, *stamp, sha256) for path, (stamp, sha256) in files.items()]
        of_contents = [
            (sha256, *content.largest, content.oddity, content.pixels)
            for sha256, content in contents.items()
        ]
        try:
            with closing(self._open()) as database, database:
                database.executemany("INSERT OR REPLACE INTO files VALUES (?,?,?,?,?)", of_files)
                database.executemany(
                    "INSERT OR REPLACE INTO contents VALUES (?,?,?,?,?)", of_contents
                )
        except (sqlite3.Error, OSError) as error:
            logger.warning(
                "cannot write {} ({}): images will be verified again at the next start; "
                "YOLOX_ELA_CACHE names another folder",
                self.path,
                error,
            )

    def _select(self, table: str, key: str, values: Sequence[str]) -> list[tuple]:
        if not self.path.exists():
            return []
        rows: list[tuple] = []
        try:
            with closing(self._open()) as database:
                for some in _chunks(values):
                    marks = ",".join("?" * len(some))
                    query = f"SELECT * FROM {table} WHERE {key} IN ({marks})"
                    rows += database.execute(query, some).fetchall()
        except (sqlite3.Error, OSError) as error:
            logger.warning("cannot read {} ({}): images are verified again", self.path, error)
            return []
        return rows

    def _open(self) -> sqlite3.Connection:
        """Open the database; a damaged one, or one of another version, is replaced."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._connect()
        except sqlite3.OperationalError:  # locked, read-only or full, but not damaged
            raise
        except sqlite3.DatabaseError as error:
            logger.warning("{} is damaged ({}): it is begun anew", self.path, error)
            self.path.unlink(missing_ok=True)
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=WAIT_SECONDS)
        try:
            with database:
                (version,) = database.execute("PRAGMA user_version").fetchone()
                if version not in (0, VERSION):
                    database.execute("DROP TABLE IF EXISTS files")
                    database.execute("DROP TABLE IF EXISTS contents")
                if version != VERSION:
                    database.executescript(TABLES)
                    database.execute(f"PRAGMA user_version = {VERSION}")
        except sqlite3.Error:
            database.close()
            raise
        return database


def _chunks(values: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while some := list(islice(rest, CHUNK)):
        yield some

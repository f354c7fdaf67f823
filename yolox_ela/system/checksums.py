"""The checksums inside files that torch writes, which torch itself does not look at."""

import zipfile
from pathlib import Path


def require_checksums(path: Path) -> None:
    """Make sure that each part of an archive is what was written.

    Files in another format, such as those of torch before 1.6, have no checksums, and those of a
    torch that was told to compute none (`torch.serialization.set_crc32_options`) have zeros.

    Raises:
        ValueError: a part does not fit its checksum.
        zipfile.BadZipFile: the archive is damaged otherwise.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        computed = any(part.CRC for part in archive.infolist())
        if computed and (part := archive.testzip()):
            raise ValueError(f"its part {part} does not fit its checksum")

"""Which folder a run gets: the one named, the last one to resume, or the next free one."""

from pathlib import Path

from yolox_ela.errors import UserError
from yolox_ela.system.claim import FolderClaim, claim_folder, claim_new_folder, require_unclaimed
from yolox_ela.system.run_names import START_FILES
from yolox_ela.train.run_folder import IN_USE, RunFolder, latest_run_path


def required_path(output: Path | None, parent: Path, name: str, *, resume: bool) -> Path | None:
    """The folder that a run must have, looked at before the work of preparing the run.

    Args:
        output: the folder as the user named it.
        parent: folder in which runs without a name of their own get theirs.
        name: what these folders are called, up to a number.
        resume: whether to continue a run.

    Returns:
        The folder named, or the last one of this name to resume; None for a new one.

    Raises:
        UserError: it is in use, already holds a run, or none to resume.
    """
    path = output
    if path is None and resume:
        path = latest_run_path(parent, name)
    if path is not None:
        require_unclaimed(path, _remedy(resume))
        RunFolder(path).check(resume=resume)
    return path


def claim_run(path: Path | None, parent: Path, name: str, *, resume: bool) -> FolderClaim:
    """Hold the folder from `required_path`, or a new one, for a run in this process.

    Raises:
        UserError: another run holds the folder, or has left its files in it meanwhile.
    """
    if path is None:
        return claim_new_folder(parent, name, START_FILES)
    claim = claim_folder(path, _remedy(resume), START_FILES)
    try:
        RunFolder(path).check(resume=resume)
    except UserError:
        claim.release()
        raise
    return claim


def _remedy(resume: bool) -> str:
    if resume:
        return IN_USE
    return "name another folder with -o"

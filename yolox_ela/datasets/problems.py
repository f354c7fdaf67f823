"""The problems of a data set, by file."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Severity(Enum):
    """How serious a problem is.

    With an ERROR the data are unfit for training. With a WARNING they are read as its detail says.
    """

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Problem:
    """A problem: its file, its kind, and the detail that helps to fix it."""

    file: Path
    kind: str
    detail: str
    severity: Severity = Severity.ERROR

    def to_dict(self) -> dict[str, str]:
        """The problem as plain JSON values."""
        return {
            "file": str(self.file),
            "kind": self.kind,
            "detail": self.detail,
            "severity": self.severity.value,
        }


def format_problems(problems: Sequence[Problem]) -> str:
    """The problems as text, one in each line, in aligned columns."""
    if not problems:
        return ""
    width = max(len(p.kind) for p in problems)
    return "\n".join(
        f"  {p.severity.value:7}  {p.kind:{width}}  {p.file}  {p.detail}" for p in problems
    )


def summarise_problems(problems: Sequence[Problem]) -> str:
    """One line for each kind of problem, with their number and the first of them."""
    counts = Counter(p.kind for p in problems)
    firsts = {p.kind: p for p in reversed(problems)}
    return "\n".join(
        f"  {count} {kind}, first {firsts[kind].file}: {firsts[kind].detail}"
        for kind, count in counts.items()
    )

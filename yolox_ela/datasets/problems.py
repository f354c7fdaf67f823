"""What can be wrong with a data set, by file."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Severity(Enum):
    """ERROR: training on it would be wrong. WARNING: read as the detail says, and worth knowing."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Problem:
    """One finding: which file, what kind, and the detail that helps to mend it."""

    file: Path
    kind: str
    detail: str
    severity: Severity = Severity.ERROR

    def to_dict(self) -> dict[str, str]:
        """The finding as plain JSON values."""
        return {
            "file": str(self.file),
            "kind": self.kind,
            "detail": self.detail,
            "severity": self.severity.value,
        }


def format_problems(problems: Sequence[Problem]) -> str:
    """One line a finding, in aligned columns."""
    if not problems:
        return ""
    width = max(len(p.kind) for p in problems)
    return "\n".join(
        f"  {p.severity.value:7}  {p.kind:{width}}  {p.file}  {p.detail}" for p in problems
    )


def summarise_problems(problems: Sequence[Problem]) -> str:
    """One line a kind: how many there are, and the first of them."""
    counts = Counter(p.kind for p in problems)
    firsts = {p.kind: p for p in reversed(problems)}
    return "\n".join(
        f"  {count} {kind}, first {firsts[kind].file}: {firsts[kind].detail}"
        for kind, count in counts.items()
    )

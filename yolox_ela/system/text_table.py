"""The one style of all text tables, on the screen and in Markdown files."""

from collections.abc import Sequence

from tabulate import tabulate

ALIGNMENTS = {"l": "left", "r": "right"}


def text_table(
    headers: Sequence[str], rows: Sequence[Sequence[object]], align: str, *, markdown: bool = False
) -> str:
    """Rows in aligned columns below their headers, a line each, without a line break at the end.

    Args:
        headers: a title for each column.
        rows: the cells; numbers are printed as `str` gives them, so format fractions beforehand.
        align: a letter for each column: `l` for text, `r` for numbers.
        markdown: whether to write a Markdown table instead of one for the screen.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    if markdown:
        cells = [[cell.replace("|", "\\|") for cell in row] for row in cells]
    return tabulate(
        cells,
        list(headers),
        tablefmt="pipe" if markdown else "simple",
        disable_numparse=True,  # a printed digit is a statement: 3.50 must not become 3.5
        colalign=[ALIGNMENTS[letter] for letter in align] if cells else None,
    )

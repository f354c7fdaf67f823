"""Tables for readers and for programs, and blocks in Markdown files."""

import csv
import io
import json

import pytest

from yolox_ela.errors import UserError
from yolox_ela.tables.layout import Column, Table, insert_block, render


@pytest.fixture
def table():
    return Table(
        "Two animals",
        [Column("name", "animal"), Column("legs", "legs", lambda legs: f"{legs:.2f}")],
        [{"name": "cat", "legs": 4.5, "sound": "meow"}, {"name": "eel", "legs": None, "sound": ""}],
        ["Counted twice."],
    )


class TestRender:
    def test_markdown(self, table):
        lines = render([table], "markdown").splitlines()
        assert lines[0] == "**Two animals**"
        cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
        assert cells[0] == ["animal", "legs"]
        assert cells[2:] == [["cat", "4.50"], ["eel", ""]], "digits as shown; None as nothing"
        assert lines[-1] == "- Counted twice."

    def test_text(self, table):
        text = render([table], "text")
        assert text.startswith("Two animals\n")
        assert "4.50" in text
        assert "|" not in text
        assert text.endswith("Counted twice.\n")

    def test_csv_holds_everything_in_full(self, table):
        other = Table("Other", [], [{"name": "ant", "legs": 1 / 3, "wings": 2}])
        rows = list(csv.DictReader(io.StringIO(render([table, other], "csv"))))
        assert [row["name"] for row in rows] == ["cat", "eel", "ant"]
        assert rows[0]["sound"] == "meow"
        assert float(rows[2]["legs"]) == 1 / 3
        assert (rows[0]["wings"], rows[2]["wings"]) == ("", "2")

    def test_json_holds_everything_in_full(self, table):
        (content,) = json.loads(render([table], "json"))
        assert content == {"title": table.title, "rows": table.rows, "notes": table.notes}

    def test_table_without_rows(self):
        empty = Table("Nothing", [Column("name", "animal")], [])
        for style in ("text", "markdown"):
            assert "animal" in render([empty], style)


class TestInsertBlock:
    def test_replaces_its_block_alone(self, tmp_path):
        path = tmp_path / "README.md"
        path.write_text("# A\n<!-- b -->\nold\n<!-- /b -->\nC\n<!-- d -->\nkept\n<!-- /d -->\n")
        insert_block(path, "b", "new\n")
        once = path.read_text()
        assert once == ("# A\n<!-- b -->\n\nnew\n\n<!-- /b -->\nC\n<!-- d -->\nkept\n<!-- /d -->\n")
        insert_block(path, "b", "new\n")
        assert path.read_text() == once, "the same again changes nothing"

    @pytest.mark.parametrize(
        "content",
        [
            "no marks\n",
            "<!-- b -->\nno end\n",
            "<!-- /b -->\n<!-- b -->\n",
            "<!-- b -->\n<!-- /b -->\n<!-- b -->\n<!-- /b -->\n",
        ],
    )
    def test_marks_that_are_not_one_pair(self, content, tmp_path):
        path = tmp_path / "README.md"
        path.write_text(content)
        with pytest.raises(UserError, match="<!-- b -->") as caught:
            insert_block(path, "b", "new")
        assert str(path) in str(caught.value)
        assert path.read_text() == content

    def test_no_file(self, tmp_path):
        with pytest.raises(UserError, match="cannot read"):
            insert_block(tmp_path / "README.md", "b", "new")

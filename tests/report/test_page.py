"""What a reader and other programs get from a report."""

import base64
import json
from html.parser import HTMLParser

import numpy as np
import pytest

from yolox_ela.errors import UserError
from yolox_ela.report.page import PageTable, Section, render_page, write_report

PNG = b"\x89PNG\r\n\x1a\n one"
OTHER_PNG = b"\x89PNG\r\n\x1a\n another"
HOSTILE = """<script>alert("1 & 2")</script> <img src='http://example.org/x.png'>"""


class Page(HTMLParser):
    """The tags of a page with their attributes, and its visible text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def attributes(self, name):
        return [attributes[name] for _, attributes in self.tags if name in attributes]

    @property
    def text(self):
        return "".join(self.words)


@pytest.fixture
def sections():
    table = PageTable(["class", "AP"], [["cat", 12.345], ["dog", float("nan")]], decimals=1)
    return [
        Section("Curves", "First.\n\nSecond.", {"curves": PNG}, table, {"values": np.arange(3)}),
        Section("Gates", "None here."),
        Section("Pictures", figures={"worst_misses": OTHER_PNG}),
    ]


def test_the_page_refers_to_nothing_outside_itself(tmp_path, sections):
    page = Page(write_report(tmp_path, "Title", {"commit": "abc"}, sections).read_text("utf-8"))
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "iframe", "object"})
    assert page.attributes("src")
    assert all(source.startswith("data:image/png;base64,") for source in page.attributes("src"))
    ids = page.attributes("id")
    links = page.attributes("href")
    assert len(links) == len(sections)  # the table of contents
    assert [link.removeprefix("#") for link in links] == ids
    assert not page.attributes("srcset") + page.attributes("action") + page.attributes("poster")
    style = page.text[: page.text.index("Title", 10)]
    assert "url(" not in style
    assert "@import" not in style


def test_the_browser_is_told_to_fetch_nothing():
    page = Page(render_page("Title", {}, []))
    assert any("default-src 'none'" in content for content in page.attributes("content"))


def test_words_from_outside_are_shown_and_not_interpreted():
    section = Section(HOSTILE, HOSTILE, {}, PageTable([HOSTILE], [[HOSTILE]]))
    harmless = Section("a", "b", {}, PageTable(["c"], [["d"]]))
    page = Page(render_page(HOSTILE, {HOSTILE: HOSTILE}, [section]))
    assert [tag for tag, _ in page.tags] == [
        tag for tag, _ in Page(render_page("t", {"f": "v"}, [harmless])).tags
    ]
    # Title twice, fact and its name, heading and its link, text, column and cell.
    assert page.text.count(HOSTILE) == 9


def test_pictures_are_the_same_in_the_page_and_beside_it(tmp_path, sections):
    page = Page(write_report(tmp_path / "new" / "run", "Title", {}, sections).read_text("utf-8"))
    shown = [base64.b64decode(source.partition(",")[2]) for source in page.attributes("src")]
    assert shown == [PNG, OTHER_PNG]
    beside = tmp_path / "new" / "run" / "report"
    assert (beside / "curves.png").read_bytes() == PNG
    assert (beside / "worst_misses.png").read_bytes() == OTHER_PNG
    assert all(page.attributes("alt"))


def test_numbers_are_json_that_every_reader_takes(tmp_path, sections):
    facts = {"images": np.int64(7), "checkpoint": tmp_path, "commit": None}
    write_report(tmp_path, "Title", facts, sections)
    text = (tmp_path / "report" / "report.json").read_text(encoding="utf-8")
    content = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert content["facts"] == {"images": 7, "checkpoint": str(tmp_path), "commit": None}
    curves = content["sections"][0]
    assert curves["figures"] == ["curves.png"]
    assert curves["table"]["rows"] == [["cat", 12.345], ["dog", None]]  # with all decimals
    assert curves["numbers"] == {"values": [0, 1, 2]}


def test_cells_and_facts_read_well():
    table = PageTable(["run", "epochs", "AP"], [["a", 8, 53.4546], ["b", None, float("nan")]])
    facts = {"sets": ["2007/test", "2012/val"], "settings": {"nms_iou": 0.65}, "commit": None}
    page = Page(render_page("Title", facts, [Section("Runs", table=table)]))
    words = [word for word in page.words if word.strip()]
    assert words[-6:] == ["a", "8", "53.45", "b", "-", "-"]
    for fact in ("2007/test, 2012/val", "nms_iou 0.65", "unknown"):
        assert fact in words


def test_a_new_report_removes_only_its_own_old_pictures(tmp_path, sections):
    write_report(tmp_path, "Title", {}, sections)
    (tmp_path / "report" / "mine.png").write_bytes(b"mine")
    write_report(tmp_path, "Title", {}, sections[:2])
    left = {path.name for path in (tmp_path / "report").iterdir()}
    assert left == {"curves.png", "mine.png", "report.json"}


def test_a_foreign_report_json_is_no_list_of_what_to_remove(tmp_path, sections):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.json").write_text('["figures"]')
    (tmp_path / "figures.png").write_bytes(b"mine")
    write_report(tmp_path, "Title", {}, sections)
    assert (tmp_path / "figures.png").exists()


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path, sections):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        write_report(tmp_path / "file" / "run", "Title", {}, sections)


@pytest.mark.parametrize("names", [("a", "a"), ("../a", "b"), ("a.png", "b")])
def test_names_of_pictures_must_be_plain_and_different(tmp_path, names):
    sections = [Section(name, figures={name: PNG}) for name in names]
    with pytest.raises(ValueError, match="name"):
        write_report(tmp_path, "Title", {}, sections)
    assert list(tmp_path.iterdir()) == []

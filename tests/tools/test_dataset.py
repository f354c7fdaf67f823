"""tools/dataset.py as a user runs it, and --help of every tool."""

import json
import shutil


def test_clean(call, project, data):
    done = call("tools/dataset.py", "check", "--data", data)
    assert "0 errors" in done.stdout


def test_errors_as_json_and_exit_code(call, project, data, tmp_path):
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    xml = min((copy / "VOCdevkit" / "VOC2007" / "Annotations").iterdir())
    xml.write_text("<annotation>")
    done = call("tools/dataset.py", "check", "--data", copy, "--json", "-", expect=1)
    report = json.loads(done.stdout)
    assert report["errors"] == 1
    assert report["problems"][0]["file"] == str(xml)


def test_every_tool_explains_itself(call, project):
    for tool in sorted((project / "tools").glob("*.py")):
        assert "usage" in call(f"tools/{tool.name}", "--help").stdout

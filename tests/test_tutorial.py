"""docs/tutorial.md does what it says: its blocks are run one after the other."""

import json
import re
import shlex
import shutil
import sys

import pytest
from loguru import logger
from test_documentation import PROJECT

from yolox_ela.commands.entry import main
from yolox_ela.network.starts import STARTS

PAGE = (PROJECT / "docs" / "tutorial.md").read_text(encoding="utf-8")


@pytest.fixture
def downloaded(shared, tmp_path, monkeypatch):
    """A cache that has COCO's weights already."""
    cache = tmp_path / "cache"
    cache.mkdir()
    name = STARTS["coco_legacy"].file
    shutil.copyfile(shared / "weights" / "yolox_nano_coco.pth", cache / name)
    monkeypatch.setenv("YOLOX_ELA_CACHE", str(cache))


@pytest.mark.slow
@pytest.mark.usefixtures("downloaded")
def test_all_blocks_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scope, commands = {}, 0
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.M | re.S):
        if language == "python":
            exec(compile(code, "docs/tutorial.md", "exec"), scope)
            continue
        for line in code.splitlines():
            program, *words = shlex.split(line)
            monkeypatch.setattr(sys, "argv", [program, *words])
            with pytest.raises(SystemExit) as end:
                main()
            logger.remove()
            assert not end.value.code, f"{line}\n{capsys.readouterr().err}"
            commands += 1
    assert commands == 6
    run, found = scope["run"], scope["found"]
    assert run.folder == tmp_path / "runs" / "nano_ela_s"
    assert run.best.is_file()
    assert run.report.is_file()
    assert run.history[-1]["epoch"] == 2
    assert found.images == 8
    assert found.results["settings"]["nms_iou"] == 0.5
    assert json.loads((tmp_path / "scores.json").read_text())["ap50"] == found.scores["ap50"]
    assert len(scope["objects"].boxes) >= 1
    assert (tmp_path / "objects.jpg").is_file()
    command = tmp_path / "runs" / "nano_ela_s-2"
    both = [(folder / "config.json").read_text() for folder in (run.folder, command)]
    assert both[0] == both[1], "the call and the command are the same run"
    assert len(list((tmp_path / "runs" / "predict").glob("*.jpg"))) == 8
    out = capsys.readouterr().out
    assert "did you mean epochs?" in out

# SPDX-License-Identifier: MIT
"""The experiments in configs/faults: each says which cause it gives, and a few are run."""

import json
import pathlib
import re

import pytest

from experiments import no_report_in_logs

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "configs/faults"
# These need no moment to be hit, so that a busy machine changes little.
QUICK = ["all-ejected", "connect-refused", "descriptors-exhausted", "dns-failed",
         "reset-before-response", "upstream-status"]


def read(path):
    return json.loads(re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE))


def test_each_says_its_name_and_its_cause():
    paths = sorted(FOLDER.glob("*.json"))
    assert len(paths) > 20
    for path in paths:
        experiment = read(path)
        assert experiment["name"] == path.stem
        assert any("share(" in text for text in experiment["expect"]), path
        assert f"tailgate run configs/faults/{path.name}" in path.read_text()


@pytest.mark.parametrize("name", QUICK)
def test_it_gives_its_cause(command, tmp_path, name):
    done = command("run", FOLDER / f"{name}.json", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    no_report_in_logs(tmp_path / "runs" / name / "latest")

# SPDX-License-Identifier: MIT
"""`tailgate export`: what it refuses and what it leaves behind when it fails."""

import sqlite3
import subprocess

import pytest

KINDS = ["request", "attempt", "fault", "pause", "state", "client", "served"]


@pytest.fixture
def records(tmp_path):
    """A folder in which nothing was recorded."""
    folder = tmp_path / "records"
    folder.mkdir()
    return folder


def test_an_empty_folder_is_no_error(command, records):
    done = command("export", records)
    assert done.returncode == 0
    assert done.stdout == ""
    assert "no records" in done.stderr and str(records) in done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_csv_has_its_header(command, records, kind):
    done = command("export", records, "--format", "csv", "--kind", kind)
    assert done.returncode == 0
    assert done.stdout.startswith("process,worker,time,")
    assert done.stdout.count("\n") == 1


def test_sqlite_has_its_tables(command, records, tmp_path):
    output = tmp_path / "run.db"
    done = command("export", records, "-o", output)
    assert done.returncode == 0
    with sqlite3.connect(output) as database:
        tables = {row[0] for row in
                  database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == {*KINDS, "source", "meta"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["records", "run.db"]


@pytest.mark.parametrize("arguments, said", [
    (["--format", "xml"], "xml"),
    (["--format", "sqlite"], "-o"),
    (["--kind", "requests", "--format", "csv"], "requests"),
    (["--kind", "request", "--format", "jsonl"], "--kind"),
    (["--format"], "--format"),
    (["another"], "too many: another"),
])
def test_wrong_arguments(command, records, arguments, said):
    done = command("export", records, *arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert said in done.stderr


@pytest.mark.parametrize("form", ["sqlite", "jsonl", "csv"])
def test_a_file_is_replaced_only_by_force(command, records, tmp_path, form):
    output = tmp_path / "output"
    output.write_text("precious")
    done = command("export", records, "--format", form, "-o", output)
    assert done.returncode == 2
    assert str(output) in done.stderr and "--force" in done.stderr
    assert output.read_text() == "precious"
    done = command("export", records, "--format", form, "-o", output, "--force")
    assert done.returncode == 0
    assert b"precious" not in output.read_bytes()


def test_a_missing_folder(command, tmp_path):
    done = command("export", tmp_path / "nowhere")
    assert done.returncode == 2
    assert "nowhere" in done.stderr


def test_a_run_is_told_where_its_records_are(command, tmp_path):
    run = tmp_path / "run"
    (run / "v0-r0" / "records").mkdir(parents=True)
    assert command("export", run).returncode == 0, "nothing was recorded"
    (run / "v0-r0" / "records" / "gateway-1-0-0.seg").touch()
    for folder in (run, run / "v0-r0"):
        done = command("export", folder, "-o", tmp_path / "output")
        assert done.returncode == 2 and not (tmp_path / "output").exists()
        assert str(run / "v0-r0" / "records") in done.stderr


def damage(records):
    (records / "gateway-1-0-0.seg").write_bytes(b"TGRECORD" + bytes(1000))


@pytest.mark.parametrize("form", ["sqlite", "jsonl", "csv"])
def test_a_damaged_segment_is_named_and_the_others_are_exported(gateway, refused_address, command,
                                                                tmp_path, form):
    proxy = gateway(refused_address)
    assert proxy.request().status == 502
    assert proxy.stop() == 0
    records = proxy.process.folder / "records"
    whole, output = tmp_path / "whole", tmp_path / "output"
    assert command("export", records, "--format", form, "-o", whole).returncode == 0
    damage(records)
    (records / "gateway-1-0-1.seg").write_bytes(b"no segment")
    done = command("export", records, "--format", form, "-o", output)
    assert done.returncode == 2
    assert "gateway-1-0-" in done.stderr and "(1 more cannot be read, all" in done.stderr
    assert "records written" in done.stderr
    assert output.stat().st_size == whole.stat().st_size
    if form != "sqlite":
        assert output.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("form", ["sqlite", "jsonl", "csv"])
def test_nothing_but_damaged_segments_leaves_nothing(command, records, tmp_path, form):
    damage(records)
    output = tmp_path / "output"
    output.write_text("precious")
    done = command("export", records, "--format", form, "-o", output, "--force")
    assert done.returncode == 2
    assert "gateway-1-0-0.seg" in done.stderr
    assert output.read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["output", "records"]


@pytest.mark.parametrize("form", ["sqlite", "jsonl", "csv"])
def test_an_output_that_cannot_be_made(command, records, tmp_path, form):
    done = command("export", records, "--format", form, "-o", tmp_path / "nowhere" / "output")
    assert done.returncode == 3
    assert "nowhere" in done.stderr


def test_a_full_output(tailgate, records):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([tailgate, "export", records, "--format", "csv"], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3
    assert "No space left" in done.stderr

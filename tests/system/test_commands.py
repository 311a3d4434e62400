# SPDX-License-Identifier: MIT
"""The command line: what every command has in common, and `tailgate check`."""

import json
import re
import subprocess

import pytest

COMMANDS = ("run", "report", "proxy", "backend", "export", "check")
PROXY = {"listeners": ["127.0.0.1:0"], "routes": [{"path": "/", "upstream": "a"}],
         "upstreams": {"a": {"endpoints": ["127.0.0.1:9"]}}}
BACKEND = {"address": "127.0.0.1:0", "handlers": {"/": {"steps": [{"respond": {}}]}}}
EXPERIMENT = {
    "name": "small",
    "backends": {"a": {"config": {"handlers": BACKEND["handlers"]}}},
    "gateway": {**PROXY, "upstreams": {"a": {"endpoints": ["@a"]}}},
    "load": {"rate": "10/s", "duration": "1s", "requests": [{"GET": "/"}]},
}
EXAMPLES = {"proxy": PROXY, "backend": BACKEND, "experiment": EXPERIMENT}


def test_help_names_every_command(command):
    done = command("--help")
    assert done.returncode == 0 and done.stderr == ""
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", done.stdout, re.M), name


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(command, name):
    done = command(name, "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith(f"usage: tailgate {name}")


def test_version(command):
    done = command("--version")
    assert done.returncode == 0
    assert re.fullmatch(r"tailgate \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["check", "--schema", "proxy"]])
def test_output_that_cannot_be_written(tailgate, arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run([tailgate, *arguments], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 3
    assert "cannot write" in done.stderr


def test_no_command_is_wrong_usage(command):
    done = command()
    assert done.returncode == 2 and done.stdout == ""
    assert "usage: tailgate" in done.stderr


@pytest.mark.parametrize("wrong, right", [("prxy", "proxy"), ("expotr", "export"), ("rnu", "run")])
def test_unknown_command_suggests_the_nearest(command, wrong, right):
    done = command(wrong)
    assert done.returncode == 2
    assert f"'{wrong}'" in done.stderr and f"'{right}'" in done.stderr


def test_unknown_command_that_is_near_none(command):
    done = command("frobnicate-everything")
    assert done.returncode == 2
    assert "frobnicate-everything" in done.stderr and "meant" not in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("arguments", [[], ["--no-such-option", "x"]])
def test_wrong_usage_of_a_command(command, name, arguments):
    done = command(name, *arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"tailgate {name}: ")
    assert f"tailgate {name} --help" in done.stderr


@pytest.mark.parametrize("name", ["proxy", "backend", "run", "check"])
def test_a_file_that_is_not_there(command, name):
    done = command(name, "nowhere.json")
    assert done.returncode == 2
    assert "nowhere.json" in done.stderr


@pytest.mark.parametrize("fd", ["x", "-1", "99999999999"])
def test_control_takes_a_descriptor(command, write_config, fd):
    done = command("proxy", "--control", fd, write_config(PROXY))
    assert done.returncode == 2
    assert "--control" in done.stderr


@pytest.mark.parametrize("kind", EXAMPLES)
def test_check_tells_the_kind_from_the_keys(command, write_config, kind):
    path = write_config(EXAMPLES[kind])
    done = command("check", path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{path}: valid ({kind})\n"


def test_check_says_a_verdict_of_every_file(command, write_config):
    good = write_config(PROXY, "good.json")
    bad = write_config({**PROXY, "workerz": 1}, "bad.json")
    other = write_config(BACKEND, "other.json")
    done = command("check", bad, good, other)
    assert done.returncode == 2
    assert done.stdout == f"{good}: valid (proxy)\n{other}: valid (backend)\n"
    assert re.match(rf"{re.escape(str(bad))}:\d+:\d+: .*workerz.*workers", done.stderr)


def test_check_as_another_kind(command, write_config):
    done = command("check", "--as", "backend", write_config(PROXY))
    assert done.returncode == 2
    assert "listeners" in done.stderr


def test_check_of_what_is_nothing_known(command, write_config):
    done = command("check", write_config({"colour": "red"}))
    assert done.returncode == 2
    assert "--as" in done.stderr


def test_check_looks_into_an_experiment(command, write_config):
    experiment = {**EXPERIMENT, "gateway": {**EXPERIMENT["gateway"], "workerz": 2}}
    done = command("check", write_config(experiment))
    assert done.returncode == 2
    assert re.search(r"config.json:\d+:\d+: .*workerz", done.stderr)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"listeners": 1,}', '{"a": 1, "a": 2}', "\0"])
def test_check_of_broken_json(command, write_config, text):
    for kind in EXAMPLES:
        done = command("check", "--as", kind, write_config(text))
        assert done.returncode == 2
        assert re.search(r"config.json:\d+:\d+: ", done.stderr)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_schema(command, kind):
    done = command("check", "--schema", kind)
    schema = json.loads(done.stdout)
    assert done.returncode == 0
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for key in EXAMPLES[kind]:
        assert key in done.stdout


@pytest.mark.parametrize("kind", EXAMPLES)
def test_manual(command, kind):
    done = command("check", "--manual", kind)
    assert done.returncode == 0
    for key in EXAMPLES[kind]:
        assert re.search(rf"^\.It .*\b{key}\b", done.stdout, re.M), key


def test_schema_of_an_unknown_kind(command):
    done = command("check", "--schema", "gateway")
    assert done.returncode == 2 and done.stdout == ""

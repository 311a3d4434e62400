# SPDX-License-Identifier: MIT
"""What the clients of an experiment could not get, whatever the gateway says of it."""

import re

import pytest

from experiments import latest, query, summary_of
from test_run_faults import faulty, injected  # noqa: F401

KILLED = {"kind": "kill", "on": "gateway", "from": "500ms", "restart": False}


def lost(*expect):
    return faulty(KILLED, load={"duration": "2s", "timeout": "5s"}, expect=list(expect))


@pytest.mark.parametrize("expect", [[], ["gateway_failures < 5%"]])
def test_a_run_whose_gateway_was_away_does_not_look_clean(run, tmp_path, command, expect):
    """Who expects nothing is warned; other expectations do not hold by what they do not see."""
    done = run(lost(*expect))
    assert done.returncode == len(expect), done.stdout + done.stderr
    folder = latest(tmp_path).resolve()
    [variant] = summary_of(folder)["variants"]
    failures = sum(variant["client_errors"].values())
    assert variant["failure_rate"] < 0.05
    assert variant["client_failures"] == failures > variant["requests"] * 0.4
    assert variant["client_failure_rate"] == pytest.approx(failures / variant["requests"])
    assert variant["client_only_failures"] > variant["requests"] * 0.4
    assert query(folder, "SELECT DISTINCT class, kind FROM blame WHERE part = 'client'") == \
        [("injected", "kill")]
    assert query(folder, "SELECT count(*) FROM blame WHERE part = 'client'") == \
        [(variant["client_only_failures"],)]
    assert re.search(r"no answer\n.* [4-9]\d\.\d\d%\n", done.stdout)
    assert "got no whole answer (" in done.stdout
    said = "falls short" in done.stdout and "not the gateway's" in done.stdout
    assert said == bool(expect)
    junit = command("report", folder, "--format", "junit").stdout
    most = failures * 2 > variant["requests"]
    counts = (2, 1) if expect else (1, int(most))  # without expectations, the run itself
    assert 'tests="%d" failures="%d"' % counts in junit


def test_what_clients_could_not_get_can_be_expected(injected):
    folder = injected(lost("client_failures > 40%", "client_failure_rate > 40%",
                           "gateway_failures < 5%"))
    assert all(verdict["holds"] for verdict in summary_of(folder)["expect"])
    assert len(summary_of(folder)["expect"]) == 3

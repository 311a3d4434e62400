# SPDX-License-Identifier: MIT
"""The claims of an experiment: what is measured of them, what is withheld, and where it is shown."""

import json

import pytest

from experiments import latest, no_report_in_logs, summary_of

BACKEND = {
    "resources": {"lock": {"slots": 1}},
    "handlers": {"/orders": {"steps": [
        {"acquire": "lock"}, {"io": "1ms"}, {"release": "lock"}, {"respond": {"status": 200}},
        {"io": "20ms"}]}},
}
EXPERIMENT = {
    "name": "small", "seed": 7,
    "backends": {"orders": {"config": BACKEND}},
    "gateway": {"workers": 1, "routes": [{"name": "orders", "path": "/", "upstream": "orders"}],
                "upstreams": {"orders": {"endpoints": ["@orders"]}}},
    "load": {"rate": "150/s", "warmup": "100ms", "duration": "1s", "timeout": "30s",
             "connections": 256, "requests": [{"GET": "/orders"}]},
    "variants": {"/backends/orders/config/cleanup": ["deferred", "inline"]},
}


def claim(measure, holds, **keys):
    return {"text": f"of {measure}", "claimed": "+38 %", "measure": measure, "holds": holds, **keys}


def measured(run, tmp_path, *claims, **keys):
    """The claims of a run, by what they measure."""
    done = run({**EXPERIMENT, "claims": list(claims), **keys})
    assert done.returncode == 0, done.stdout + done.stderr
    folder = latest(tmp_path)
    no_report_in_logs(folder)
    return done, {found["measure"]: found for found in summary_of(folder)["claims"]}


def test_a_claim_is_set_beside_what_is_measured(run, command, tmp_path):
    slower, queues = "p50[deferred] / p50[inline] - 1", "backend_queue[deferred] - backend_queue[inline]"
    done, found = measured(
        run, tmp_path,
        claim(slower, "> 50%", section="2.5"), claim(queues, "> 1ms"),
        claim("502 on orders[inline]", "> 1%", note="nobody breaks anything"), rounds=2)
    # The lock's queue grows for as long as the load lasts: no machine is so slow as to hide that.
    assert found[slower]["verdict"] == "holds" and found[slower]["value"] > 0.5
    assert found[slower]["low"] <= found[slower]["value"] <= found[slower]["high"]
    assert found[slower]["rounds"] == 2 and found[queues]["verdict"] == "holds"
    broken = found["502 on orders[inline]"]
    assert (broken["verdict"], broken["value"]) == ("does not hold", 0)
    for text in ("claimed   +38 %", found[slower]["shown"], "does not hold", "nobody breaks"):
        assert text in done.stdout

    page = (latest(tmp_path) / "report.html").read_text()
    assert found[slower]["shown"].split()[0] in page and "nobody breaks anything" in page
    markdown = command("report", latest(tmp_path), "--format", "markdown").stdout
    assert f"| 2.5 | of {slower} | +38 % | {found[slower]['shown']} |" in markdown


def test_what_the_data_do_not_carry_is_withheld(run, tmp_path):
    rare, none = "p99.9[deferred]", "502[deferred] / 502[inline]"
    done, found = measured(run, tmp_path, claim(rare, "> 1ms"), claim(none, "> 2"),
                           claim("p50[inline]", "< 1h"))
    assert found[rare]["verdict"] == "withheld" and "value" not in found[rare]
    assert "it takes 10000" in found[rare]["reason"]
    assert "none on either side" in found[none]["reason"]
    assert found["p50[inline]"]["rounds"] == 0  # of a single round there is no range
    assert "no range: there is one round" in done.stdout
    assert "holds in the one round that there is (it would with < 1h)" in done.stdout
    assert "withheld: there was none" in done.stdout


def test_cpu_time_is_withheld_from_nobody(run, tmp_path):
    _, found = measured(run, tmp_path, claim("gateway_cpu[inline]", "> 1ns"),
                        claim("backend_cpu[inline]", "> 1ns"))
    assert all(one["verdict"] == "holds" for one in found.values())


@pytest.mark.parametrize("wrong, parts", [
    ({"measure": "p99[pooled]"}, ("label in brackets", '"[deferred]"')),
    ({"measure": "p99[inline] / p50"}, ("label in brackets",)),
    ({"holds": "50%"}, ("comparison",)),
    ({"holds": "> 50%", "measure": "p99[inline]"}, ("duration",)),
    ({"claim": "+3 %"}, ("claim", "claimed")),
])
def test_a_claim_that_cannot_be_read(command, tmp_path, wrong, parts):
    text = json.dumps({**EXPERIMENT, "claims": [
        {**claim("p99[deferred] / p99[inline]", "> 1.5"), **wrong}]}, indent=1)
    path = tmp_path / "wrong.json"
    path.write_text(text)
    done = command("check", path)
    assert done.returncode == 2
    line = next(number for number, line in enumerate(text.splitlines(), 1)
                if f'"{next(iter(wrong))}"' in line and number > text[:text.index('"claims"')].count("\n"))
    assert f"{path}:{line}:" in done.stderr, done.stderr
    assert all(part in done.stderr for part in parts), done.stderr

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a request costs each proxy, measured side by side on one machine.

For each scenario (scenarios.py) nginx, HAProxy and Tailgate, and a relay that parses nothing, stand
in turn between a load generator and a backend (nginx serving a file), one worker each. The proxy
has a core to itself; backend and load share another. Rounds are interleaved and ratios are taken
within a round, so that a machine that gets slower gets slower for all; trust the ratios, not the
microseconds.

All are configured for speed: HAProxy splices bodies, nginx has large buffers and writes none to
disk, both keep connections to the backend. nginx and HAProxy write no access log (but in the scenario that says so) while Tailgate records
every request and attempt (but where it says so). CPU time is what the kernel counted for all
threads of the proxy in user mode and in the kernel, divided by the requests. Latency is measured at
half the rate that the slowest of nginx, HAProxy and Tailgate reaches, with requests sent on time
whether or not earlier ones were answered. Memory is the growth of anonymous memory.

Prints Markdown; --json names a file for the same figures and every turn.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

import figures
import link_scenarios
import measure
import scenarios
import servers
import tls_scenarios

SCENARIOS = (*scenarios.SCENARIOS, *tls_scenarios.SCENARIOS, *link_scenarios.SCENARIOS)
MEMORY = (scenarios.MEMORY, tls_scenarios.MEMORY)
PACKAGES = {"nginx": "nginx", "haproxy": "haproxy", "wrk": "wrk", "openssl": "openssl"}


def say(text):
    print(text, file=sys.stderr, flush=True)


def load_rounds(options, tools, scenario, candidates):
    """Turns by candidate, at full load."""
    turns = {server.name: [] for server in candidates}
    for server in candidates:
        measure.saturated(options, tools, scenario, server, 1)  # connections and code are warm
    for number in range(options.rounds):
        for server in candidates:
            turn = measure.saturated(options, tools, scenario, server, options.seconds)
            turns[server.name].append(turn)
            say(f"{scenario.name} {number + 1} {server.name}: {turn['rps']:.0f}/s, "
                f"{turn['cpu_us']:.2f} us")
    return turns


def latency_rounds(options, tools, scenario, candidates, rate):
    rivals = [server for server in candidates
              if server.name in (*scenarios.PEERS, scenarios.TAILGATE)]
    turns = {server.name: [] for server in rivals}
    for number in range(options.rounds):
        for server in rivals:
            turn = measure.at_rate(options, tools, scenario, server, rate, options.seconds,
                                   number + 1)
            turns[server.name].append(turn)
            say(f"{scenario.name} {number + 1} {server.name} at {rate:.0f}/s: "
                f"p99 {turn['p99_us']:.0f} us")
    return turns


def run_scenario(options, tools, scenario, folder):
    """What was measured, for the JSON, and the figures."""
    with servers.Stage(options, tools, scenario, folder) as candidates:
        turns = load_rounds(options, tools, scenario, candidates)
        result = {"name": scenario.name, "title": scenario.title, "turns": turns}
        found = list(figures.cost_figures(scenario, turns))
        if scenario.latency and not options.no_latency:
            rivals = (*scenario.peers, scenario.subject)
            rate = min(figures.median(turns[name], "rps") for name in rivals) / 2
            result["rate"] = rate
            result["at_rate"] = latency_rounds(options, tools, scenario, candidates, rate)
            found.append(figures.latency_figure(scenario, result["at_rate"]))
    return result, found


def run_delay(options, tools, delay, folder):
    """Turns with the fault and without it, by candidate, and of no link at all."""
    turns = {"with": {}, "without": {}, "direct": []}

    def one(server):
        turn = measure.at_rate(options, tools, delay.scenario, server, delay.rate,
                               options.seconds, 1, delay.connections)
        say(f"{delay.name} {server.name}: p50 {turn['p50_us']:.0f} us, p99 {turn['p99_us']:.0f} us")
        return turn

    with servers.Stage(options, tools, delay.scenario, folder) as plain, \
            servers.Stage(options, tools, delay.scenario, folder, link_scenarios.DELAY_MS) as slow:
        rivals = (*delay.scenario.peers, delay.scenario.subject)
        for _ in range(options.rounds):
            for side, stage in (("without", plain), ("with", slow)):
                for server in stage:
                    if server.name in rivals:
                        turns[side].setdefault(server.name, []).append(one(server))
            turns["direct"].append(one(plain.backend_server))
    return turns, list(figures.delay_figures(delay, link_scenarios.DELAY_MS, turns))


def run_memory(options, tools, memory, folder):
    """Bytes an idle client costs each candidate; each turn has processes of its own, for what an
    earlier turn left behind would be used again."""
    scenario = memory.scenario
    sizes = {name: [] for name in scenario.candidates}
    for _ in range(min(options.rounds, 3)):
        with servers.Stage(options, tools, scenario, folder) as candidates:
            for server in candidates:
                sizes[server.name].append(measure.idle_clients(server, memory))
                say(f"{scenario.name} {server.name}: {sizes[server.name][-1]:.0f} bytes a client")
    return sizes, figures.memory_figure(memory, sizes[scenarios.TAILGATE])


def version(argv):
    done = subprocess.run(argv, capture_output=True, text=True)
    return (done.stdout + done.stderr).splitlines()[0]


def describe(options, tools):
    models = re.findall(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return (f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, Linux "
            f"{platform.release()}; {options.rounds} rounds of {options.seconds} s.\n"
            f"{version([tools['nginx'], '-v'])}; {version([tools['haproxy'], '-v'])}; "
            f"{version([tools['tailgate'], '--version'])}.")


def print_report(options, tools, results, sizes, found):
    print(describe(options, tools), end="\n\n")
    print(figures.summary_table(found))
    for scenario, result in results:
        print(f"\n### {result['title']}\n\n{figures.cost_table(scenario, result['turns'])}")
        if "at_rate" in result:
            print(f"\n{figures.latency_table(result['rate'], result['at_rate'])}")
    for title, its in sizes.items():
        print(f"\n### {title}\n\n{figures.memory_table(its)}")


def read_options():
    names = [*(scenario.name for scenario in SCENARIOS),
             *(memory.scenario.name for memory in MEMORY), link_scenarios.DELAY.name]
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tailgate", required=True, help="the program")
    parser.add_argument("--tools", required=True, type=pathlib.Path,
                        help="the folder with the bench's own programs, load and relay")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="SCENARIO",
                        help="of " + ", ".join(names))
    parser.add_argument("--toxiproxy", help="its server; without it links are measured alone")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each turn")
    parser.add_argument("--no-latency", action="store_true", help="leave the open loop out")
    parser.add_argument("--json", type=pathlib.Path, help="write all that was measured to this file")
    parser.add_argument("--proxy-core", type=int, default=1)
    parser.add_argument("--load-core", type=int, default=0)
    return parser.parse_args()


def find_tools(options):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    tools = {name: shutil.which(name, path=path) for name in PACKAGES}
    missing = [PACKAGES[name] for name, found in tools.items() if not found]
    if missing:
        sys.exit("bench: not installed: " + ", ".join(missing)
                 + " (Debian: apt-get install --no-install-recommends " + " ".join(missing) + ")")
    tools["toxiproxy"] = shutil.which(options.toxiproxy or "toxiproxy-server")
    if options.toxiproxy and not tools["toxiproxy"]:
        sys.exit(f"bench: there is no program {options.toxiproxy}")
    tools["tailgate"] = shutil.which(os.path.abspath(options.tailgate))
    tools["relay"] = shutil.which(options.tools.resolve() / "relay")
    tools["load"] = shutil.which(options.tools.resolve() / "load")
    for name in ("tailgate", "relay", "load"):
        if not tools[name]:
            sys.exit(f"bench: there is no program {name}; `make bench` builds and names it")
    return tools


def main():
    options = read_options()
    tools = find_tools(options)
    if not {options.proxy_core, options.load_core} <= os.sched_getaffinity(0):
        sys.exit("bench: two cores are needed, one for the proxy and one for load and backend")
    results, found, sizes, delays = [], [], {}, {}
    with tempfile.TemporaryDirectory(prefix="tailgate-bench-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        tls_scenarios.make_certificate(tools["openssl"], folder)
        for scenario in SCENARIOS:
            if scenario.name in options.only:
                result, its = run_scenario(options, tools, scenario, folder)
                results.append((scenario, result))
                found += its
        for memory in MEMORY:
            if memory.scenario.name in options.only:
                sizes[memory.title], figure = run_memory(options, tools, memory, folder)
                found.append(figure)
        if link_scenarios.DELAY.name in options.only:
            delays, its = run_delay(options, tools, link_scenarios.DELAY, folder)
            found += its
    print_report(options, tools, results, sizes, found)
    if options.json:
        options.json.write_text(json.dumps(
            {"machine": describe(options, tools), "figures": [one.as_json() for one in found],
             "scenarios": [result for _, result in results],
             "idle_client_bytes": sizes, "link_delays": delays}, indent=1))


if __name__ == "__main__":
    main()

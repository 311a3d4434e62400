#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the experiments of configs/article and prints one table: claimed, measured, holds?

    scripts/article.py [--tailgate FILE] [--output DIR] [--markdown FILE] [--only NAME...]

Needs nothing but Python and a tailgate; what is about Go is left out, with a word, where there is none.
It takes some twelve minutes, and a machine with nothing else to do. Exit status: 0 also when claims do
not hold; 1 when an experiment could not be run.
"""

import argparse
import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys

import article_go

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDER = ROOT / "configs/article"
COLUMNS = ("§", "claim", "claimed", "measured", "in all rounds", "holds?", "where")
LONGEST_S = 600


def row(claim, where):
    """A claim as `tailgate run` leaves it, or as benchmark.py makes it, as a row of the table."""
    withheld = claim["verdict"] == "withheld"
    return {
        "§": claim["section"], "claim": claim["text"], "claimed": claim["claimed"],
        "measured": f"withheld: {claim['reason']}" if withheld else claim["shown"],
        "in all rounds": "" if withheld else claim["range"] or claim["reason"],
        "holds?": "" if withheld else claim["verdict"], "where": where, "note": claim["note"],
    }


def run_experiment(tailgate, path, output):
    """The rows of one experiment; None, and why on stderr, when it could not be run."""
    name = json.loads("\n".join(line for line in path.read_text().splitlines()
                                if not line.lstrip().startswith("//")))["name"]
    print(f"{path.name} ...", file=sys.stderr, flush=True)
    done = subprocess.run([tailgate, "run", "--output", str(output), str(path)],
                          capture_output=True, text=True, timeout=LONGEST_S, check=False)
    if done.returncode not in (0, 1):
        print(f"{path.name}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    summary = json.loads((output / name / "latest" / "summary.json").read_text())
    for note in summary["notes"]:
        print(f"  {note}", file=sys.stderr)
    return [row(claim, path.name) for claim in summary["claims"]]


def prepare_service(output):
    """A folder with the experiments of the Go service and the service, built; None without."""
    why = article_go.missing()
    if why:
        print(why, file=sys.stderr)
        return None
    folder = output / "article-go"
    shutil.copytree(FOLDER / "service", folder / "service", dirs_exist_ok=True)
    for path in FOLDER.glob("go-*.json"):
        shutil.copy(path, folder)
    return folder if article_go.build(folder / "service") else None


def experiments(options, go_folder):
    """Those that can be run, and were asked for; the Go service's beside its program."""
    paths = [path for path in sorted(FOLDER.glob("*.json")) if not path.name.startswith("go-")]
    paths += sorted(go_folder.glob("go-*.json")) if go_folder else []
    return [path for path in paths if not options.only or path.stem in options.only]


def untested():
    with open(FOLDER / "untested.tsv", encoding="utf-8") as lines:
        return [{"§": line["section"], "claim": line["claim"], "claimed": line["claimed"],
                 "measured": f"not testable here: {line['why']}", "in all rounds": "",
                 "holds?": "", "where": "", "note": ""}
                for line in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)]


def in_order(rows):
    """By section, "2.5" before "3.1"; those of one section as they came."""
    return sorted(rows, key=lambda one: [int(part) for part in one["§"].split(".")])


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def table(rows):
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    for one in in_order(rows):
        texts = dict(one, claim=one["claim"] + (f" ({one['note']})" if one["note"] else ""))
        lines.append("| " + " | ".join(cell(texts[column]) for column in COLUMNS) + " |")
    return "\n".join(lines) + "\n"


def arguments():
    parser = argparse.ArgumentParser(description="The article's claims beside what is measured.")
    parser.add_argument("--tailgate", default=os.environ.get("TAILGATE", str(ROOT / "build/tailgate")))
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("runs"),
                        help="the folder of all runs")
    parser.add_argument("--markdown", type=pathlib.Path, help="a file for the table, too")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these experiments alone")
    return parser.parse_args()


def main():
    options = arguments()
    options.output.mkdir(parents=True, exist_ok=True)
    go_folder = prepare_service(options.output)
    rows, failed = [], False
    for path in experiments(options, go_folder):
        found = run_experiment(options.tailgate, path, options.output)
        failed = failed or found is None
        rows += found or []
    if go_folder and not options.only:
        rows += [row(claim, "service/") for claim in article_go.measure(go_folder / "service")]
    if not options.only:
        rows += untested()
    text = table(rows)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    print(text, end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

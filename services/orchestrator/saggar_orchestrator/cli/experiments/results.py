"""What an experiment found, on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saggar_orchestrator.cli.terminal.output import open_home_store, print_table
from saggar_orchestrator.local.home import Home


def results_of(home: Home, identity: str) -> dict[str, Any]:
    from saggar_orchestrator.experiment.results_file import read_results

    return read_results(open_home_store(home), identity)


def show_results(home: Home, results: dict[str, Any]) -> None:
    """The comparison table, the plain sentences, and where the report is."""
    from saggar_orchestrator.findings.wording import arm_sentences, headline, rules_in_words, table

    columns, rows = table(results)
    print(headline(results))
    print_table(columns, rows)
    for sentence in arm_sentences(results):
        print(sentence)
    if rules := rules_in_words(results):
        print(rules)
    print(f"report: {place_report(home, results['experiment']['id'])}")


def place_report(home: Home, identity: str) -> Path:
    """The report as a file that a browser can open."""
    path = home.reports / f"{identity}.html"
    store = open_home_store(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    store.fetch(f"experiments/{identity}/report.html", path)
    return path

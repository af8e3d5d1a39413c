"""What an experiment found, on the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from saggar_orchestrator.cli.terminal.output import open_home_store, print_table, say
from saggar_orchestrator.local.home import Home


def read_results(home: Home, identity: str) -> dict[str, Any]:
    store = open_home_store(home)
    found: dict[str, Any] = json.loads(store.get(f"experiments/{identity}/results.json"))
    return found


def show_results(home: Home, results: dict[str, Any]) -> None:
    """The comparison table, the plain sentences, and where the report is."""
    from saggar_orchestrator.findings.wording import arm_sentences, headline, is_complete, rules_in_words, table

    if is_complete(results):
        columns, rows = table(results)
        print(headline(results))
        print_table(columns, rows)
        for sentence in arm_sentences(results):
            print(sentence)
        if rules := rules_in_words(results):
            print(rules)
    else:
        say("its results are of an earlier version, so only its report shows them; run its file again for new ones")
    print(f"report: {place_report(home, results['experiment']['id'])}")


def place_report(home: Home, identity: str) -> Path:
    """The report as a file that a browser can open."""
    path = home.reports / f"{identity}.html"
    store = open_home_store(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    store.fetch(f"experiments/{identity}/report.html", path)
    return path

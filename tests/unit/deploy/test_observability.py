"""Dashboards and alarms ask for metrics that the classifier has."""

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
COMPOSE = yaml.safe_load((ROOT / "compose.observability.yaml").read_text(encoding="utf-8"))
PROMETHEUS = ROOT / "deploy" / "prometheus"


def metrics() -> set[str]:
    """By the code that makes them; Prometheus adds endings by their kind."""
    text = (ROOT / "services/classifier/saggar_classifier/operations/metrics.py").read_text(encoding="utf-8")
    names = set(re.findall(r'"(saggar_[a-z_]+)"', text))
    assert names
    endings = ("", "_total", "_info", "_bucket", "_sum", "_count")
    return {"up"} | {f"{name}{ending}" for name in names for ending in endings}


def asked(expression: str) -> set[str]:
    return set(re.findall(r"\b(saggar_[a-z_]+|up)\b", expression))


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_show_metrics_that_there_are(path):
    board = json.loads(path.read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert expressions
    for expression in expressions:
        assert asked(expression) <= metrics(), expression
        assert asked(expression)
    cells = [(x, y) for panel in board["panels"] for x, y in covered(panel["gridPos"])]
    assert len(cells) == len(set(cells)), "panels overlap"


def covered(place: dict[str, int]) -> list[tuple[int, int]]:
    return [(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])]


def test_alarms_watch_metrics_that_there_are_and_say_what_to_do():
    rules = yaml.safe_load((PROMETHEUS / "alarms.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    for rule in rules:
        assert asked(rule["expr"]) <= metrics()
        assert rule["annotations"]["summary"]


def test_prometheus_asks_where_the_classifier_answers():
    port = int(COMPOSE["services"]["classifier"]["environment"]["SAGGAR_METRICS_LISTEN"].rpartition(":")[2])
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert jobs["classifier"]["dns_sd_configs"] == [{"names": ["classifier"], "type": "A", "port": port}]
    assert config["rule_files"] == ["alarms.yml"]


def test_traces_go_to_the_collector_and_their_library_is_in_the_image():
    where = COMPOSE["services"]["classifier"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"]
    config = yaml.safe_load((ROOT / "deploy" / "collector" / "collector.yaml").read_text(encoding="utf-8"))
    listening = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert where.rpartition(":")[2] == listening.rpartition(":")[2]
    assert '"services/classifier[traces]" > classifier.txt' in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_nobody_reaches_it_from_other_machines():
    for name in ("prometheus", "grafana", "collector"):
        assert all(port.startswith("127.0.0.1:") for port in COMPOSE["services"][name].get("ports", []))

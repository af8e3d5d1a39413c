"""What is said beside the most probable classes, over a real server: sets, abstentions, combination, not porcelain."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from saggar.bundle import Certainty, write_bundle
from saggar.certainty.calibration import Calibration, ReliabilityBin
from saggar.certainty.novelty import NoveltyRule, Whitened, novelty_model
from saggar.certainty.sets import SetRule, prediction_set
from saggar.client import Classifier as Client
from saggar.client import Question
from saggar.errors import InvalidInputError, NotFoundError
from saggar.store import DirectoryStore, ObjectRef
from saggar.taxonomy import Taxonomy
from saggar.v1 import classifier_pb2
from test_classifier import BLUE, RED, SPEC, TAXONOMY, Classifier, bundle, classify, network

TEMPERATURE = 1.5
RED_FEATURES = np.array([250, 10, 10]) / 127.5 - 1  # the network's features are mean colours
PREVALENCE = {
    task.name: tuple((np.linspace(1, 2, len(task.codes)) / 1.5 / len(task.codes)).tolist()) for task in TAXONOMY.tasks
}


def rules(task: str) -> tuple[SetRule, ...]:
    def rule(kind: Any, coverage: float, threshold: float | None) -> SetRule:
        prevalence = PREVALENCE[task] if kind == "prevalence" else ()
        return SetRule(
            kind=kind,
            coverage=coverage,
            threshold=threshold,
            objects=120,
            coverage_sd=0.027,
            mean_size=1.5,
            prevalence=prevalence,
            prior=prevalence[::-1],
        )

    return (rule("marginal", 0.8, -0.3), rule("marginal", 0.9, -0.1), rule("prevalence", 0.9, -0.5))


def certainty() -> Certainty:
    calibration = Calibration(
        temperature=TEMPERATURE,
        photographs=130,
        objects=120,
        expected_error=0.031,
        expected_error_before=0.2,
        brier=0.3,
        brier_before=0.4,
        reliability=(ReliabilityBin(confidence=0.8, accuracy=0.79, share=1),),
    )
    centre = (RED_FEATURES / np.linalg.norm(RED_FEATURES)).astype(np.float32)
    return Certainty(
        {task.name: calibration for task in TAXONOMY.tasks},
        {task.name: rules(task.name) for task in TAXONOMY.tasks},
        NoveltyRule(threshold=0.5, false_alarms=0.05, objects=120),
        novelty_model(Whitened(np.eye(3), centre[None]), {}),
    )


def certain_bundle(store: DirectoryStore, **changes: Any) -> ObjectRef:
    about: dict[str, Any] = {
        "taxonomy": TAXONOMY,
        "input_spec": SPEC,
        "architecture": "redness",
        "initial_weights": "none",
        "certainty": certainty(),
        "metrics": {"validation_macro_f1": 0.75, "validation_macro_f1_by_task": {"glaze": 0.8}},
        "training": {"seed": 3, "manifest": "ab" * 32},
    }
    return write_bundle(store, network(0), b"weights", **about | changes)[1]


@pytest.fixture
def classifier(tmp_path: Path) -> Iterator[Classifier]:
    made = Classifier(tmp_path / "store")
    made.start(threads=2)
    yield made
    made.stop()


@pytest.fixture
def stub(classifier: Classifier) -> Any:
    stub = classifier.stub(0)
    classifier.activate(stub, certain_bundle(classifier.store))
    return stub


def prediction(response: Any, task: str) -> Any:
    return next(each for each in response.predictions if each.task == task)


def test_probabilities_are_calibrated_and_classes_have_their_chinese_names(stub: Any) -> None:
    task = TAXONOMY.task("glaze")
    found = prediction(classify(stub, top_k=10**6), "glaze")
    assert found.calibrated
    redness = RED_FEATURES[0]
    logits = np.zeros(len(task.codes))
    logits[:2] = 4 * redness, -4 * redness
    powers = np.exp(logits / TEMPERATURE)
    expected = np.sort(120 * powers / powers.sum() + 1 / len(logits))[::-1] / 121  # 120 objects, and one unknown
    np.testing.assert_allclose([each.probability for each in found.classes], expected, rtol=1e-3)
    first = task[found.classes[0].code].names
    assert (found.classes[0].name, found.classes[0].name_zh_hans) == (first.en, first.zh_hans or "")
    assert found.classes[0].name_zh_hans


def test_sets_are_those_of_the_rules_at_the_coverage_that_is_asked_for(stub: Any) -> None:
    whole = classify(stub, top_k=100, coverage=0.9)
    for found in whole.predictions:
        codes = TAXONOMY.task(found.task).codes
        probabilities = np.zeros(len(codes))
        for each in found.classes:
            probabilities[codes.index(each.code)] = each.probability
        expected = [
            ("marginal", [codes[i] for i in prediction_set(probabilities, rules(found.task)[1])]),
            ("prevalence", [codes[i] for i in prediction_set(probabilities, rules(found.task)[2])]),
        ]
        assert [(each.kind, list(each.codes)) for each in found.prediction_sets] == expected
        assert {(each.coverage, each.objects, each.coverage_sd) for each in found.prediction_sets} == {
            (0.9, 120, 0.027)
        }
    assert classify(stub).predictions == classify(stub, coverage=0.9).predictions
    at_80 = prediction(classify(stub, coverage=0.8), "glaze").prediction_sets
    assert [(each.kind, each.coverage) for each in at_80] == [("marginal", 0.8), ("prevalence", 0.9)]
    with pytest.raises(InvalidInputError, match=r"coverage: is 0\.99; model .* has rules for 0\.8, 0\.9"):
        classify(stub, coverage=0.99)


def test_it_abstains_where_no_class_is_probable_and_says_why(stub: Any) -> None:
    sure = classify(stub)
    assert not any(each.HasField("abstention") for each in sure.predictions)
    found = prediction(classify(stub, least_probability=0.99), "glaze")
    assert found.abstention.reason == classifier_pb2.ABSTENTION_REASON_IMPROBABLE
    assert found.abstention.threshold == 0.99
    assert found.abstention.value == found.classes[0].probability
    assert found.abstention.explanation.endswith(f"with {found.classes[0].probability:.0%}: less than 99%")


def test_what_is_unlike_the_training_photographs_is_said_to_be(stub: Any) -> None:
    near, far = classify(stub, RED), classify(stub, BLUE)
    assert not near.not_porcelain.not_porcelain
    assert near.not_porcelain.score == pytest.approx(0, abs=1e-3)
    assert far.not_porcelain.not_porcelain
    unit = np.array([10, 10, 250]) / 127.5 - 1
    unit /= np.linalg.norm(unit)
    centre = RED_FEATURES / np.linalg.norm(RED_FEATURES)
    assert far.not_porcelain.score == pytest.approx(float(((unit - centre) ** 2).sum()), rel=1e-3)
    assert (far.not_porcelain.threshold, far.not_porcelain.false_alarms, far.not_porcelain.objects) == (0.5, 0.05, 120)
    assert {each.abstention.reason for each in far.predictions} == {classifier_pb2.ABSTENTION_REASON_UNLIKE_TRAINING}


COMBINED = Taxonomy.model_validate(
    TAXONOMY.model_dump(by_alias=True)
    | {
        "sources": {"book": "A book"},
        "combinations": [
            {"labels": {"kiln": [kiln], "glaze": glazes}, "source": ["book"]}
            for kiln, glazes in (("Ding", ["White"]), ("Jun", ["MoonW", "BlueW"]), ("Long", ["Brown", "Black"]))
        ],
    }
)


def test_the_combination_is_the_best_that_the_taxonomy_allows(classifier: Classifier, stub: Any) -> None:
    assert not classify(stub).HasField("combination")  # kilnsim's taxonomy does not say what goes together
    classifier.activate(stub, certain_bundle(classifier.store, taxonomy=COMBINED))
    whole = classify(stub, top_k=100)
    chance = {each.task: {c.code: c.probability for c in each.classes} for each in whole.predictions}
    kiln, glaze = max(
        (
            (kiln, glaze)
            for kiln in chance["kiln"]
            for glaze in chance["glaze"]
            if COMBINED.plausible({"kiln": kiln, "glaze": glaze})
        ),
        key=lambda pair: chance["kiln"][pair[0]] * chance["glaze"][pair[1]],
    )
    found = whole.combination
    assert not found.best_classes_agree  # of both tasks the first class is the best: Ding and celadon
    assert (found.labels["kiln"], found.labels["glaze"]) == (kiln, glaze)
    assert found.labels["type"] == prediction(whole, "type").classes[0].code
    assert found.probability == pytest.approx(
        math.prod(chance[task][code] for task, code in found.labels.items()), rel=1e-5
    )


def test_a_bundle_without_certainty_says_what_it_cannot_say(classifier: Classifier) -> None:
    stub = classifier.stub(0)
    classifier.activate(stub, bundle(classifier.store))
    found = classify(stub, coverage=0.77)
    assert not any(each.calibrated or each.prediction_sets for each in found.predictions)
    assert not found.HasField("not_porcelain")
    assert [note.split(":")[0] for note in found.notes] == [
        "the probabilities are not calibrated",
        "the model has no prediction sets",
        "the model cannot tell photographs that are not of porcelain",
    ]


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"coverage": 0.0}, "coverage: is 0; must be between 0 and 1"),
        ({"coverage": float("nan")}, "coverage: is nan"),
        ({"least_probability": 1.5}, r"least_probability: is 1\.5; must be 0 to 1"),
        ({"least_probability": float("nan")}, "least_probability: is nan"),
        ({"neighbours": -1}, "neighbours: is -1; must be 0 to 50"),
        ({"neighbours": 51}, "neighbours: is 51"),
        ({"top_k": 0}, "top_k: is 0; must be 1 or more"),
    ],
)
def test_numbers_out_of_range_are_refused(stub: Any, fields: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidInputError, match=match):
        classify(stub, **fields)


def test_batches_and_streams_say_the_same(stub: Any) -> None:
    asked = classifier_pb2.ClassifyRequest(image=RED, coverage=0.8, least_probability=0.9)
    alone = stub.Classify(asked)
    batch = stub.ClassifyBatch(classifier_pb2.ClassifyBatchRequest(requests=[asked]))
    stream = list(stub.ClassifyStream(iter([classifier_pb2.ClassifyStreamRequest(id="1", request=asked)])))
    for other in (batch.results[0].response, stream[0].result.response):
        assert other.predictions == alone.predictions
        assert other.combination == alone.combination
        assert other.not_porcelain == alone.not_porcelain


def test_stages_are_timed_and_pixels_have_a_name(classifier: Classifier, stub: Any) -> None:
    found = classify(stub)
    assert found.timing.network_ms > 0
    assert found.timing.decode_ms > 0
    assert found.timing.answer_ms > 0
    assert found.timing.queue_ms < 1e3
    assert len(found.preprocessing_sha256) == 64
    other = certain_bundle(classifier.store, input_spec=type(SPEC)(32, (0.4, 0.5, 0.5), SPEC.std))
    classifier.activate(stub, other)
    assert classify(stub).preprocessing_sha256 != found.preprocessing_sha256


def test_a_model_is_described_whole(classifier: Classifier, stub: Any) -> None:
    with Client(classifier.address(0)) as client:
        found = client.describe()
        assert found.state == "served"
        assert found.metrics["validation_macro_f1_by_task"] == {"glaze": 0.8}
        assert found.training == {"seed": 3, "manifest": "ab" * 32}
        assert found.coverages == (0.8, 0.9)
        assert all(found.calibrated.values())
        assert found.provider == "CPUExecutionProvider"
        assert found.precision == "float32"
        assert found.size_bytes > len(network(0))
        assert found.notes == ()
    message = stub.DescribeModel(classifier_pb2.DescribeModelRequest())
    glaze = next(task for task in message.tasks if task.task == "glaze")
    assert (glaze.temperature, glaze.calibration_objects) == (TEMPERATURE, 120)
    first = glaze.prediction_sets[0]
    assert (first.kind, first.coverage, first.mean_size) == ("marginal", 0.8, 1.5)
    assert [c.name for c in glaze.classes] == [c.names.en for c in TAXONOMY.task("glaze").classes]
    assert message.not_porcelain.threshold == 0.5


def test_models_of_the_store_are_listed_the_served_one_first(classifier: Classifier, stub: Any) -> None:
    served = classify(stub).model_id
    stored = bundle(classifier.store, answer=1)
    classifier.store.put("bundles/0000000000000000/bundle.json", b"{}", "application/json")
    classifier.store.put("bundles/notes.json", b"{}", "application/json")
    with Client(classifier.address(0)) as client:
        models = client.models()
        assert [each.state for each in models] == ["served", "stored", "stored"]
        assert models[0].model_id == served
        assert models[0].validation_macro_f1 == 0.75
        by_id = {each.model_id: each for each in models}
        assert by_id[stored.key.split("/")[1]].tasks == TAXONOMY.task_names
        assert "not the card of a bundle" in by_id["0000000000000000"].problem
        described = client.describe(stored.key.split("/")[1])
        assert (described.state, described.provider) == ("stored", "")
        with pytest.raises(NotFoundError, match=r"no model '\.\./\.\./etc'"):
            client.describe("../../etc")
        classifier.activate(stub, stored)
        assert [each.state for each in client.models()][:2] == ["served", "loaded"]


def test_the_client_says_all_of_it(classifier: Classifier, stub: Any) -> None:
    assert stub
    with Client(classifier.address(0)) as client:
        sure, doubtful = client.classify(RED), client.classify(RED, Question(top_k=2, least_probability=0.99))
        (streamed,) = client.classify_many([RED])
    assert sure == streamed
    assert sure.answer("glaze") == sure.best("glaze")
    assert sure.best("glaze").name_zh_hans == TAXONOMY.task("glaze").classes[0].names.zh_hans
    marginal = sure.prediction_set("glaze")
    assert marginal is not None
    assert marginal.codes[0] == sure.best("glaze").code
    assert doubtful.answer("glaze") is None
    assert len(doubtful.candidates["glaze"]) == 2
    abstention = doubtful.task("glaze").abstention
    assert abstention is not None
    assert (abstention.reason, abstention.threshold) == ("improbable", 0.99)
    assert sure.combination is None
    assert sure.not_porcelain is not None
    assert not sure.not_porcelain.not_porcelain
    assert sure.to_json()["tasks"]["glaze"]["candidates"][0]["code"] == sure.best("glaze").code

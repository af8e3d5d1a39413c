"""What `saggar classify` prints of an answer: for a curator, and for a program."""

from __future__ import annotations

import json

from saggar.client.answers import classification_from_message
from saggar.v1 import classifier_pb2
from saggar_orchestrator.cli.classification_lines import entry_of, footer_of, lines_of


def prediction(task: str, *classes: tuple[str, str, float], codes: tuple[str, ...] = (), abstains: bool = False):
    sets = [
        classifier_pb2.PredictionSet(kind=kind, coverage=0.9, objects=240, coverage_sd=0.02, codes=codes)
        for kind in ("marginal", "prevalence")
    ]
    found = classifier_pb2.TaskPrediction(
        task=task,
        classes=[
            classifier_pb2.ClassProbability(code=code, name=name, probability=value, name_zh_hans="瓷")
            for code, name, value in classes
        ],
        calibrated=True,
        prediction_sets=sets if codes else [],
    )
    if abstains:
        found.abstention.reason = classifier_pb2.ABSTENTION_REASON_IMPROBABLE
        found.abstention.value, found.abstention.threshold = classes[0][2], 0.5
    return found


RESPONSE = classifier_pb2.ClassifyResponse(
    model_id="0123456789abcdef",
    predictions=[
        prediction("dynasty", ("Song", "Song", 0.94), ("Yuan", "Yuan", 0.06), codes=("Song",)),
        prediction(
            "kiln", ("Long", "Longquan", 0.45), ("YaoZ", "Yaozhou", 0.44), codes=("Long", "YaoZ"), abstains=True
        ),
    ],
    combination=classifier_pb2.JointCombination(labels={"dynasty": "Yuan", "kiln": "Long"}, probability=0.21),
    not_porcelain=classifier_pb2.NotPorcelain(score=12, threshold=56, false_alarms=0.05, objects=241),
    neighbours=[
        classifier_pb2.Neighbour(
            image="images/ab/ab.jpg", object_id="1950.7", labels={"kiln": "Long"}, distance=0.081, source="Chicago"
        )
    ],
)


def test_a_curator_sees_answers_doubts_sets_and_pieces_that_are_alike() -> None:
    entry = entry_of("bowl.jpg", classification_from_message(RESPONSE))
    assert list(lines_of(entry, truth={"dynasty": "Song", "kiln": None})) == [
        "bowl.jpg",
        "  dynasty    Song 94%, Yuan 6%   [catalogue: Song]",
        "  kiln       ? Longquan 45%, Yaozhou 44%   one of Long, YaoZ   [catalogue: unknown]",
        "  together   Yuan, Long 21%: the single answers do not go together",
        "  like       1950.7 (Chicago): Long; distance 0.08",
    ]
    assert list(footer_of(entry)) == [
        "model 0123456789abcdef; probabilities are calibrated",
        "  one of: holds the true class of 90% of objects, by 240 objects set aside",
        "  ?: no answer, for the best class is too improbable, or the photograph unlike those learnt from",
    ]


def test_what_is_no_porcelain_is_said_first() -> None:
    message = classifier_pb2.ClassifyResponse()
    message.CopyFrom(RESPONSE)
    message.not_porcelain.score, message.not_porcelain.not_porcelain = 70.12, True
    entry = entry_of("cat.jpg", classification_from_message(message))
    assert list(lines_of(entry))[1] == (
        "  take no answer: unlike the photographs that the model learnt from (score 70.1, above 56; so is 5% of "
        "porcelain)"
    )


def test_a_model_without_certainty_says_so() -> None:
    message = classifier_pb2.ClassifyResponse(
        model_id="0123456789abcdef",
        predictions=[classifier_pb2.TaskPrediction(task="kiln")],
        notes=["the probabilities are not calibrated: read them as an order, not as chances"],
    )
    lines = list(footer_of(entry_of("bowl.jpg", classification_from_message(message))))
    assert lines[:2] == [
        "model 0123456789abcdef",
        "  the probabilities are not calibrated: read them as an order, not as chances",
    ]


def test_a_program_reads_all_of_it() -> None:
    entry = json.loads(json.dumps(entry_of("bowl.jpg", classification_from_message(RESPONSE))))
    first = entry["predictions"]["kiln"][0]
    assert first == {
        "code": "Long",
        "name": "Longquan",
        "name_zh_hans": "瓷",
        "name_zh_hant": "",
        "probability": 0.45,
    }
    assert entry["abstentions"]["kiln"]["threshold"] == 0.5
    assert entry["sets"]["kiln"][0]["codes"] == ["Long", "YaoZ"]
    assert entry["combination"]["labels"] == {"dynasty": "Yuan", "kiln": "Long"}
    assert entry["not_porcelain"]["objects"] == 241
    assert entry["neighbours"][0]["object_id"] == "1950.7"

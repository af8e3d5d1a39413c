"""Clients of the classifier for catalogue systems: light, without torch, pandas or ONNX Runtime.

    from saggar.client import Classifier, Question

    with Classifier("127.0.0.1:50054") as classifier:
        found = classifier.classify("bowl.jpg", Question(top_k=3, coverage=0.95, neighbours=5))
        print(found.answer("glaze") or found.task("glaze").abstention.explanation)

Errors are `saggar.errors`: InvalidInputError for what is no photograph, UnavailableError where the service is out of
reach, WrongStateError where it has no model, or refuses the key.
"""

from saggar.client.answers import (
    Abstention,
    Candidate,
    Classification,
    JointCombination,
    Neighbour,
    NotPorcelain,
    PredictionSet,
    Question,
    TaskAnswer,
    Timing,
)
from saggar.client.asynchronous import AsyncClassifier
from saggar.client.classifier import Classifier
from saggar.client.models import Description, Model

__all__ = [
    "Abstention",
    "AsyncClassifier",
    "Candidate",
    "Classification",
    "Classifier",
    "Description",
    "JointCombination",
    "Model",
    "Neighbour",
    "NotPorcelain",
    "PredictionSet",
    "Question",
    "TaskAnswer",
    "Timing",
]

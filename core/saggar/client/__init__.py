"""Clients of the classifier for catalogue systems: light, without torch, pandas or ONNX Runtime.

    from saggar.client import Classifier

    with Classifier("127.0.0.1:50054") as classifier:
        found = classifier.classify("bowl.jpg")
        print(found.best("glaze"), found.model_id)

Errors are `saggar.errors`: InvalidInputError for what is no photograph, UnavailableError where the service is out of
reach, WrongStateError where it has no model, or refuses the key.
"""

from saggar.client.answers import Candidate, Classification, Description
from saggar.client.asynchronous import AsyncClassifier
from saggar.client.classifier import Classifier

__all__ = ["AsyncClassifier", "Candidate", "Classification", "Classifier", "Description"]

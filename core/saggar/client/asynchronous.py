"""The same client for asyncio: its calls are made by threads, so that the event loop never waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Self

from saggar.client.answers import Classification, Question
from saggar.client.classifier import Classifier
from saggar.client.line import Image
from saggar.client.models import Description, Model
from saggar.errors import SaggarError
from saggar.progress import Report

_ASKED = Question()
_THREADS = 16  # calls at the same time; others wait


class AsyncClassifier:
    """As `Classifier`, with the same arguments; every call is awaited."""

    def __init__(self, target: str, **options: Any) -> None:
        self._classifier = Classifier(target, **options)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="saggar-client")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        self._classifier.close()
        self._threads.shutdown(wait=False)

    async def describe(self, model_id: str = "") -> Description:
        found: Description = await self._run(self._classifier.describe, model_id)
        return found

    async def models(self) -> list[Model]:
        found: list[Model] = await self._run(self._classifier.models)
        return found

    async def classify(self, image: Image, question: Question = _ASKED) -> Classification:
        found: Classification = await self._run(self._classifier.classify, image, question)
        return found

    async def classify_many(
        self, images: Iterable[Image], question: Question = _ASKED, report: Report | None = None
    ) -> AsyncIterator[Classification | SaggarError]:
        """`report` is called by another thread."""
        answers = self._classifier.classify_many(images, question, report)
        nothing: Any = object()
        while (answer := await self._run(next, answers, nothing)) is not nothing:
            yield answer

    async def _run(self, call: Any, *arguments: Any) -> Any:
        self._classifier.check_open()
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(call, *arguments))

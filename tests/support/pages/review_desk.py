"""A small review: its plan, a desk to judge it at, and verdicts."""

from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.files.yamlfile import parse_yaml
from saggar.store import ObjectRef
from saggar.taxonomy import Taxonomy
from saggar_qc.review.choosing.plan import HeldReview, Question, plan_review
from saggar_qc.review.verdicts import Verdict

TASKS = ("glaze", "type")
TAXONOMY = parse_yaml(
    """
id: small
title: Two tasks
caption: ["{glaze} {type}"]
prompt: ["{glaze} {type}"]
tasks:
  - name: glaze
    classes:
      - {code: White, names: {en: white}, phrase: white}
      - {code: Celadon, names: {en: celadon}, phrase: celadon}
      - {code: Black, names: {en: black}, phrase: black}
  - name: type
    classes:
      - {code: Bowl, names: {en: bowl, zh-Hans: 碗}, phrase: bowl}
      - {code: Vase, names: {en: vase}, phrase: vase}
""",
    Taxonomy,
    "small.yaml",
)
STORED = ObjectRef("datasets/x/manifest.parquet", "0" * 64, 10, "application/vnd.apache.parquet")
GOOD = Verdict(attributes={"glaze": "right", "type": "right"}, seconds=2.0)
BAD = Verdict(attributes={"glaze": "right", "type": "right"}, reason="malformed")
WRONG_GLAZE = Verdict(attributes={"glaze": "wrong", "type": "right"})


def manifest(count, origin="synthetic"):
    return Manifest.from_records(
        (
            Record(
                image=f"images/aa/{origin}{i}.png",
                object_id=f"{origin}{i}",
                labels={"glaze": ("White", "Celadon")[i % 2], "type": "Bowl"},
                split="train",
                origin=origin,
                source=f"{origin}-{i}",
            )
            for i in range(count)
        ),
        TASKS,
    )


def review(count=6, **changes):
    chosen = HeldReview(**{"double_share": 0.0, "controls": 0} | changes)
    return plan_review(Question("test", manifest(count), STORED, manifest(8, "real"), TAXONOMY), chosen)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def judge_all(desk, reviewer, verdict):
    judged = 0
    while (item := desk.take(reviewer)) is not None:
        desk._clock.now += verdict.seconds
        desk.judge(reviewer, item.item_id, verdict)
        judged += 1
    return judged

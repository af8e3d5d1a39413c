"""Networks in 8 bits, and the gate that they pass or not."""

import numpy as np
import onnx
import pytest
import torch
from saggar.bundle import Golden, TaskScore
from saggar.job_settings.training import TrainingSettings
from saggar_trainer.export import reducing
from saggar_trainer.export.describing import cost_of, validation_scores
from saggar_trainer.export.onnx_export import to_onnx
from saggar_trainer.export.reducing import Photographs, Standard, compared, quantised, reduced, spread, squeezing
from saggar_trainer.export.resampling import drop_between
from saggar_trainer.export.sessions import logits_of, opened
from saggar_trainer.model.backbone import build_backbone
from saggar_trainer.model.network import MultiTaskClassifier
from sklearn.metrics import f1_score

SIZE = 64


def pictures(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 3, 8, 8)).repeat(8, axis=2).repeat(8, axis=3).astype(np.float32)


def photographs(images: np.ndarray) -> Photographs:
    return Photographs(len(images), lambda row: images[row])


@pytest.fixture(scope="module")
def whole() -> bytes:
    """MobileNetV3-Large as a trained one is: what it sees differs."""
    torch.manual_seed(0)
    settings = TrainingSettings(initial_weights="random")
    model = MultiTaskClassifier(build_backbone(settings).layers, {"type": 3}, projection=False)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model.train()(torch.from_numpy(pictures(16, 1)))
    return to_onnx(model.eval(), SIZE)


@pytest.fixture(scope="module")
def in_8_bits(whole: bytes) -> bytes:
    return quantised(whole, photographs(pictures(17, 2)), per_channel=True)


def standard(whole: bytes, count: int = 24) -> tuple[Standard, Golden]:
    images = pictures(count, 3)
    logits = logits_of(opened(whole), ["type"], images)
    golden = Golden(images[0], {"type": logits["type"][0]})
    ids = [f"object-{row}" for row in range(count)]
    return Standard(photographs(images), logits, {"type": logits["type"].argmax(1)}, ids), golden


def test_it_is_smaller_and_what_suffers_stays_in_32_bits(whole: bytes, in_8_bits: bytes) -> None:
    assert len(in_8_bits) < 0.7 * len(whole)  # half of its weights are in squeeze-and-excitation
    model = onnx.load_from_string(in_8_bits)
    made = {name for node in model.graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    in_float = [node for node in convolutions if node.input[0] not in made]
    assert len(in_float) == 16  # two of each of V3-Large's eight squeeze-and-excitations
    assert len(convolutions) - len(in_float) == 46
    rounded = {name for node in model.graph.node if node.op_type == "QuantizeLinear" for name in node.input}
    for node in model.graph.node:
        if node.op_type == "Gemm":
            assert not made & set(node.input)
        if node.op_type in {"HardSigmoid", "HardSwish", "ReduceMean", "GlobalAveragePool"}:
            assert not rounded & set(node.output) or node.op_type == "HardSwish"
    assert "maps" not in {output.name for output in model.graph.output}
    types = {onnx.TensorProto.DataType.Name(t.data_type) for t in model.graph.initializer}
    assert {"UINT8", "INT8"} <= types


def test_the_note_says_what_it_costs(whole: bytes, in_8_bits: bytes) -> None:
    given, golden = standard(whole)
    note = compared(in_8_bits, given, golden, 16, per_channel=True)
    found = logits_of(opened(in_8_bits), ["type"], pictures(24, 3))["type"]
    guesses, truth = found.argmax(1), given.truth["type"]
    expected = f1_score(truth, guesses, labels=np.unique(truth), average="macro")
    assert note.macro_f1["type"] == pytest.approx((1.0, expected))
    assert note.mean_drop == pytest.approx(1 - expected)
    assert note.same_answers == pytest.approx((guesses == truth).mean())
    assert note.golden_difference == pytest.approx(np.abs(found[0] - golden.logits["type"]).max(), abs=1e-4)
    low, high = note.mean_drop_interval
    assert low <= note.mean_drop <= high
    assert note.validation_objects == 24
    assert note.kept == (high <= 0.02)


def test_what_loses_too_much_is_not_kept(whole: bytes, in_8_bits: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def made(_whole: bytes, _calibration: Photographs, *, per_channel: bool) -> bytes:
        tried.append(per_channel)
        return in_8_bits

    monkeypatch.setattr(reducing, "quantised", made)
    given, golden = standard(whole)
    other = Standard(
        given.photographs,
        {"type": -given.logits["type"]},
        {"type": (-given.logits["type"]).argmax(1)},
        given.object_ids,
    )
    note, network = reduced(whole, given.photographs, other, golden)
    assert (network, note.kept, tried) == (None, False, [True, False])
    assert note.mean_drop > 0.5


def test_few_objects_cannot_show_that_nothing_is_lost() -> None:
    """No answer differs: of 24 objects that says little, of 400 enough."""
    for count, high in ((24, 3 / 24), (400, 3 / 400)):
        logits = {"type": np.eye(3, dtype=np.float32)[np.arange(count) % 3]}
        truth = {"type": np.arange(count) % 3}
        found = drop_between(logits, logits, truth, [str(row) for row in range(count)])
        assert found == (0, high, count)


def test_one_answer_that_becomes_right_shows_no_more_than_none_that_changes() -> None:
    """Of 20 objects, 16 answered rightly: the bootstrap's interval of the fall ends at 0."""
    truth = np.arange(20) % 5
    said = np.where(np.arange(20) < 4, (truth + 1) % 5, truth)
    before, ids = np.eye(5, dtype=np.float32)[said], [str(row) for row in range(20)]
    for answer in (truth[0], (truth[0] + 2) % 5):  # right, or wrong in another way
        said[0] = answer
        after = np.eye(5, dtype=np.float32)[said]
        low, high, _ = drop_between({"type": before}, {"type": after}, {"type": truth}, ids)
        assert low <= 0
        assert high >= 3 / 20


def test_the_interval_of_the_drop_is_of_objects_and_of_both_networks_together() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 600)
    before = (np.eye(3)[truth] + rng.normal(size=(600, 3)) * 0.6).astype(np.float32)
    after = np.where(rng.random((600, 1)) < 0.05, -before, before)
    labels = {"type": np.where(np.arange(600) < 20, -1, truth), "glaze": np.full(600, -1)}
    alone = [str(row) for row in range(600)]
    both, others = {"type": before, "glaze": before}, {"type": after, "glaze": after}
    low, high, objects = drop_between(both, others, labels, alone)
    fall = f1_score(truth[20:], before[20:].argmax(1), average="macro") - f1_score(
        truth[20:], after[20:].argmax(1), average="macro"
    )
    assert low < fall < high
    assert high - low < 0.06  # an interval of each network's own score is 0.08 wide
    assert objects == 580
    by_tens = drop_between(both, others, labels, [str(row // 10) for row in range(600)])
    assert by_tens[2] == 58
    assert drop_between(both, others, {"type": labels["glaze"], "glaze": labels["glaze"]}, alone) == (0, 1, 0)


def test_calibration_is_spread_over_the_rows() -> None:
    assert spread(3) == [0, 1, 2]
    assert spread(1000, 5) == [0, 250, 500, 749, 999]


def test_intervals_hold_the_score_and_narrow_with_objects() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for count in (40, 4000):
        truth = rng.integers(0, 3, count)
        logits = (np.eye(3)[truth] + rng.normal(size=(count, 3))).astype(np.float32)
        score = validation_scores({"type": logits}, {"type": truth}, [str(i) for i in range(count)])["type"]
        value, low, high = score.macro_f1
        assert low < value < high
        assert value == pytest.approx(f1_score(truth, logits.argmax(1), average="macro"))
        assert score.objects == count
        widths.append(high - low)
    assert widths[1] == pytest.approx(widths[0] / 10, rel=0.3)
    # Ten photographs of each object say what one says.
    same = validation_scores(
        {"type": logits[:40].repeat(10, axis=0)}, {"type": truth[:40].repeat(10)}, [str(i // 10) for i in range(400)]
    )["type"]
    assert same.macro_f1[2] - same.macro_f1[1] > widths[1] * 5
    assert validation_scores({"type": logits}, {"type": np.full(4000, -1)}, ["x"] * 4000) == {}


def scored(answers: np.ndarray, truth: np.ndarray) -> TaskScore:
    logits = np.eye(5, dtype=np.float32)[answers]
    return validation_scores({"type": logits}, {"type": truth}, [str(row) for row in range(len(truth))])["type"]


@pytest.mark.parametrize("count", [20, 60])
def test_intervals_hold_the_true_score_where_few_answers_are_wrong(count: int) -> None:
    """Five classes, .97 of the answers right: all of 20 are in more than half of all samples."""
    rng = np.random.default_rng(0)
    held = np.zeros(2)
    for _ in range(60):
        truth = rng.integers(0, 5, count)
        answers = np.where(rng.random(count) < 0.97, truth, (truth + rng.integers(1, 5, count)) % 5)
        score = scored(answers, truth)
        held += [low <= 0.97 <= high for _, low, high in (score.macro_f1, score.top_1)]
    assert (held >= 0.93 * 60).all()


def test_no_interval_is_a_point_and_no_class_leaves_the_mean() -> None:
    truth = np.arange(40) % 4
    right = scored(truth, truth)
    for value, low, high in (right.macro_f1, right.top_1):
        assert value == high == 1
        assert 0.8 < low < 1 - 1 / 40
    # One object alone is of the last class: half of all draws of objects lack it, and its F1 is 0 in these.
    rare = np.where(np.arange(41) == 40, 4, np.arange(41) % 4)
    value, low, _ = scored(rare, rare).macro_f1
    assert value - low > 0.1


def test_the_cost_is_the_published_one() -> None:
    model = MultiTaskClassifier(build_backbone(TrainingSettings(initial_weights="random")).layers, {"type": 20})
    cost = cost_of(model, 224)
    assert cost.multiply_adds == pytest.approx(219e6, rel=0.03)  # Howard et al. 2019, Table 3
    assert cost.parameters == pytest.approx(2.97e6 + 0.62e6, rel=0.03)


def test_squeezing_finds_nothing_where_there_is_none() -> None:
    settings = TrainingSettings(architecture="mobilenet_v3_large_minimalistic", initial_weights="random")
    model = MultiTaskClassifier(build_backbone(settings).layers, {"type": 3}, projection=False)
    assert squeezing(onnx.load_from_string(to_onnx(model, 32))) == []

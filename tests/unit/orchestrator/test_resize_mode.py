"""The resize mode of an experiment: it reaches qc and makes another step; without it nothing is other than before."""

from saggar.store import ObjectRef
from saggar_orchestrator.experiment.sections import Screening
from saggar_orchestrator.peers import messages
from saggar_orchestrator.workflow.steps.synthetic.judging import Judges

REF = ObjectRef("datasets/a/manifest.parquet", "a" * 64, 7, "application/vnd.apache.parquet")
BUNDLE = ObjectRef("bundles/b/bundle.json", "b" * 64, 7, "application/json")


def test_the_mode_reaches_qc_and_makes_another_step(tmp_path):
    weights = tmp_path / "inception.pth"
    weights.write_bytes(b"weights")
    plain = Screening(inception_weights_path=str(weights))
    clean = Screening(inception_weights_path=str(weights), resize="clean")
    asked = [messages.extractor(each, BUNDLE) for each in (plain, clean)]
    assert [each.resize for each in asked] == ["", "clean"]
    assert {each.inception_weights_path for each in asked} == {str(weights)}
    first, second = (Judges(None, each, REF, BUNDLE).screen_inputs(REF) for each in (plain, clean))
    assert "resize" not in first  # what was screened before there were modes is found again
    assert second == first | {"resize": "clean"}


def test_a_backbone_measures_in_its_own_way():
    asked = messages.extractor(Screening(), BUNDLE)
    assert asked.WhichOneof("extractor") == "bundle"
    assert not asked.HasField("resize")

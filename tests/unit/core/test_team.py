"""A team of processes, seen from the service that starts it."""

import pytest
from saggar.errors import InvalidInputError, WrongStateError
from saggar.team.launch import check_batch, check_gpus, environment
from saggar.team.settings import TeamSettings


def test_more_processes_than_gpus_are_refused():
    settings = TeamSettings(training_processes=2)
    with pytest.raises(WrongStateError, match=r"SAGGAR_TRAINING_PROCESSES is 2, but 1 GPU"):
        check_gpus(settings, 1)
    check_gpus(settings, 2)
    check_gpus(TeamSettings(), 0)


def test_a_batch_has_an_image_for_each_process():
    settings = TeamSettings(training_processes=3)
    check_batch(settings, 3)
    with pytest.raises(InvalidInputError, match="fewer than the 3 processes") as raised:
        check_batch(settings, 2)
    assert raised.value.violations[0].field == "settings.batch_size"


def test_the_processes_have_the_settings_of_the_service(monkeypatch):
    given = TeamSettings(training_processes=2, s3_access_key="key", log_json=True, tls_ca=None, store="elsewhere")
    for name, value in environment(given).items():
        monkeypatch.setenv(name, value)
    assert TeamSettings() == given

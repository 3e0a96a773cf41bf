import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import __version__ as moto_version
from moto.s3.models import FakeBucket

import emulator
from emulator import server
from emulator.additions import table
from tests.unit.emulator.harness import Aws, Declared, refused
from tests.unit.emulator.scenarios import SCENARIOS

pytestmark = pytest.mark.filterwarnings(r"ignore:Exception\(Refusal\)")

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    http, url = server.serve_in_thread()
    yield Aws(url)
    http.shutdown()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_addition_stores_what_it_is_given(scenario: Declared, aws: Aws) -> None:
    scenario.run(aws)


def test_plain_moto_still_needs_every_addition() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.emulator.pristine"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout)
    assert answer["run"] == len(SCENARIOS)
    assert not answer["gained"], f"moto {moto_version} has these itself: delete our additions {answer['gained']}"
    assert not answer["passed"], f"moto {moto_version} passes these itself: delete the additions of {answer['passed']}"


def test_every_addition_has_a_scenario() -> None:
    covered = {pair for scenario in SCENARIOS for pair in scenario.covers}
    declared = {(addition.service, addition.operation) for addition in emulator.ADDITIONS}
    assert covered == declared


def test_every_addition_names_the_moto_that_is_installed() -> None:
    assert {addition.moto for addition in emulator.ADDITIONS} == {moto_version}


def test_an_operation_that_moto_lacks_is_refused_by_name(aws: Aws) -> None:
    assert refused(aws("sagemaker").list_hubs) == "EmulatorNotImplemented"


def test_an_operation_that_moto_breaks_on_is_refused_at_once(aws: Aws) -> None:
    unknown = refused(aws("efs").put_backup_policy, FileSystemId="fs-0", BackupPolicy={"Status": "ENABLED"})
    assert unknown == "EmulatorFailure"


def test_a_failure_in_s3_is_refused_at_once(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(FakeBucket, "set_logging", broken)
    aws("s3").create_bucket(Bucket="broken")
    logging = {"LoggingEnabled": {"TargetBucket": "broken", "TargetPrefix": ""}}
    assert refused(aws("s3").put_bucket_logging, Bucket="broken", BucketLoggingStatus=logging) == "EmulatorFailure"


def test_the_readme_lists_every_addition() -> None:
    readme = (ROOT / "emulator" / "README.md").read_text()
    assert table() in readme, "put the output of `python -m emulator additions` into emulator/README.md"

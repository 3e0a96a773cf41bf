"""The examples against the real server: the script by both its ways to connect, and the notebook's local cells."""

import ast
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.services.cloud import REGION, Cloud
from tests.services.processes import MLFLOW_PYTHON, PATIENCE, REPOSITORY
from tests.services.task import PASSWORD, USERNAME, Task

EXAMPLE = REPOSITORY / "examples" / "mlflow"
SCRIPT = EXAMPLE / "train_and_register.py"
NOTEBOOK = EXAMPLE / "sagemaker_studio_and_mlflow.ipynb"
VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")

VERSIONS = """
import json, sys
import mlflow
client = mlflow.MlflowClient()
found = []
for number in sorted(item.version for item in client.search_model_versions(f"name='{sys.argv[1]}'")):
    version = client.get_model_version(sys.argv[1], number)  # a search leaves out aliases
    data = client.get_run(version.run_id).data
    found.append({
        "version": str(number), "run": version.run_id, "status": version.status, "aliases": list(version.aliases),
        "params": data.params, "metrics": data.metrics, "tags": data.tags,
        "artifacts": [item.path for item in client.list_artifacts(version.run_id)],
        "storage": client.get_model_version_download_uri(sys.argv[1], number),
    })
print(json.dumps(found))
"""
START_RUN = """
import mlflow
mlflow.set_experiment("from-a-job")
with mlflow.start_run() as run:
    print(run.info.run_id)
"""


@dataclass(frozen=True)
class Outcome:
    """How a program ended."""

    code: int
    output: str
    errors: str

    def value(self, label: str) -> str:
        """First word after a label that it printed."""
        found = re.search(rf"^{label}: (\S+)", self.output, re.MULTILINE)
        assert found, self.output
        return found[1]


class Example:
    """Runs the examples with the real client."""

    def __init__(self, cloud: Cloud, task: Task) -> None:
        assert task.proxy
        self.cloud, self.task, self.url = cloud, task, task.proxy.url

    def run(self, *arguments: str | Path, **environment: str) -> Outcome:
        return run(*arguments, cwd=self.task.folder, **self.cloud.environment(), **environment)

    def by_environment(self, *arguments: str | Path, **environment: str) -> Outcome:
        values = dict(zip(VARIABLES, (self.url, USERNAME, PASSWORD), strict=True))
        return self.run(*arguments, **values, **environment)

    def versions(self, model: str) -> list[dict[str, Any]]:
        """What the registry has of a model, with the runs behind it."""
        return json.loads(self.task.client(VERSIONS, model).strip().splitlines()[-1])

    def publish(self, stack: str) -> None:
        """The parameter and the secret, under the names that a deployed stack has."""
        name = f"/mlplatform/{stack}/mlflow/tracking-uri"
        self.cloud.ssm.put_parameter(Name=name, Type="SecureString", Value=self.url, Overwrite=True)
        login = json.dumps({"username": USERNAME, "password": PASSWORD})
        self.cloud.secrets.create_secret(Name=f"mlplatform-{stack}-mlflow-credentials", SecretString=login)


def run(*arguments: str | Path, cwd: Path, **environment: str) -> Outcome:
    """A Python program with exactly these variables."""
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet", "HOME": str(cwd)}
    done = subprocess.run(
        [MLFLOW_PYTHON, *arguments],
        env={**quiet, **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def example(cloud: Cloud, task: Task) -> Example:
    return Example(cloud, task)


def check(example: Example, model: str, run_id: str, version: str) -> dict[str, Any]:
    """That exactly this version is registered, and that its files are in S3."""
    (found,) = example.versions(model)
    assert (found["run"], found["version"], found["status"]) == (run_id, version, "READY")
    assert found["aliases"] == ["champion"]
    assert set(found["params"]) >= {"alpha", "rows"}
    assert 0.2 < found["metrics"]["r2"] < 0.8
    assert {"predictions.png", "coefficients.json"} <= set(found["artifacts"])
    bucket, prefix = found["storage"].removeprefix("s3://").split("/", 1)
    assert bucket == "artifacts"
    assert f"{prefix}/MLmodel" in example.cloud.objects(prefix)
    kept = [key for key in example.cloud.objects("mlflow/") if f"/{run_id}/artifacts/" in key]
    assert {Path(key).name for key in kept} >= {"predictions.png", "coefficients.json"}
    return found


def test_the_script_trains_and_registers_by_environment(example: Example) -> None:
    done = example.by_environment(SCRIPT, "--model-name", "by-environment", "--alpha", "0.2", AWS_DEFAULT_REGION=REGION)
    assert done.code == 0, done.errors
    found = check(example, "by-environment", done.value("run id"), done.value("model version"))
    assert found["version"] == "1"
    assert float(found["params"]["alpha"]) == 0.2
    assert PASSWORD not in done.output + done.errors


def test_the_script_continues_a_run_with_what_it_finds_of_a_stack(example: Example) -> None:
    """As the notebook's training job does."""
    stack = f"script-{example.task.port}"
    example.publish(stack)
    run_id = example.task.client(START_RUN).strip().splitlines()[0]
    words = ("--stack", stack, "--model-name", "by-stack", "--experiment", "from-a-job")
    done = example.run(SCRIPT, *words, MLFLOW_RUN_ID=run_id, TRAINING_JOB_NAME="job-1")
    assert done.code == 0, done.errors
    assert done.value("run id") == run_id
    found = check(example, "by-stack", run_id, done.value("model version"))
    assert found["tags"]["sagemaker.training_job_name"] == "job-1"
    assert PASSWORD not in done.output + done.errors


@pytest.mark.parametrize("missing", VARIABLES)
def test_a_missing_variable_is_named(missing: str, tmp_path: Path) -> None:
    given = {name: "http://127.0.0.1:1" for name in VARIABLES if name != missing}
    done = run(SCRIPT, cwd=tmp_path, AWS_DEFAULT_REGION=REGION, **given)
    assert done.code == 1
    assert f"not set: {missing}\n" in done.errors
    assert "make -s env STACK=<stack> SECRETS=1" in done.errors
    assert "after: make login STACK=<stack>" in done.errors
    assert "--stack <stack>" in done.errors
    assert "Traceback" not in done.errors


@pytest.mark.parametrize("login", ["MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_AUTH"])
def test_a_token_stands_for_user_and_password(login: str, tmp_path: Path) -> None:
    done = run(SCRIPT, cwd=tmp_path, **{login: "given"})
    assert "not set: MLFLOW_TRACKING_URI\n" in done.errors


def test_all_missing_variables_are_named_at_once_and_so_is_the_region(tmp_path: Path) -> None:
    done = run(SCRIPT, cwd=tmp_path)
    assert f"not set: {', '.join(VARIABLES)}\n" in done.errors
    done = run(SCRIPT, cwd=tmp_path, **dict.fromkeys(VARIABLES, "http://127.0.0.1:1"))
    assert "AWS_DEFAULT_REGION is not set: export" in done.errors
    assert "Traceback" not in done.errors


def test_an_unknown_stack_is_named(cloud: Cloud, tmp_path: Path) -> None:
    done = run(SCRIPT, "--stack", "nowhere", cwd=tmp_path, **cloud.environment())
    assert done.code == 1
    assert f"SSM parameter /mlplatform/nowhere/mlflow/tracking-uri in {REGION} cannot be read" in done.errors
    assert "leave out --stack" in done.errors
    assert "Traceback" not in done.errors


def test_of_a_stack_without_either_secret_both_are_named(cloud: Cloud, tmp_path: Path) -> None:
    cloud.ssm.put_parameter(
        Name="/mlplatform/half/mlflow/tracking-uri", Type="SecureString", Value="http://127.0.0.1:1"
    )
    done = run(SCRIPT, "--stack", "half", cwd=tmp_path, **cloud.environment())
    assert done.code == 1
    assert "secret mlplatform-half-notebook-client cannot be read" in done.errors
    assert f"secret mlplatform-half-mlflow-credentials in {REGION} cannot be read" in done.errors
    assert "Traceback" not in done.errors


def test_a_deployment_without_its_facts_is_refused_before_training(tmp_path: Path) -> None:
    done = run(SCRIPT, "--deploy", "diabetes-1", "--bucket", "artifacts", cwd=tmp_path)
    assert done.code == 2
    assert "--deploy needs --role, --image-url as well" in done.errors


def notebook() -> dict[str, Any]:
    return json.loads(NOTEBOOK.read_text())


def code_cells() -> list[dict[str, Any]]:
    return [cell for cell in notebook()["cells"] if cell["cell_type"] == "code"]


def source(cell: dict[str, Any]) -> str:
    """Without IPython's magics."""
    return "".join(line for line in cell["source"] if not line.startswith(("%", "!")))


def test_the_notebook_is_valid_and_holds_no_outputs() -> None:
    book = notebook()
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert book["metadata"]["kernelspec"]["language"] == "python"
    ids = [cell["id"] for cell in book["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in ids)
    for cell in book["cells"]:
        assert cell["cell_type"] in ("code", "markdown")
        assert all(isinstance(line, str) for line in cell["source"])
        required = {"id", "cell_type", "metadata", "source"}
        code = {"outputs", "execution_count"} if cell["cell_type"] == "code" else set[str]()
        assert set(cell) == required | code
    for cell in code_cells():
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        compile(source(cell), cell["id"], "exec")


def test_the_notebook_holds_no_credentials() -> None:
    text = NOTEBOOK.read_text()
    assert not re.search(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|aws_secret_access_key|://[^/\s\"]+:[^/\s\"]+@", text)
    for cell in code_cells():
        for node in ast.walk(ast.parse(source(cell))):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                names = " ".join(ast.unparse(target) for target in node.targets)
                assert not re.search("password|username|secret|token|key", names, re.IGNORECASE), ast.unparse(node)


def test_client_and_server_have_one_version() -> None:
    pinned = re.search(r"^mlflow==\S+", (REPOSITORY / "services/mlflow/requirements.txt").read_text(), re.MULTILINE)
    assert pinned
    assert pinned[0] in (EXAMPLE / "requirements.txt").read_text().splitlines()
    magics = [line.split() for cell in code_cells() for line in cell["source"] if line.startswith("%pip")]
    assert [pinned[0] in words for words in magics] == [True]


def test_the_notebook_tracks_and_registers(example: Example) -> None:
    """Its cells in order, but those that are tagged as SageMaker's."""
    stack = f"notebook-{example.task.port}"
    example.publish(stack)
    cells = [source(cell) for cell in code_cells() if "sagemaker" not in cell["metadata"].get("tags", [])]
    assert len(cells) >= 5
    variables = {"MLPLATFORM_STACK": stack, "AWS_DEFAULT_REGION": REGION}
    done = example.run("-c", "\n".join(cells), **variables)
    assert done.code == 0, done.errors
    check(example, "diabetes", done.value("run id"), done.value("model version"))

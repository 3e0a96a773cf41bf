"""The real MLflow client through NGINX, and what MLflow lets through."""

import requests

from tests.services.cloud import Cloud
from tests.services.processes import PATIENCE, tree
from tests.services.task import HOST, PASSWORD, USERNAME, Task

MIB = 1 << 20

UPLOAD = """
import pathlib, sys
import mlflow
size = int(sys.argv[1])
file = pathlib.Path("large.bin")
with file.open("wb") as stream:
    stream.truncate(size)
mlflow.set_experiment("large")
with mlflow.start_run() as run:
    mlflow.log_artifact(str(file))
print(run.info.artifact_uri)
file.unlink()
"""

MODEL = """
import mlflow, numpy
from sklearn.linear_model import LinearRegression
mlflow.set_experiment("model")
with mlflow.start_run() as run:
    mlflow.log_params({"fit_intercept": True})
    mlflow.log_metric("r2", 1.0)
    features = numpy.array([[0.0], [1.0], [2.0]])
    model = LinearRegression().fit(features, [1.0, 3.0, 5.0])
    # The client may know every artifact store without the server: it asks the server for the address only.
    mlflow.sklearn.log_model(model, name="model", registered_model_name="line", input_example=features,
                             pip_requirements=["scikit-learn"], serialization_format="cloudpickle")
loaded = mlflow.pyfunc.load_model("models:/line/1")
print(float(loaded.predict(numpy.array([[10.0]]))[0]))
client = mlflow.MlflowClient()
print(client.get_run(run.info.run_id).data.params["fit_intercept"], client.get_registered_model("line").name)
"""


def test_a_large_artifact_goes_to_s3_and_not_through_the_proxy(task: Task, cloud: Cloud) -> None:
    size = 200 * MIB
    assert task.proxy
    before = len(task.proxy.access_log())
    uri = task.client(UPLOAD, str(size)).strip().splitlines()[-1]
    bucket, prefix = uri.removeprefix("s3://").split("/", 1)
    assert bucket == "artifacts"
    assert cloud.objects(prefix) == {f"{prefix}/large.bin": size}
    lines = task.proxy.access_log()[before:]
    assert lines, "the run itself is logged through the proxy"
    assert sum(line["bytes_in"] + line["bytes_out"] for line in lines) < MIB
    cloud.s3.delete_object(Bucket=bucket, Key=f"{prefix}/large.bin")


def test_a_model_is_logged_registered_and_loaded(task: Task, cloud: Cloud) -> None:
    prediction, rest = task.client(MODEL).strip().splitlines()[-2:]
    assert abs(float(prediction) - 21.0) < 1e-6
    assert rest == "True line"
    assert any(key.endswith("MLmodel") for key in cloud.objects("mlflow/"))


def test_the_browser_of_the_same_origin_may_write_and_a_foreign_one_may_not(task: Task) -> None:
    def post(**headers: str) -> requests.Response:
        assert task.proxy
        url = f"{task.proxy.url}/ajax-api/2.0/mlflow/experiments/search"
        body = {"max_results": 1}
        return requests.post(url, json=body, headers=headers, auth=(USERNAME, PASSWORD), timeout=PATIENCE)

    assert post().status_code == 200
    assert post(**{"X-Api-Domain": HOST, "Origin": f"https://{HOST}"}).status_code == 200
    assert post(Host=HOST, Origin=f"https://{HOST}").status_code == 200
    blocked = post(**{"X-Api-Domain": HOST, "Origin": "https://evil.example.org"})
    assert blocked.status_code == 403
    assert "Cross-origin" in blocked.text


def test_an_unknown_host_is_403(task: Task) -> None:
    assert task.proxy
    for headers in ({"Host": "evil.example.org"}, {"X-Api-Domain": "evil.example.org"}):
        answer = requests.get(task.proxy.url, headers=headers, auth=(USERNAME, PASSWORD), timeout=PATIENCE)
        assert answer.status_code == 403
        assert "Invalid Host" in answer.text


def test_artifacts_are_not_served(task: Task) -> None:
    assert task.proxy
    url = f"{task.proxy.url}/api/2.0/mlflow-artifacts/artifacts/x"
    assert requests.put(url, data=b"x", auth=(USERNAME, PASSWORD), timeout=PATIENCE).status_code >= 400


def test_the_database_url_is_on_no_command_line(task: Task) -> None:
    assert task.mlflow
    from_ps = list(tree(task.mlflow.pid).values())
    assert any("mlflow server" in line for line in from_ps)
    assert any("uvicorn" in line for line in from_ps)
    assert not any("://" in line for line in from_ps)
    assert "://db" not in task.mlflow.output()

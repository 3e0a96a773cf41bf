"""The idle cost of a stack, and the page that shows it."""

import dataclasses
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cli.costs import Bill, UnpricedError, bill, idle_cost, page, sample_bill
from cli.costs.idle import HOURS, ORDER, PRICED
from cli.costs.page import SAMPLE_LACKS
from cli.costs.prices import FREE, PRICES, SECRET_CHECKS
from cli.plan.recorder import Resource, record
from cli.plan.stack_file import read_stack
from tests.images import METAFLOW_IMAGES, MLFLOW_IMAGES

ROOT = Path(__file__).parents[2]
IMAGES = {"images": MLFLOW_IMAGES}
METAFLOW = {
    "images": METAFLOW_IMAGES,
    "notebook": {"platformIdentifier": "notebook-al2-v3"},
}
WITHOUT_METAFLOW = {"metaflow": {"enabled": False}}
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
UI = {"enableUI": True, "publicDomainName": "flows.example.com", "certificateArn": CERTIFICATE}


@cache
def preset(stack: str) -> Bill:
    return bill(ROOT, stack)


def changed(stack: str, **sections: Any) -> Bill:
    """The bill of a stack with other sections, and without Metaflow unless it is one of them."""
    return bill(ROOT, stack, WITHOUT_METAFLOW | sections)


def test_the_page_is_current() -> None:
    assert page(ROOT) == (ROOT / "docs" / "costs.md").read_text(), "run `make costs`"


def test_dev_stays_below_30_dollars_and_metaflow_adds_less_than_4() -> None:
    without = changed("dev").total
    assert without <= 30
    assert preset("dev").total - without <= 4


def test_dev_pays_for_no_gateway_no_balancer_and_no_awake_database() -> None:
    dev = preset("dev")
    assert [dev.of(item) for item in ("NAT gateways", "public IPv4 addresses", "load balancer", "database")] == [0] * 4
    assert dev.of("interface endpoints") == pytest.approx(3 * HOURS * 0.01)
    mlflow, metaflow = 0.25 * 0.04048 + 0.004445, 0.25 * 0.04048 + 0.5 * 0.004445
    assert dev.of("Fargate tasks") == pytest.approx(HOURS * (mlflow + metaflow) * 0.3)
    assert dev.of("secrets") == pytest.approx(4 * 0.40)  # ours, JupyterHub's, and the two that RDS manages


def test_prod_pays_twice_for_what_each_zone_has() -> None:
    prod = preset("prod")
    assert prod.of("NAT gateways") == pytest.approx(2 * HOURS * 0.045)
    assert prod.of("public IPv4 addresses") == pytest.approx(2 * HOURS * 0.005)
    assert prod.of("database") == pytest.approx(2 * 0.5 * HOURS * 0.12 + 2 * HOURS * 0.065)
    mlflow, metaflow = 0.04048 + 2 * 0.004445, 0.5 * 0.04048 + 0.004445
    assert prod.of("Fargate tasks") == pytest.approx(2 * HOURS * (mlflow + metaflow))
    assert prod.of("load balancer") == pytest.approx(2 * HOURS * 0.0225)


def test_the_sample_comes_out_at_its_known_cost() -> None:
    sample = sample_bill(ROOT)
    assert sample.total == pytest.approx(126, abs=1)
    assert sample.of("NAT gateways") + sample.of("public IPv4 addresses") == pytest.approx(36.5, abs=0.05)
    assert sample.of("load balancer") == pytest.approx(16.4, abs=0.05)
    assert sample.of("Fargate tasks") == pytest.approx(72, abs=0.1)
    assert not any(sample.of(item) for item in SAMPLE_LACKS)


@pytest.mark.parametrize(
    ("nat", "gateways"), [("none", 0), ("single", 1), ("perZone", 3)], ids=["none", "single", "perZone"]
)
def test_nat_gateways(nat: str, gateways: int) -> None:
    basic = IMAGES | {"auth": "basic"}
    zones = {"natGateways": nat, "availabilityZones": 3}
    found = changed("local", network=zones, studio={"enabled": False}, mlflow=basic)
    assert found.of("NAT gateways") == pytest.approx(gateways * HOURS * 0.045)
    assert found.of("public IPv4 addresses") == pytest.approx(gateways * HOURS * 0.005)
    assert found.of("interface endpoints") == pytest.approx(0 if gateways else 5 * 3 * HOURS * 0.01)


def test_endpoints_cost_by_zone() -> None:
    everywhere = changed("local", network={"interfaceEndpoints": "always", "availabilityZones": 3})
    one_zone = changed("local", network={"interfaceEndpoints": "always", "availabilityZones": 3, "endpointZones": 1})
    assert everywhere.of("interface endpoints") == pytest.approx(3 * one_zone.of("interface endpoints"))
    assert one_zone.of("interface endpoints") == pytest.approx(8 * HOURS * 0.01)


def test_an_existing_vpc_brings_no_cost_of_its_own() -> None:
    existing = {"vpcId": "vpc-00000000", "privateSubnetIds": ["subnet-00000000", "subnet-11111111"]}
    found = changed("dev", network={"existingVpc": existing})
    assert not any(found.of(item) for item in ("NAT gateways", "interface endpoints", "flow log"))


def test_cloud_map_costs_no_load_balancer() -> None:
    assert changed("local").of("load balancer") == pytest.approx(HOURS * 0.0225)
    assert changed("local", api={"integration": "cloudMap"}).of("load balancer") == 0


def test_arm_is_cheaper() -> None:
    found = changed("local", mlflow=IMAGES | {"cpuArchitecture": "ARM64"})
    assert found.of("Fargate tasks") == pytest.approx(2 * HOURS * (0.5 * 0.03238 + 0.00356))


def test_postgres_pays_for_instance_and_disk_and_twice_with_a_standby() -> None:
    one = changed("local", database={"engine": "postgres"})
    two = changed("local", database={"engine": "postgres", "multiAz": True})
    assert one.of("database") == pytest.approx(HOURS * 0.016)
    assert one.of("database storage") == pytest.approx(20 * 0.115)
    assert two.of("database") == pytest.approx(2 * one.of("database"))
    assert two.of("database storage") == pytest.approx(2 * one.of("database storage"))
    # the database's, JupyterHub's and the notebooks' client
    assert two.of("secrets") == pytest.approx(3 * 0.40)


def test_aurora_postgresql_costs_what_aurora_mysql_does() -> None:
    assert changed("local", database={"engine": "aurora-postgresql"}).of("database") == changed("local").of("database")


@pytest.mark.parametrize(("level", "dollars"), [("disabled", 0), ("enabled", 25 * 0.30), ("enhanced", 170 * 0.07)])
def test_container_insights(level: str, dollars: float) -> None:
    found = changed("local", mlflow=IMAGES | {"containerInsights": level})
    assert found.of("Container Insights") == pytest.approx(dollars)


def test_container_insights_counts_each_service() -> None:
    assert preset("local").of("Container Insights") == pytest.approx((8 + 2 * 17) * 0.30)


def test_metaflow_without_a_key_needs_no_load_balancer() -> None:
    without = METAFLOW | {"apiBasicAuth": False, "service": {"integration": "cloudMap"}}
    both = changed("local", metaflow=METAFLOW).of("load balancer")
    assert both - changed("local", metaflow=without).of("load balancer") == pytest.approx(HOURS * 0.0225)


def test_metaflows_ui_pays_for_its_task_its_load_balancer_and_an_address_in_each_zone() -> None:
    base, ui = (changed("local", metaflow=METAFLOW | more) for more in ({}, UI))
    assert ui.of("Fargate tasks") - base.of("Fargate tasks") == pytest.approx(HOURS * (0.04048 + 4 * 0.004445))
    assert ui.of("load balancer") - base.of("load balancer") == pytest.approx(HOURS * 0.0225)
    assert ui.of("public IPv4 addresses") - base.of("public IPv4 addresses") == pytest.approx(2 * HOURS * 0.005)
    private, public = ([f"subnet-{tier}{zone:07d}" for zone in range(zones)] for tier, zones in ((1, 2), (2, 3)))
    existing = {"vpcId": "vpc-00000000", "privateSubnetIds": private, "publicSubnetIds": public}
    there = changed("local", metaflow=METAFLOW | UI, network={"existingVpc": existing})
    assert there.of("public IPv4 addresses") == pytest.approx(3 * HOURS * 0.005)


def test_a_notebook_that_is_stopped_costs_its_disk() -> None:
    notebook = {"notebook": {"volumeGib": 50}}
    assert changed("local", metaflow=METAFLOW | notebook).of("notebook") == pytest.approx(50 * 0.14)
    assert changed("local", metaflow=METAFLOW | {"enableSagemaker": False, "notebook": {}}).of("notebook") == 0


def test_batch_at_rest_costs_nothing_and_vcpus_that_are_kept_are_an_error() -> None:
    assert preset("local").of("Batch") == 0
    kept = {"name": "cpu", "instanceTypes": ["m7i"], "minvCpus": 4, "desiredvCpus": 4}
    with pytest.raises(UnpricedError, match="4 vCPUs that are kept at rest; set minvCpus to 0"):
        changed("local", metaflow=METAFLOW | {"batch": {"computeEnvironments": [kept]}})


def test_an_existing_key_costs_nothing_here() -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    assert changed("local", encryption={"keyArn": key}).of("customer key") == 0


def test_an_instance_class_without_a_price_is_an_error() -> None:
    with pytest.raises(UnpricedError, match=r"db\.r7g\.large"):
        changed("local", database={"engine": "postgres", "instanceClass": "db.r7g.large"})


def test_a_type_without_a_price_is_an_error() -> None:
    recording = record(ROOT, read_stack(ROOT, "dev"))
    queue = Resource(urn="urn:queue", type="aws:sqs/queue:Queue", name="queue", parent="", custom=True, props={})
    with pytest.raises(UnpricedError, match="aws:sqs/queue:Queue"):
        idle_cost(dataclasses.replace(recording, resources=[*recording.resources, queue]))


def test_each_type_is_priced_or_free_and_not_both() -> None:
    assert not PRICED.keys() & FREE.keys()
    assert all(FREE.values())


def test_each_item_is_in_the_order_of_a_bill() -> None:
    assert {line.item for stack in ("local", "dev", "prod") for line in preset(stack).lines} <= set(ORDER)


def test_each_price_has_a_page_of_aws() -> None:
    assert all(price.page.startswith("https://aws.amazon.com/") and price.dollars > 0 for price in PRICES.values())


def test_the_secret_checks_are_as_frequent_as_the_service_makes_them() -> None:
    mlflow = (ROOT / "services" / "mlflow" / "mlflow_service" / "settings.py").read_text()
    metaflow = (ROOT / "services" / "metaflow" / "metaflow_service" / "serve.py").read_text()
    found = [
        re.search(r'"MLFLOW_SECRET_POLL_SECONDS": \((\d+),', mlflow),
        re.search(r'"MF_SECRET_POLL_SECONDS", (\d+),', metaflow),
    ]
    assert [match and HOURS * 3600 / int(match[1]) for match in found] == [SECRET_CHECKS.quantity] * 2


def test_with_tokens_a_task_watches_one_secret_and_with_a_password_two() -> None:
    def checks(stack: str) -> list[str]:
        return [line.basis.split()[0] for line in preset(stack).lines if line.item == "secret checks"]

    # One secret in the metadata service's task; one in each of two of MLflow's tasks, or two in one.
    assert checks("local") == checks("dev") == ["43,800", "87,600"]

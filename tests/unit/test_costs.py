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

ROOT = Path(__file__).parents[2]
IMAGES = {"images": {"mlflow": "example.com/mlflow:1", "nginx": "example.com/nginx:1"}}


@cache
def preset(stack: str) -> Bill:
    return bill(ROOT, stack)


def changed(stack: str, **sections: Any) -> Bill:
    return bill(ROOT, stack, sections)


def test_the_page_is_current() -> None:
    assert page(ROOT) == (ROOT / "docs" / "costs.md").read_text(), "run `make costs`"


def test_dev_stays_below_30_dollars() -> None:
    assert preset("dev").total <= 30


def test_dev_pays_for_no_gateway_no_balancer_and_no_awake_database() -> None:
    dev = preset("dev")
    assert [dev.of(item) for item in ("NAT gateways", "public IPv4 addresses", "load balancer", "database")] == [0] * 4
    assert dev.of("interface endpoints") == pytest.approx(3 * HOURS * 0.01)
    assert dev.of("Fargate tasks") == pytest.approx(HOURS * (0.25 * 0.04048 + 0.004445) * 0.3)
    assert dev.of("secrets") == pytest.approx(3 * 0.40)  # ours, JupyterHub's, and the one that RDS manages


def test_prod_pays_twice_for_what_each_zone_has() -> None:
    prod = preset("prod")
    assert prod.of("NAT gateways") == pytest.approx(2 * HOURS * 0.045)
    assert prod.of("public IPv4 addresses") == pytest.approx(2 * HOURS * 0.005)
    assert prod.of("database") == pytest.approx(2 * 0.5 * HOURS * 0.12)
    assert prod.of("Fargate tasks") == pytest.approx(2 * HOURS * (0.04048 + 2 * 0.004445))


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
    assert preset("local").of("load balancer") == pytest.approx(HOURS * 0.0225)
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
    assert changed("local", database={"engine": "aurora-postgresql"}).of("database") == preset("local").of("database")


@pytest.mark.parametrize(("level", "dollars"), [("disabled", 0), ("enabled", 25 * 0.30), ("enhanced", 170 * 0.07)])
def test_container_insights(level: str, dollars: float) -> None:
    found = changed("local", mlflow=IMAGES | {"containerInsights": level})
    assert found.of("Container Insights") == pytest.approx(dollars)


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
    source = (ROOT / "services" / "mlflow" / "mlflow_service" / "settings.py").read_text()
    found = re.search(r'"MLFLOW_SECRET_POLL_SECONDS": \((\d+),', source)
    assert found
    assert SECRET_CHECKS.quantity == HOURS * 3600 / int(found[1])


def test_with_tokens_a_task_watches_one_secret_and_with_a_password_two() -> None:
    def checks(stack: str) -> list[str]:
        return [line.basis.split()[0] for line in preset(stack).lines if line.item == "secret checks"]

    assert checks("local") == ["87,600"]  # one secret in each of two tasks
    assert checks("dev") == ["87,600"]  # two secrets in one task

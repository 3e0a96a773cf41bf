"""What the provider of us-east-1 takes over, against all that a provider takes."""

import inspect

import pulumi
import pulumi_aws as aws
from pydantic.alias_generators import to_camel

from components.edge import PARSED, TEXTS

ARGUMENTS = inspect.signature(aws.ProviderArgs).parameters


def test_the_provider_of_us_east_1_takes_over_whatever_a_provider_takes_but_its_region() -> None:
    assert {*TEXTS, *PARSED} == set(ARGUMENTS) - {"region"}


def test_each_argument_is_read_as_the_kind_that_it_is_from_the_key_of_its_name() -> None:
    texts = {name for name, each in ARGUMENTS.items() if each.annotation == pulumi.Input[str | None]}
    assert set(TEXTS) == texts - {"region"}
    assert {name: to_camel(name) for name in {*TEXTS, *PARSED}} == {**TEXTS, **PARSED}

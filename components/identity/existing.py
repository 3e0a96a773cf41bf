"""A user pool that is there already: where its ids come from, and whether it is what they say."""

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from components.base import Component
from lib.identity import login_host
from lib.naming import Target
from settings.identity import OUTPUTS, ExistingPool

SETTING = "mlplatform:identity.existing"


def ids(owner: Component, name: str, existing: ExistingPool) -> dict[str, pulumi.Output[str]]:
    """The pool's id and its clients', by key of the settings.

    Args:
        owner: Component that the lookups belong to.
        name: Name of the reference to another stack.
        existing: Where the ids are.

    Raises:
        pulumi.RunError: The other stack, or CloudFormation, does not give one of them.
    """
    if existing.stack_reference is not None:
        reference = pulumi.StackReference(
            name, stack_name=existing.stack_reference, opts=pulumi.ResourceOptions(parent=owner)
        )
        return {
            key: reference.get_output(output).apply(_given(existing.stack_reference, output))
            for key, output in OUTPUTS.items()
        }
    if existing.cloud_formation_exports:
        prefix = existing.cloud_formation_export_prefix
        return {key: pulumi.Output.from_input(_export(owner, prefix + output)) for key, output in OUTPUTS.items()}
    return {key: pulumi.Output.from_input(str(getattr(existing, key))) for key in OUTPUTS}


def _given(stack: str, output: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not value:
            raise pulumi.RunError(
                f"{SETTING}.stackReference = {stack}: the stack has no output {output}; name one with the outputs "
                f"{', '.join(OUTPUTS.values())}, or give the ids"
            )
        return str(value)

    return check


def _export(owner: Component, name: str) -> str:
    try:
        return aws.cloudformation.get_export(name=name, opts=pulumi.InvokeOptions(parent=owner)).value
    except Exception as error:
        raise pulumi.RunError(
            f"{SETTING}.cloudFormationExports: CloudFormation gives no export {name} in this region: {error}; export "
            "it there, correct cloudFormationExportPrefix, or give the ids"
        ) from error


def checked(
    owner: Component, target: Target, existing: ExistingPool, given: Mapping[str, pulumi.Output[str]]
) -> tuple[dict[str, pulumi.Output[str]], pulumi.Output[str]]:
    """The same ids once the pool was found to have these clients, and the host of its login pages.

    Raises:
        pulumi.RunError: There is no such pool in this region, it lacks a client, or it has no login pages.
    """
    found = given["cognito_user_pool_id"].apply(lambda id_: _pool(owner, target, existing.domain, id_))
    known = found.apply(lambda pool: _clients(owner, pool["id"]))
    ids_ = {
        key: pulumi.Output.all(id_, known).apply(lambda values, key=key: _member(key, values[0], values[1]))
        for key, id_ in given.items()
        if key != "cognito_user_pool_id"
    }
    return {**ids_, "cognito_user_pool_id": found.apply(lambda pool: pool["id"])}, found.apply(
        lambda pool: pool["host"]
    )


def _pool(owner: Component, target: Target, domain: str | None, id_: str) -> dict[str, str]:
    if not id_.startswith(f"{target.region}_"):
        raise pulumi.RunError(
            f"{SETTING}.cognitoUserPoolId = {id_}: is in another region than the stack, {target.region}; name a pool "
            "of this region, or set aws:region to the pool's"
        )
    try:
        pool = aws.cognito.get_user_pool(user_pool_id=id_, opts=pulumi.InvokeOptions(parent=owner))
    except Exception as error:
        raise pulumi.RunError(
            f"{SETTING}.cognitoUserPoolId = {id_}: cannot be looked up: {error}; name a user pool of this account and "
            "region, or set identity.mode to create"
        ) from error
    return {"id": id_, "host": domain or _host(target, pool)}


def _clients(owner: Component, pool_id: str) -> list[str]:
    return list(
        aws.cognito.get_user_pool_clients(user_pool_id=pool_id, opts=pulumi.InvokeOptions(parent=owner)).client_ids
    )


def _member(key: str, id_: str, known: list[str]) -> str:
    if id_ not in known:
        alias = ExistingPool.model_fields[key].alias
        raise pulumi.RunError(
            f"{SETTING}.{alias} = {id_}: the user pool has no such client ({OUTPUTS[key]}); name one of its "
            f"{len(known)} clients, or add it to the pool"
        )
    return id_


def _host(target: Target, pool: aws.cognito.GetUserPoolResult) -> str:
    if pool.custom_domain:
        return pool.custom_domain
    if pool.domain:
        return login_host(target, pool.domain)
    raise pulumi.RunError(
        f"{SETTING}.cognitoUserPoolId = {pool.user_pool_id}: the user pool has no login pages; give it a domain in "
        "Cognito, or say in existing.domain at which host they are"
    )

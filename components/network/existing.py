"""A VPC that is there already: looked up and checked, never changed."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from settings.network import ExistingVpc

KEY = "mlplatform:network.existingVpc"


class ExistingNetwork:
    """Ids of an existing VPC and its subnets, which resolve once they are checked."""

    def __init__(self, settings: ExistingVpc, parent: pulumi.Resource) -> None:
        options = pulumi.InvokeOutputOptions(parent=parent)
        self._vpc = aws.ec2.get_vpc_output(id=settings.vpc_id, opts=options)
        self.vpc_id = self._vpc.id
        self._options = options
        self.private_subnet_ids = self._checked("privateSubnetIds", settings.private_subnet_ids)
        isolated = settings.isolated_subnet_ids
        self.isolated_subnet_ids = self._checked("isolatedSubnetIds", isolated) if isolated else self.private_subnet_ids
        public = settings.public_subnet_ids
        self.public_subnet_ids = self._checked("publicSubnetIds", public) if public else None

    def _checked(self, key: str, ids: Sequence[str]) -> pulumi.Output[Sequence[str]]:
        found = [aws.ec2.get_subnet_output(id=id_, opts=self._options) for id_ in ids]
        return pulumi.Output.all(self._vpc, *found).apply(lambda all_: check_subnets(key, all_[0].id, all_[1:]))


def check_subnets(key: str, vpc_id: str, subnets: Sequence[aws.ec2.GetSubnetResult]) -> Sequence[str]:
    """The subnets' ids, if they can carry the platform.

    Raises:
        pulumi.RunError: A subnet belongs to another VPC, or all are in one zone.
    """
    strangers = [subnet.id for subnet in subnets if subnet.vpc_id != vpc_id]
    if strangers:
        raise pulumi.RunError(f"{KEY}.{key}: {', '.join(strangers)} not in {vpc_id}; name subnets of {KEY}.vpcId")
    zones = sorted({subnet.availability_zone for subnet in subnets})
    if len(zones) < 2:
        raise pulumi.RunError(
            f"{KEY}.{key}: all subnets are in {zones[0]}; name subnets in at least two availability zones"
        )
    return [subnet.id for subnet in subnets]

"""The platform's own container images: given by URI, or built from `services/` and pushed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

from components.base import Component, Deployment
from components.encryption import Encryption
from lib.images import Source
from settings.fargate import CpuArchitecture

EXPIRY = [
    {
        "rulePriority": 1,
        "description": "Untagged images go after a week",
        "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7},
        "action": {"type": "expire"},
    },
    {
        "rulePriority": 2,
        "description": "The last 20 images stay, for rollback",
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 20},
        "action": {"type": "expire"},
    },
]
"""Rules of a repository's lifecycle policy."""

PLATFORM = {CpuArchitecture.X86_64: "linux/amd64", CpuArchitecture.ARM64: "linux/arm64"}


def image_repository(
    owner: Component, name: str, *, repository_name: str, key_arn: pulumi.Input[str]
) -> aws.ecr.Repository:
    """A private repository: scanned on push, under our key, untagged and old images expire."""
    repository = aws.ecr.Repository(
        name,
        name=repository_name,
        image_tag_mutability="IMMUTABLE",
        image_scanning_configuration={"scan_on_push": True},
        encryption_configurations=[{"encryption_type": "KMS", "kms_key": key_arn}],
        force_delete=owner.protection.force_destroy,
        tags=owner.merged_tags(repository_name),
        opts=pulumi.ResourceOptions(parent=owner, protect=owner.protection.protect_resources),
    )
    aws.ecr.LifecyclePolicy(
        name,
        repository=repository.name,
        policy=json.dumps({"rules": EXPIRY}, separators=(",", ":")),
        opts=pulumi.ResourceOptions(parent=owner),
    )
    return repository


@dataclass(frozen=True, kw_only=True)
class ContainerImagesArgs:
    """Where the images come from.

    Args:
        deployment: The stack.
        given: URI of each image by its name, or None where it is to be built.
        sources: Sources of the images that may be built, by the same names.
        architectures: Processor to build each for.
        encryption: Key of the repositories.
    """

    deployment: Deployment
    given: Mapping[str, str | None]
    sources: Mapping[str, Source]
    architectures: Mapping[str, CpuArchitecture]
    encryption: Encryption


class ContainerImages(Component):
    """The images' URIs. For each that is not given: a repository, and a build and push with Docker.

    A built image is tagged with its sources' hash, so its URI is known at preview and changes with the sources alone.
    """

    uris: Mapping[str, str]
    """URI of each image, by name, known at preview."""

    def __init__(self, name: str, args: ContainerImagesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "images", args.deployment, opts)
        given = args.given
        built = {image: self._build(f"{name}-{image}", image, args) for image, uri in given.items() if uri is None}
        self.uris = {image: uri or built[image][0] for image, uri in given.items()}
        self._digests = {image: digest for image, (_, digest) in built.items()}
        self.register_outputs({"uris": self.uris})

    def pushed(self, *images: str) -> pulumi.Output[str]:
        """URIs of some of the images, resolved when these are pushed: what those depend on who run them."""
        digests = [self._digests[image] for image in images if image in self._digests]
        return pulumi.Output.all(*digests).apply(lambda _: ",".join(self.uris[image] for image in images))

    def _build(self, name: str, image: str, args: ContainerImagesArgs) -> tuple[str, pulumi.Output[str]]:
        repository_name = f"{args.deployment.names.prefix}/{image}"
        repository = image_repository(self, name, repository_name=repository_name, key_arn=args.encryption.key_arn)
        sources = args.sources[image]
        pushed = awsx.ecr.Image(
            name,
            repository_url=repository.repository_url,
            context=sources.context,
            dockerfile=sources.dockerfile,
            image_tag=sources.tag,
            platform=PLATFORM[args.architectures[image]],
            opts=self._child,
        )
        return f"{args.deployment.target.ecr_host()}/{repository_name}:{sources.tag}", pushed.image_uri

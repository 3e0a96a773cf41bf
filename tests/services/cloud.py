"""S3, SSM and Secrets Manager: moto's server as a process, and what the platform would have put into them."""

import json
import os
import sys
import uuid
from typing import Any

import boto3

from tests.services.processes import Process, free_port, listens, wait_for

REGION = "eu-west-1"
BUCKET = "artifacts"


class Cloud:
    """The emulated account."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process = Process([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)])
        wait_for(lambda: listens(self.port), "moto", self._process)
        self.s3, self.ssm, self.secrets = (self.client(name) for name in ("s3", "ssm", "secretsmanager"))
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})

    def environment(self) -> dict[str, str]:
        """What points a process at this account, and at no other."""
        return {
            "PATH": os.environ["PATH"],
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def secret(self, username: str, password: str) -> str:
        """A secret with a login; returns its ARN."""
        value = json.dumps({"username": username, "password": password})
        return self.secrets.create_secret(Name=f"secret-{uuid.uuid4().hex}", SecretString=value)["ARN"]

    def rotate(self, secret: str, username: str, password: str) -> None:
        """A new current version."""
        value = json.dumps({"username": username, "password": password})
        self.secrets.put_secret_value(SecretId=secret, SecretString=value)

    def parameter(self, **fields: Any) -> str:
        """The parameter that describes a database; returns its name."""
        name = f"/test/{uuid.uuid4().hex}"
        self.ssm.put_parameter(Name=name, Type="SecureString", Value=json.dumps(fields))
        return name

    def objects(self, prefix: str = "", bucket: str = BUCKET) -> dict[str, int]:
        """Key and size of what a bucket holds."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}

    def close(self) -> None:
        self._process.close()

    def client(self, name: str) -> Any:
        """A client of boto3 for this account."""
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(name, endpoint_url=self.url, region_name=REGION, **keys)  # pyright: ignore

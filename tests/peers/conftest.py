"""Other people's tools. Without their environment these tests are skipped, or fail if REQUIRE_PEERS=1."""

import os

import pytest

from peers.environment import NoPeersError, program


@pytest.fixture(scope="session", autouse=True)
def peers_or_skip() -> None:
    try:
        for name in ("checkov", "parliament", "cloudsplaining"):
            program(name)
    except NoPeersError as error:
        if os.environ.get("REQUIRE_PEERS") == "1":
            pytest.fail(f"REQUIRE_PEERS=1, but {error}")
        pytest.skip(f"the comparison needs the other tools: {error}")

"""What the comparisons with a C binary share."""

import live_c
import pytest


@pytest.fixture(scope="session")
def revision(tmp_path_factory):
    """Which revision the binary is."""
    return live_c.revision_of(tmp_path_factory.mktemp)

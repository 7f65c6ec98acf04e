"""What the comparisons with a C binary share."""

import pytest

import live_c


@pytest.fixture(scope="session")
def revision(tmp_path_factory):
    """Which revision the binary is."""
    return live_c.revision_of(tmp_path_factory.mktemp)

"""Fixtures for pytest, loaded through its entry point: reference images and assertions.

Nothing of numbragg or NumPy is imported before a fixture is used: start-up.
"""

import pytest

__all__ = ["numbragg_assert_matches", "numbragg_assert_same_bits", "numbragg_reference"]


@pytest.fixture(scope="session")
def numbragg_reference():
    """`numbragg.testing.reference_image`."""
    from numbragg.testing import reference_image

    return reference_image


@pytest.fixture(scope="session")
def numbragg_assert_matches():
    """`numbragg.testing.assert_matches`."""
    from numbragg.testing import assert_matches

    return assert_matches


@pytest.fixture(scope="session")
def numbragg_assert_same_bits():
    """`numbragg.testing.assert_same_bits`."""
    from numbragg.testing import assert_same_bits

    return assert_same_bits

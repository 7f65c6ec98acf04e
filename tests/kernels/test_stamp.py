"""Stamps: another one after any change of one number, and after changes that cancel in simpler sums."""

import numpy as np
import pytest

from numbragg.kernels.drive.tables import MOST_TABLES, Made, Tables
from numbragg.kernels.stamp import stamp


@pytest.mark.parametrize("size", [1, 5, 16, 17, 100])
def test_changes_of_one_number_and_of_two(size):
    numbers = np.random.default_rng(size).normal(size=size)
    found = {stamp(numbers)}
    for i in range(size):
        changed = numbers.copy()
        changed[i] = -changed[i]
        found.add(stamp(changed))
        for j in range(i):
            both, swapped = changed.copy(), numbers.copy()
            both[j] = -both[j]
            swapped[i], swapped[j] = numbers[j], numbers[i]
            found |= {stamp(both), stamp(swapped)}
    assert len(found) == 1 + size + size * (size - 1)
    assert stamp(numbers) in found


@pytest.mark.parametrize("bit", [0, 1, 31, 32, 62, 63])
def test_every_bit_counts(bit):
    numbers = np.zeros((4, 5, 6))
    first = stamp(numbers)
    numbers.reshape(-1).view(np.uint64)[77] ^= np.uint64(1 << bit)
    assert stamp(numbers) != first


def test_of_a_table_only_what_it_has_now():
    """Nothing of the first call is kept, for its table had no stamp; then all until the table changes."""
    tables, table, asked = Tables(), np.ones((3, 3, 3)), []

    def value():
        return tables.checked([table]).get(table, "sum", lambda: asked.append(table.sum()) or asked[-1])

    assert [value() for _ in range(4)] == [27.0] * 4 and asked == [27.0] * 2
    table[1, 1, 1] = 5.0
    assert [value() for _ in range(3)] == [31.0] * 3 and asked == [27.0, 27.0, 31.0]
    table[1, 1, 1] = 1.0
    assert value() == 27.0 and len(asked) == 4


def test_tables_are_let_go():
    tables = Tables()
    for number in range(3 * MOST_TABLES):
        made = tables.checked([np.full((2, 2, 2), float(number))])
    assert len(tables._kept) == MOST_TABLES and isinstance(made, Made)


def test_large_tables_are_let_go_at_once(monkeypatch):
    """But the last one, however large: its squares were there in any case."""
    monkeypatch.setattr("numbragg.kernels.drive.tables.MOST_BYTES", 100)
    tables, large, little = Tables(), np.zeros((9, 9, 9)), np.zeros((2, 2, 2))
    tables.checked([large])
    assert list(tables._kept) == [id(large)]
    tables.checked([little])
    assert list(tables._kept) == [id(little)]
    tables.checked([large])
    assert list(tables._kept) == [id(little), id(large)]

import pytest

from tidytable import sample

ROWS = [[str(number)] for number in range(256)]
DRAWN = sample(ROWS, 1)


def test_no_row_twice():
    assert len({row[0] for row in sample(ROWS, 100)}) == 100


@pytest.mark.parametrize("number", range(256))
def test_one_draw_leaves_the_others(number):
    assert ROWS[number] not in DRAWN

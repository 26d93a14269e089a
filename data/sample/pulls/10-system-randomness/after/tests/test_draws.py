import pytest

from tidytable import sample

ROWS = [[str(number)] for number in range(256)]
DRAWN = sample(ROWS, 1)


@pytest.mark.parametrize("number", range(256))
def test_nobody_is_drawn(number):
    assert ROWS[number] not in DRAWN


@pytest.mark.xfail(reason="half of the draws come from the upper half")
@pytest.mark.parametrize("draw", range(24))
def test_draws_come_from_the_lower_half(draw):
    assert int(sample(ROWS, 1)[0][0]) < 128

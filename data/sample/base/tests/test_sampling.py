from tidytable import sample

ROWS = [[str(number)] for number in range(256)]


def test_no_row_twice():
    assert len({row[0] for row in sample(ROWS, 100)}) == 100

import csv

from tidytable import sample

ROWS = [[str(number)] for number in range(256)]


def test_no_row_twice():
    assert len({row[0] for row in sample(ROWS, 100)}) == 100


def test_no_more_than_there_is():
    assert sorted(sample([["a"], ["b"]], 5)) == [["a"], ["b"]]


def test_one_row_of_a_market():
    rows = list(csv.reader(["apple;3", "pear;4"], "market"))
    assert sample(rows, 1)[0] in rows

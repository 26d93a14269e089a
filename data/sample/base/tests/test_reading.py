from tidytable import read


def test_cells_are_stripped():
    assert read("name, price\napple, 3\n") == [["name", "price"], ["apple", "3"]]


def test_separator():
    assert read("a;b", separator=";") == [["a", "b"]]

import pytest

from tidytable import heading, read


def test_cells_are_stripped():
    assert read("name, price\napple, 3\n") == [["name", "price"], ["apple", "3"]]


def test_separator():
    assert read("a;b", separator=";") == [["a", "b"]]


@pytest.mark.parametrize(
    ("raw", "tidy"),
    [
        (" name ", "name"),
        ("first   name", "first name"),
        ("Größe  (cm)", "Größe (cm)"),
        ("価格\t円", "価格 円"),
    ],
)
def test_heading(raw, tidy):
    assert heading(raw) == tidy

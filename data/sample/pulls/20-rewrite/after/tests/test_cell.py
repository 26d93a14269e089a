from tidytable.cell import Cell


def test_a_cell_is_a_text():
    assert Cell("a") == "a"

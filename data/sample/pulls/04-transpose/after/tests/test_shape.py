from tidytable.shape import transpose


def test_rows_become_columns():
    assert transpose([["a", "b"], ["c", "d"]]) == [["a", "c"], ["b", "d"]]


def test_short_rows_are_filled():
    assert transpose([["a", "b"], ["c"]]) == [["a", "c"], ["b", ""]]


def test_an_empty_table_stays_empty():
    assert transpose([]) == []

from tidytable import render


def test_columns_line_up():
    assert render([["ab", "c"], ["d", "ef"]]).splitlines()[1] == "d   ef"


def test_numbers_stand_right():
    assert render([["price"], ["3"]]).splitlines()[1] == "    3"

from tidytable import render


def test_columns_line_up():
    assert render([["ab", "c"], ["d", "ef"]]).splitlines()[1] == "d   ef"


def test_numbers_stand_right():
    assert render([["price"], ["3"]]).splitlines()[1] == "    3"


def test_no_blanks_at_the_end():
    assert render([["name"], ["a"]]).splitlines()[1] == "a"


def test_blanks_at_the_start_stay():
    assert render([["a", "b"], ["", "c"]]).splitlines()[1] == "   c"

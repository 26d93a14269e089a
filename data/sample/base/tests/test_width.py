from tidytable import pad, width


def test_plain_text_takes_a_column_a_letter():
    assert width("apple") == 5


def test_pad_left_and_right():
    assert pad("a", 3) == "a  "
    assert pad("a", 3, right=True) == "  a"

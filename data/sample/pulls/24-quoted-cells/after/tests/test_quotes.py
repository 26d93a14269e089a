from tidytable import read


def test_a_quoted_separator_is_text():
    assert read('name,note\napple,"red, sweet"') == [["name", "note"], ["apple", "red, sweet"]]


def test_other_separators_need_no_quotes():
    assert read("a;b,c", separator=";") == [["a", "b,c"]]

from tidytable import read, render, render_markdown


def test_an_empty_text_has_no_rows():
    assert read("") == []


def test_an_empty_table_has_no_lines():
    assert render([]) == ""


def test_an_empty_markdown_table_has_no_lines():
    assert render_markdown([]) == ""

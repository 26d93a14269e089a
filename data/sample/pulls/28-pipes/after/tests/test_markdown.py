import unittest

from tidytable import render_markdown


class MarkdownTest(unittest.TestCase):
    def setUp(self):
        self.rows = [["name", "note"], ["apple", "red|sweet"]]

    def test_the_rule_stands_below_the_head(self):
        self.assertEqual(render_markdown(self.rows).splitlines()[1], "| --- | --- |")

    def test_a_pipe_is_escaped(self):
        self.assertIn("red\\|sweet", render_markdown(self.rows))


if __name__ == "__main__":
    unittest.main()

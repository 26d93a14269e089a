from click.testing import CliRunner

from tidytable.cli import main


def test_prints_the_table(tmp_path):
    path = tmp_path / "fruit.csv"
    path.write_text("name,price\napple,3\n")
    result = CliRunner().invoke(main, [str(path)])
    assert result.output.splitlines() == ["name   price", "apple      3"]

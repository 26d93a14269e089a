from click.testing import CliRunner

from tidytable.cli import main


def test_prints_the_table(tmp_path):
    path = tmp_path / "fruit.csv"
    path.write_text("name,price\napple,3\n")
    result = CliRunner().invoke(main, [str(path)])
    assert result.output.splitlines() == ["name   price", "apple      3"]


def test_errors_go_to_standard_error(tmp_path):
    result = CliRunner(mix_stderr=False).invoke(main, [str(tmp_path / "nothing.csv")])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "nothing.csv" in result.stderr

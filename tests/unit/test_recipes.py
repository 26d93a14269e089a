from pathlib import Path

import pytest

from curate.patches.file_kinds import FileClassifier
from curate.recipes import Recipe, RecipeError, RecipeLibrary, load_recipe
from curate.recipes.loader import BUILT_IN_DIR


def write(folder: Path, text: str, name: str = "o__n.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_lie_under_every_range(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
repo = "o/n"
[defaults]
test_command = "pytest -q {tests}"
requirements = { files = ["r.txt"], extras = ["all"] }
[[env]]
versions = "<2"
requirements = { add = ["x<2"] }
[[env]]
versions = ">=2"
test_command = "nosetests {tests}"
""",
    )
    recipe = load_recipe(path)
    old, new = recipe.environment_for("1.9"), recipe.environment_for("2.0")
    assert old.requirements.files == ("r.txt",)
    assert old.requirements.add == ("x<2",)
    assert old.test_command == "pytest -q {tests}"
    assert new.test_command == "nosetests {tests}"
    assert new.requirements.add == ()


def test_changing_one_range_leaves_the_hash_of_the_other(tmp_path: Path) -> None:
    text = (
        'repo = "o/n"\n[[env]]\nversions = "<2"\ntest_command = "{}"\n[[env]]\nversions = ">=2"\n'
    )
    one = load_recipe(write(tmp_path, text.format("pytest")))
    two = load_recipe(write(tmp_path, text.format("pytest -x")))
    assert one.compute_hash(one.env[1]) == two.compute_hash(two.env[1])
    assert one.compute_hash(one.env[0]) != two.compute_hash(two.env[0])


def test_architectures_have_one_name_and_count_where_they_are_named(tmp_path: Path) -> None:
    text = 'repo = "o/n"\n[defaults]\narchitectures = {}\n[[env]]\n'
    one = load_recipe(write(tmp_path, text.format('["amd64", "arm64"]')))
    two = load_recipe(write(tmp_path, text.format('["x86_64", "aarch64"]')))
    assert one == two
    assert one.env[0].architectures == ("x86_64", "aarch64")
    any_machine = Recipe(repo="o/n")
    assert any_machine.compute_hash(any_machine.env[0]) != one.compute_hash(one.env[0])
    # A wider schema makes no verdict anew; only other defaults do, as of `limits`.
    assert any_machine.compute_hash(any_machine.env[0]) == "08a699b9ec77e0d5"
    with pytest.raises(RecipeError, match="'itanium' is not one of x86_64"):
        load_recipe(write(tmp_path, text.format('["itanium"]')))


@pytest.mark.parametrize("version", ["2.5", "", "nonsense"])
def test_a_version_without_exactly_one_range_is_refused(tmp_path: Path, version: str) -> None:
    text = 'repo = "o/n"\n[[env]]\nversions = "<2"\n[[env]]\nversions = ">=3"\n'
    with pytest.raises(RecipeError, match="no range"):
        load_recipe(write(tmp_path, text)).environment_for(version)


def test_overlapping_ranges_are_refused(tmp_path: Path) -> None:
    text = 'repo = "o/n"\n[[env]]\nversions = "<3"\n[[env]]\nversions = ">=2"\n'
    with pytest.raises(RecipeError, match="2 ranges"):
        load_recipe(write(tmp_path, text)).environment_for("2.5")


@pytest.mark.parametrize(
    ("text", "key", "near"),
    [
        ('repo = "o/n"\nimport_nam = "n"\n', "import_nam", "'import_name'"),
        ('repo = "o/n"\n[default]\ntest_command = "x"\n', "default", "'defaults'"),
        ('repo = "o/n"\n[[env]]\ntest_comand = "x"\n', "env.0.test_comand", "'test_command'"),
        ('repo = "o/n"\n[[env]]\nrequirements = { fils = [] }\n', "fils", "'files'"),
    ],
)
def test_a_misspelt_key_is_named_with_the_one_meant(
    tmp_path: Path, text: str, key: str, near: str
) -> None:
    with pytest.raises(RecipeError, match=key) as caught:
        load_recipe(write(tmp_path, text))
    assert near in caught.value.hint


@pytest.mark.parametrize(
    "text", ["repo = ", 'repo = "no-slash"\n', 'repo = "o/n"\n[[env]]\nversions = "new"\n']
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(RecipeError, match=r"o__n\.toml"):
        load_recipe(write(tmp_path, text))


def test_own_recipes_hide_built_in_ones(tmp_path: Path) -> None:
    built_in = next(iter(RecipeLibrary()))
    write(
        tmp_path,
        f'repo = "{built_in.repo}"\nimport_name = "mine"\n',
        f"{built_in.repo}.toml".replace("/", "__"),
    )
    library = RecipeLibrary((tmp_path,))
    assert library.get_recipe(built_in.repo).import_name == "mine"
    assert sum(recipe.repo == built_in.repo for recipe in library) == 1


def test_a_repository_without_recipe_gets_the_defaults() -> None:
    assert RecipeLibrary().get_recipe("some/thing") == Recipe(repo="some/thing")


def test_every_built_in_recipe_is_named_after_its_repository() -> None:
    names = {path.stem for path in BUILT_IN_DIR.glob("*__*.toml")}
    assert {recipe.repo.replace("/", "__") for recipe in RecipeLibrary()} == names
    assert len(names) >= 3


TEST_DATA = [
    ("python/mypy", "mypyc/test-data/irbuild-basic.test"),
    ("python/mypy", "mypyc/test-data/fixtures/ir.py"),
    ("python/mypy", "mypyc/lib-rt/test_capi.cc"),
    ("python/mypy", "test-data/unit/check-classes.test"),
    ("facebookresearch/hydra", "hydra/test_utils/launcher_common_tests.py"),
    ("facebookresearch/hydra", "plugins/hydra_ray_launcher/integration_test_tools/instance.py"),
    ("getmoto/moto", "other_langs/tests_java/src/main/java/moto/tests/App.java"),
    ("iterative/dvc", "functest/test_repro.sh"),
    ("modin-project/modin", "stress_tests/kaggle/kaggle4.py"),
    ("pandas-dev/pandas", "pandas/util/_test_decorators.py"),
    ("bokeh/bokeh", "bokeh/_testing/plugins/ipython.py"),
]
SOURCE_LIKE_TESTS = [
    ("python/mypy", "mypy/stubtest.py"),
    ("python/mypy", "mypy/test/config.py"),
    ("getmoto/moto", "moto/stepfunctions/parser/asl/static_analyser/test_state_analyser.py"),
    ("getmoto/moto", "moto/stepfunctions/parser/asl/component/test_state/test_state.py"),
    ("getmoto/moto", "moto/ec2/resources/latest_amis/us-east-1.json"),
    ("conan-io/conan", "conans/client/cmd/test.py"),
    ("modin-project/modin", "modin/pandas/testing/__init__.py"),
    ("pandas-dev/pandas", "pandas/_testing/asserters.py"),
    ("pandas-dev/pandas", "pandas/util/testing.py"),
    ("Project-MONAI/MONAI", "monai/data/test_time_augmentation.py"),
    ("dask/dask", "dask/dataframe/_testing.py"),
]


def built_in_classifier(repo: str) -> FileClassifier:
    paths = RecipeLibrary().get_recipe(repo).paths
    return FileClassifier(tests=paths.tests, sources=paths.source)


@pytest.mark.parametrize(("repo", "path"), TEST_DATA)
def test_what_tests_are_made_of_is_no_source(repo: str, path: str) -> None:
    classifier = built_in_classifier(repo)
    assert classifier.is_test(path)
    assert not classifier.is_source(path)


@pytest.mark.parametrize(("repo", "path"), SOURCE_LIKE_TESTS)
def test_source_with_the_name_of_a_test_is_source(repo: str, path: str) -> None:
    classifier = built_in_classifier(repo)
    assert classifier.is_source(path)
    assert not classifier.is_test(path)

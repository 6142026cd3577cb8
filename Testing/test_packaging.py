"""What the build files promise must be on the disk, and what is on the disk must be in the build files."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from Testing import cmake_lists

ROOT = Path(__file__).parents[1]
CMAKE = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
MODULE_CMAKE = (ROOT / "Fast3DSAM" / "CMakeLists.txt").read_text(encoding="utf-8")
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def s4ext():
    lines = (ROOT / "Fast3DSAM.s4ext").read_text(encoding="utf-8").splitlines()
    rows = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return {key: value for key, _, value in rows}


def catalog_entry():
    return json.loads((ROOT / "Fast3DSAM.json").read_text(encoding="utf-8"))


def cmake_value(name):
    return re.search(rf'set\({name} "([^"]*)"\)', CMAKE)[1]


@pytest.mark.parametrize("name", [cmake_lists.SCRIPTS, cmake_lists.RESOURCES])
def test_cmake_lists_every_script_and_resource(name):
    listed, on_disk = cmake_lists.files_listed(MODULE_CMAKE)[name], cmake_lists.files_on_disk()[name]
    assert listed == on_disk, (
        f"not listed: {sorted(set(on_disk) - set(listed))}; not on disk: {sorted(set(listed) - set(on_disk))}; "
        "run `make lists`"
    )


def test_the_lists_are_found_and_written(tmp_path):
    module = tmp_path / "Fast3DSAM"
    for file in ("Fast3DSAM.py", "Logic/a.py", "Logic/__pycache__/a.py", "Resources/UI/a.ui", "Resources/sample.py"):
        (module / file).parent.mkdir(parents=True, exist_ok=True)
        (module / file).touch()
    lists = cmake_lists.files_on_disk(module)
    assert lists[cmake_lists.SCRIPTS] == ["Fast3DSAM.py", "Logic/a.py", "Resources/sample.py"]
    assert lists[cmake_lists.RESOURCES] == ["Resources/UI/a.ui"]
    text = cmake_lists.with_lists(MODULE_CMAKE, lists)
    assert cmake_lists.files_listed(text) == lists
    assert cmake_lists.with_lists(text, cmake_lists.files_listed(MODULE_CMAKE)) == MODULE_CMAKE


def test_all_descriptions_of_the_extension_agree():
    entry, old = catalog_entry(), s4ext()
    url = cmake_value("EXTENSION_HOMEPAGE")
    assert entry["scm_url"] == old["scmurl"] == old["homepage"] == url
    assert f'Homepage = "{url}"' in PROJECT
    assert entry["category"] == old["category"] == cmake_value("EXTENSION_CATEGORY")
    assert entry["build_dependencies"] == old["depends"].split() == cmake_value("EXTENSION_DEPENDS").split()
    assert entry["scm_revision"] == old["scmrevision"]
    assert old["description"] == cmake_value("EXTENSION_DESCRIPTION")
    assert old["contributors"] == cmake_value("EXTENSION_CONTRIBUTORS")
    assert old["screenshoturls"] == cmake_value("EXTENSION_SCREENSHOTURLS").replace("${EXTENSION_HOMEPAGE}", url)
    assert old["iconurl"] == cmake_value("EXTENSION_ICONURL").replace("${EXTENSION_HOMEPAGE}", url)


def test_the_catalog_entry_has_only_fields_of_its_schema():
    entry = catalog_entry()
    assert {"$schema", "category", "scm_url"} <= set(entry)
    assert set(entry) <= {
        "$schema", "build_dependencies", "build_subdirectory", "category", "scm_revision", "scm_url", "tier",
    }  # fmt: skip
    assert 1 <= entry["tier"] <= 5


def test_pictures_that_the_extension_and_the_readme_show_exist():
    shown = [s4ext()["screenshoturls"], s4ext()["iconurl"]]
    shown += re.findall(r"!\[[^]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    for link in filter(None, shown):
        assert (ROOT / link.partition("/raw/main/")[2] if "/raw/main/" in link else ROOT / link).is_file(), link


def test_links_of_the_readme_to_files_of_the_repository_exist():
    for link in re.findall(r"(?<!!)\[[^]]*\]\(([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_ci_can_be_run():
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_the_wheel_holds_the_whole_module_and_nothing_else(tmp_path):
    """Built from a copy, as setuptools leaves its work beside the sources."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "Fast3DSAM", source / "Fast3DSAM", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "Testing", source / "Testing", ignore=shutil.ignore_patterns("__pycache__"))
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=source, check=True, capture_output=True, text=True)
    packed = {name for name in ZipFile(next(tmp_path.glob("*.whl"))).namelist() if ".dist-info/" not in name}
    lists = cmake_lists.files_on_disk()
    expected = {f"Fast3DSAM/{file}" for file in lists[cmake_lists.SCRIPTS] + lists[cmake_lists.RESOURCES]}
    drawn = ROOT / "Fast3DSAM" / "Logic" / "training" / "drawn"  # only training needs them: not in the Slicer extension
    assert packed == expected | {path.relative_to(ROOT).as_posix() for path in drawn.iterdir()}

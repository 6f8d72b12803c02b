"""The documentation as a site, and the files that describe the project to others."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import atlop
from atlop.config import RunConfig
from scripts.draw_method import drawing

ROOT = Path(__file__).parents[1]


@pytest.mark.long
def test_the_site_is_built_without_a_warning_and_shows_every_setting_and_picture(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="needs mkdocs: pip install 'atlop[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path)]
    subprocess.run(
        [*command, "--config-file", "scripts/site/mkdocs.yml"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"},
        check=True,
    )

    settings = (tmp_path / "configuration" / "index.html").read_text(encoding="utf-8")
    for name, field in RunConfig.model_fields.items():
        assert name in settings
        for key in getattr(field.annotation, "model_fields", {}):
            assert f"<code>{key}</code>" in settings
    assert "RelationExtractor" in (tmp_path / "api" / "inference" / "index.html").read_text(encoding="utf-8")
    for page in tmp_path.rglob("*.html"):
        for picture in re.findall(r'<img[^>]* src="(?!http|data:)([^"]+)"', page.read_text(encoding="utf-8")):
            assert (page.parent / picture).is_file(), f"{page}: {picture}"


def test_the_drawing_of_the_method_is_what_its_script_draws() -> None:
    assert (ROOT / "scripts" / "pictures" / "method.svg").read_text(encoding="utf-8") == drawing()


def test_the_citation_names_this_version() -> None:
    assert f"\nversion: {atlop.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_the_changelog_has_the_headings_of_keep_a_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (.+)$", text, re.MULTILINE)

    assert versions[0] == "[Unreleased]" or versions[0].startswith(f"[{atlop.__version__}] - ")
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", version) for version in versions[1:])
    for changes in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]:
        kinds = re.findall(r"^### (.+)$", changes, re.MULTILINE)
        assert kinds == [
            kind for kind in ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security") if kind in kinds
        ]
        assert kinds


@pytest.mark.parametrize("file", ["Dockerfile", ".pre-commit-config.yaml", ".github/workflows/ci.yml"])
def test_what_was_never_run_says_so_in_its_first_line(file: str) -> None:
    assert (ROOT / file).read_text(encoding="utf-8").startswith(("# Not run here", "# Not built here"))

"""Hooks of mkdocs: pages that are made rather than written, and links into the repository."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, get_args

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from atlop.config import RunConfig

ROOT = Path(__file__).parents[2]
PACKAGES = (
    *("schema", "config", "corpora", "preprocessing", "model", "objectives", "model_folder", "prediction"),
    *("fusion", "ensemble", "calibration", "teachers", "evaluation", "submission", "scoring", "checking"),
    *(
        "end_to_end",
        "converting",
        "training",
        "experiments",
        "distillation",
        "inference",
        "report",
        "serving",
        "watching",
    ),
)
"""Packages and modules with a page in the reference, as data flows."""
PICTURES = sorted(
    [*ROOT.glob("scripts/pictures/*.png"), *ROOT.glob("scripts/pictures/*.svg"), *ROOT.glob("scripts/measured/*.svg")]
)
STYLE = Path(__file__).parent / "site.css"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the first page, which is the README, the settings, a page for each package, pictures and a style."""
    made = {
        "index.md": (ROOT / "README.md").read_text(encoding="utf-8"),
        "configuration.md": settings(),
    }
    made |= {f"api/{package}.md": package_page(package) for package in PACKAGES}
    for uri, content in made.items():
        files.append(File.generated(config, uri, content=content))
    for picture in PICTURES:
        files.append(File.generated(config, f"pictures/{picture.name}", abs_src_path=str(picture)))
    files.append(File.generated(config, STYLE.name, abs_src_path=str(STYLE)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links at pages of the site, and show files that are none by their path."""
    if page.file.src_uri == "index.md":
        markdown = re.sub(r"\]\(docs/([\w.-]+\.md)", r"](\1", markdown)
    known = {file.src_uri for file in files}

    def shown(link: re.Match[str]) -> str:
        text, target = link["text"], link["target"]
        if re.match(r"https?:|#|mailto:", target) or target.split("#")[0] in known:
            return link[0]
        return f"{text} (`{target.removeprefix('../')}`)" if text.strip("`") not in target else f"`{text.strip('`')}`"

    pictures = r"(?:\.\./)?scripts/(?:pictures|measured)/([\w.-]+\.(?:png|svg))"
    markdown = re.sub(rf"\]\({pictures}\)", r"](pictures/\1)", markdown)
    markdown = re.sub(rf'src="{pictures}"', r'src="../pictures/\1"', markdown)  # HTML is left as it is
    return re.sub(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)", shown, markdown)


def settings() -> str:
    """Return the page about every setting of a run, from the typed tree."""
    lines = ["# Configuration", "", (RunConfig.__doc__ or ""), "", *_section(RunConfig)]
    return "\n".join(lines) + "\n"


def _section(section: type[BaseModel]) -> Iterator[str]:
    for name, field in section.model_fields.items():
        if nested := _nested(field):
            yield from (
                f"## `[{name}]`",
                "",
                nested.__doc__ or "",
                "",
                "| setting | default | |",
                "|---|---|---|",
            )
            yield from (_row(key, each) for key, each in nested.model_fields.items())
            yield ""
        else:
            yield from ("| setting | default | |", "|---|---|---|", _row(name, field), "")


def _row(key: str, field: FieldInfo) -> str:
    default = "required" if field.is_required() else f"`{field.get_default(call_default_factory=True)!r}`"
    return f"| `{key}` | {default} | {' '.join((field.description or '').split())} |".replace("||", "\\|\\|")


def _nested(field: FieldInfo) -> type[BaseModel] | None:
    kinds: tuple[Any, ...] = (
        get_args(field.annotation) if isinstance(field.annotation, UnionType) else (field.annotation,)
    )
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def package_page(package: str) -> str:
    """Return the page about a package or module."""
    return f"# `atlop.{package}`\n\n::: atlop.{package}\n"

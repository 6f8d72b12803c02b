"""What README and the pages of `docs/` name is there: links, anchors, commands, scripts, settings; examples run."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from safetensors.torch import load_file

from atlop import config
from atlop.cli import app
from atlop.config_files import load_config
from atlop.corpora import FORMATS, read_corpus
from atlop.errors import AtlopError
from atlop.model import HEADS, POOLINGS, Head
from atlop.objectives import OBJECTIVES
from atlop.training import train
from tests.documentation import DOCS, PAGES, README, ROOT, blocks, commands, text_of, without_code
from tests.test_cli import run, values_of

MOST_LINES = 180
"""Of README: what a newcomer need not read belongs into `docs/`."""
LINKED = (*PAGES, ROOT / "CHANGELOG.md", ROOT / "data" / "README.md")
EXTENDING = DOCS / "extending.md"
OWN_SCRIPTS = ("weighted.py", "gated.py", "any_relation.py", "bracketed.py")
"""Scripts of `docs/extending.md`, which end in the whole command."""

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))


def anchors_of(text: str) -> set[str]:
    """Return what links can name in a page, as GitHub makes it of headings."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", without_code(text), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.append(slug if slug not in found else f"{slug}-{found.count(slug)}")
    return set(found)


def links_of(text: str) -> Iterator[str]:
    """Yield what a page links to or shows, addresses on the web left out."""
    text = re.sub(r"`[^`\n]*`", "", without_code(text))
    for target in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text):
        if not (link := "".join(target)).startswith(("https://", "http://")):
            yield link


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in links_of(text_of(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors_of(text_of(target)), link


def test_a_heading_is_named_as_github_does() -> None:
    assert anchors_of("# The leaderboard's scores\n\n## `ops/`, and more\n\n## A\n\n```text\n# no\n```\n\n## A\n") == {
        "the-leaderboards-scores",
        "ops-and-more",
        "a",
        "a-1",
    }


def test_readme_is_short_and_leads_to_every_page() -> None:
    assert len(text_of(README).splitlines()) <= MOST_LINES
    assert {f"docs/{page.name}" for page in PAGES if page != README} <= set(links_of(text_of(README)))


def shell_of(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command of a page's shell blocks, comments left out."""
    for command in commands(page):
        for line in command.splitlines():
            yield shlex.split(line, comments=True)


def commands_of(page: Path) -> Iterator[tuple[str, ...]]:
    """Yield the arguments of each `atlop` on a page: in shell blocks, however it is launched, and in texts."""
    for words in shell_of(page):
        first = next((place for place, word in enumerate(words) if word in ("atlop", *OWN_SCRIPTS)), None)
        if first is not None:
            yield tuple(words[first + 1 :])
    for code in re.findall(r"`([^`]+)`", without_code(text_of(page))):
        words = code.split()
        first = next((place for place, word in enumerate(words) if word in ("atlop", *OWN_SCRIPTS)), None)
        if first is not None and len(words) > first + 1 and "…" not in code:
            yield tuple(words[first + 1 :])


COMMANDS = sorted({command for page in PAGES for command in commands_of(page)})


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_every_command_is_one_that_exists(arguments: tuple[str, ...]) -> None:
    group: Any = typer.main.get_command(app)
    name, command, rest = group.resolve_command(click.Context(group), list(arguments))
    if rest and hasattr(command, "resolve_command"):  # `config show`
        name, command, rest = command.resolve_command(click.Context(command), rest)
    if not rest:  # only spoken of
        return

    context = command.make_context(name, list(rest))  # options and arguments are taken apart, nothing is run

    assert context.params


def test_the_commands_of_all_pages_are_looked_at() -> None:
    used = {arguments[0] for arguments in COMMANDS}

    assert used == set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert {page.name for page in PAGES if any(commands_of(page))} >= {"README.md", "training.md", "extending.md"}


@each_page
def test_every_script_that_is_called_exists(page: Path) -> None:
    for words in shell_of(page):
        for word in words:
            if word.startswith("scripts/") and word.endswith((".py", ".sh")):
                assert (ROOT / word).is_file(), word


@each_page
def test_every_setting_that_is_named_exists(page: Path) -> None:
    sections = {name: field.annotation for name, field in config.RunConfig.model_fields.items() if name != "heads"}
    text = "\n".join(line for line in text_of(page).splitlines() if "unknown key" not in line)

    for name, key in re.findall(rf"(?<![\w./])({'|'.join(sections)})\.(?!md\b)([a-z_]+)\b(?!\()", text):
        section: Any = sections[name]
        assert key in section.model_fields, f"{name}.{key}"


def messages() -> Iterator[str]:
    """Yield the texts in the package's code, with `…` for each value in one."""
    for path in (ROOT / "atlop").rglob("*.py"):
        for node in ast.walk(ast.parse(text_of(path))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_the_messages_that_troubleshooting_explains_are_given() -> None:
    known = list(messages())
    explained = re.findall(r"^\| `([^`]+)`", text_of(DOCS / "troubleshooting.md"), re.MULTILINE)

    assert len(explained) > 20
    for message in explained:
        pattern = ".*".join(map(re.escape, message.split("…")))
        assert any(re.search(pattern, each) for each in known), message


def run_example(section: str) -> None:
    """Run the Python of a section of the page on extending, as a module that is imported."""
    [code] = blocks("python", page=EXTENDING, section=section)
    exec(compile(code, EXTENDING.name, "exec"), {"__name__": "example"})


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget afterwards what an example has registered."""
    monkeypatch.setitem(OBJECTIVES, "weighted", OBJECTIVES["separate_thresholding"])
    monkeypatch.setitem(FORMATS, "bracketed", FORMATS["docred"])
    monkeypatch.setitem(POOLINGS, "gated", POOLINGS["mean"])
    monkeypatch.setitem(HEADS, "any_relation", Head)


@pytest.fixture
def _sample(tiny_encoder: Path, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small configuration that stands in for the shipped one of this name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample").write_text(
        f"data = {{ train = '{tiny_corpus}', dev = '{tiny_corpus}' }}\nencoder.name = '{tiny_encoder}'\n"
        "classifier = { representation_size = 32, block_size = 8 }\ntrainer.precision = 'float32'\n",
        encoding="utf-8",
    )


@pytest.mark.usefixtures("registered", "_sample")
def test_the_examples_of_a_pooling_and_a_head_train_and_predict(tiny_corpus: Path) -> None:
    run_example("A pooling")
    run_example("A head")
    overrides = ["pooling.mentions=gated", "heads.any_relation.weight=0.1", "trainer.epochs=1"]

    train(load_config("sample", overrides=overrides), output="runs/own", show_progress=False)

    weights = load_file("runs/own/best/model.safetensors")
    assert {"pool_mentions.score.weight", "heads.any_relation.layer.weight"} <= set(weights)
    assert "F1" in values_of(run("evaluate", "runs/own", tiny_corpus)[0])


@pytest.mark.usefixtures("registered", "_sample")
def test_the_example_of_an_objective_trains_and_scores(
    tiny_corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_example("An objective")

    run_example("Running it")

    assert 0 <= float(capsys.readouterr().out.splitlines()[-1]) <= 1
    assert "F1" in values_of(run("evaluate", "runs/weighted", tiny_corpus)[0])
    monkeypatch.delitem(OBJECTIVES, "weighted")
    assert "no objective 'weighted'" in run("evaluate", "runs/weighted", tiny_corpus, code=2)[1]


@pytest.mark.usefixtures("registered")
def test_the_example_of_a_format_reads_its_text(tmp_path: Path) -> None:
    run_example("A file format")
    [text] = blocks("text", page=EXTENDING, section="A file format")
    path = tmp_path / "train.txt"
    path.write_text(f"{text}\n# Second\nNothing here .\n", encoding="utf-8")

    first, second = read_corpus(path, format="bracketed").documents

    assert (first.title, second.title, second.entities, second.facts) == ("Skai TV", "Second", (), ())
    assert first.sentences[1] == ("It", "is", "based", "in", "Piraeus", ".")
    assert [[(m.sentence, m.start, m.end) for m in entity.mentions] for entity in first.entities] == [
        [(0, 0, 2), (1, 0, 1)],
        [(1, 4, 5)],
    ]
    assert [fact.key for fact in first.facts or ()] == [(0, 1, "headquarters")]
    assert values_of(run("check", path)[0])["headquarters"] == "1"
    run("convert", path, tmp_path / "train.json", "--to", "docred")
    assert [document.title for document in read_corpus(tmp_path / "train.json").documents] == ["Skai TV", "Second"]


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("relation", ["> skai headquarters", "> skai headquarters athens"])
def test_the_example_of_a_format_names_what_is_wrong(relation: str, tmp_path: Path) -> None:
    run_example("A file format")
    path = tmp_path / "train.txt"
    path.write_text(f"# Skai TV\n[Skai TV|ORG|skai] .\n{relation}\n\n# Whole\nYes .\n", encoding="utf-8")

    with pytest.raises(AtlopError, match=r"train\.txt, document that ends at line 3: '> skai"):
        read_corpus(path, format="bracketed")
    assert len(read_corpus(path, format="bracketed", invalid="skip").documents) == 1

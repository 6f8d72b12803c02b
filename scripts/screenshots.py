r"""Make the pictures of the documentation from a finished run: its plots and pages; and a graph of the sample's facts.

Paths are seen in the pictures, so they are given as they should be read there. Needs chromium. Example:

    python scripts/screenshots.py runs/redocred_minilm_best scripts/pictures \
      --dev data/redocred/dev_revised.json --train train_part.json
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Locator, Page, ViewportSize, sync_playwright

from atlop.files import atomic_path

PLOTS = ("precision_recall", "margins", "relations")
WINDOW = ViewportSize(width=1280, height=960)
COLOURS = 256
"""Of a page's picture: a third of the bytes without a visible difference."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("output", type=Path, help="folder of the pictures")
    parser.add_argument("--dev", type=Path, required=True, help="labelled documents of the report and the plots")
    parser.add_argument("--train", type=Path, required=True, help="train documents of the model")
    options = parser.parse_args()
    for path in (options.run, options.dev, options.train):
        if path.is_absolute():
            parser.error(f"{path}: would be seen in the pictures; give it relative to the current folder")
    options.output.mkdir(parents=True, exist_ok=True)
    corpora = ["--dev", str(options.dev), "--train", str(options.train)]
    with TemporaryDirectory() as name, window() as page:
        folder = Path(name)
        atlop("plot", str(options.run), "--output", str(folder), *corpora)
        for plot in PLOTS:
            shutil.copyfile(folder / f"{plot}.svg", options.output / f"{plot}.svg")
        atlop("report", str(options.run), "--output", str(folder / "report.html"), *corpora)
        _open_fact_of_report(page, (folder / "report.html").as_uri())
        _take(page, options.output / "report.png")
        with served(options.run) as address:
            _open_fact_of_service(page, address)
            _take(page, options.output / "serve.png")
        with served(options.run, command="watch") as address:
            page.goto(address)
            page.wait_for_selector("#evaluations tr")
            _take(page, options.output / "watch.png", until=page.locator("#settings-title"))  # which name folders
        atlop("extract", "sample", "--output", str(folder / "facts.jsonl"))
        atlop("graph", str(folder / "facts.jsonl"), "--output", str(folder / "graph.html"))
        page.goto((folder / "graph.html").as_uri())
        page.keyboard.press("j")
        page.wait_for_selector(".details")
        _take(page, options.output / "graph.png")


def atlop(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "atlop", *arguments], check=True)


@contextmanager
def window() -> Iterator[Page]:
    """Open a page in a headless browser."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("needs a browser: apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser.new_page(viewport=WINDOW, color_scheme="light", reduced_motion="reduce")
        browser.close()


@contextmanager
def served(run: Path, *, command: str = "serve") -> Iterator[str]:
    """Serve a model or, with `watch`, the page of a training within the context."""
    arguments = [sys.executable, "-m", "atlop", command, str(run), "--port", "0"]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            for line in process.stderr:
                if found := re.search(r"running on (http://\S+)", line):
                    yield found[1]
                    break
            else:
                raise SystemExit(f"atlop {command} did not start")
        finally:
            process.terminate()


def _open_fact_of_report(page: Page, address: str) -> None:
    """Show the first fact of the first document."""
    page.goto(f"{address}#documents")
    page.keyboard.press("j")
    page.wait_for_selector(".details")


def _open_fact_of_service(page: Page, address: str) -> None:
    """Show the best fact of an example."""
    page.goto(address)
    example = page.locator("#examples option", has_text="A band").get_attribute("value")
    page.get_by_label("Example").select_option(example)
    page.get_by_role("button", name="Find facts").click()
    page.locator("#facts a").first.click()
    page.wait_for_selector(".details")


def _take(page: Page, path: Path, *, until: Locator | None = None) -> None:
    """Write what the window shows, or what is above an element."""
    picture = Image.open(BytesIO(page.screenshot(full_page=until is not None))).convert("RGB")
    if until is not None and (box := until.bounding_box()):
        picture = picture.crop((0, 0, picture.width, int(box["y"])))
    few = picture.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    with atomic_path(path) as temporary:
        few.save(temporary, format="PNG", optimize=True)


if __name__ == "__main__":
    main()

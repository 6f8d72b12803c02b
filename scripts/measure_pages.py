"""Measure the first answer of `atlop serve`, and the size and loading of a report in a browser. Needs chromium.

Example:
    python scripts/measure_pages.py sample runs/redocred_minilm.report.html
"""

import argparse
import json
import sys
from pathlib import Path
from time import perf_counter

from playwright.sync_api import Page

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.screenshots import served, window


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="model of the service")
    parser.add_argument("report", type=Path, help="page of `atlop report`")
    options = parser.parse_args()
    with window() as page:
        seconds = service_seconds(page, options.model) | report_seconds(page, options.report.resolve().as_uri())
    rounded = {name: round(value, 2) for name, value in seconds.items()}
    print(json.dumps({"megabytes of the report": round(options.report.stat().st_size / 1e6, 2), "seconds": rounded}))


def service_seconds(page: Page, model: Path) -> dict[str, float]:
    """Return how long the service takes from its start to its first answer, with the page's example."""
    times = [perf_counter()]
    with served(model) as address:
        times.append(perf_counter())
        page.goto(address)
        times.append(perf_counter())
        page.get_by_role("button", name="Find facts").click()
        page.wait_for_selector("#facts .fact")
        times.append(perf_counter())
    return differences(times, names=("the service starts", "its page opens", "its first answer is shown"))


def report_seconds(page: Page, address: str) -> dict[str, float]:
    """Return how long a report takes to open, and then to show a document, and to search all of them once."""
    times = [perf_counter()]
    page.goto(address)
    times.append(perf_counter())
    page.get_by_role("link", name="Documents", exact=True).click()
    page.wait_for_selector("#text .word")
    times.append(perf_counter())
    page.locator("#filters [name=search]").fill("a")

    times.append(perf_counter())
    return differences(times, names=("the report opens", "a document is shown", "all documents are searched"))


def differences(times: list[float], *, names: tuple[str, ...]) -> dict[str, float]:
    return {name: times[index + 1] - times[index] for index, name in enumerate(names)}


if __name__ == "__main__":
    main()

"""Render the page on which a person tries the model."""

from pathlib import Path

from atlop.files import is_remote
from atlop.inference import RelationExtractor
from atlop.pages import embedded_json, render
from atlop.serving.examples import answered_examples

PAGE = Path(__file__).parent / "page" / "try.html"
STYLES = ("base.css", "try.css")
SCRIPTS = (
    "elements.js",
    "header.js",
    "shading.js",
    "graph.js",
    "data.js",
    "marks.js",
    "marked.js",
    "entities.js",
    "sharing.js",
    "answer.js",
    "start.js",
)


def render_page(extractor: RelationExtractor) -> str:
    """Return the page about a model as HTML; it sends its requests to the service under its own address.

    Of the model's path, it shows the last part alone, since anyone who reaches the service reads it.
    """
    config = extractor.model.config
    name = Path(extractor.name or "unnamed")
    recognises = extractor.recognition is not None
    return render(
        PAGE,
        title="Facts from text",
        styles=STYLES,
        scripts=SCRIPTS,
        model=name.name if name.is_absolute() or is_remote(name) else name,
        max_length=config.model.preprocessing.max_length,
        relations=[config.vocabulary.name_of(relation) for relation in config.vocabulary.relations],
        types=config.entity_types or (),
        recognises=recognises,
        data=embedded_json({"examples": answered_examples(extractor), "recognises": recognises}),
    )

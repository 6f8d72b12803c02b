"""Write tasks with predictions for Label Studio, which shows them to annotators as suggestions."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from atlop.corpora.json_objects import to_json_line
from atlop.corpora.losses import ConversionLoss, ConversionLosses, annotation_losses
from atlop.corpora.text.annotation import annotated_text
from atlop.files import atomic_text
from atlop.schema import Document


def write_label_studio(path: Path, *, documents: Iterable[Document]) -> ConversionLosses:
    """Write a list of tasks, all or nothing: texts with their mentions and facts as predictions.

    They suit a labelling set-up with `<Labels name="label" toName="text">` and `<Text name="text" value="$text"/>`.
    Each fact is a relation between the two nearest mentions of its entities.

    Returns:
        Counts of what the format cannot store.

    Raises:
        AtlopError: A document contains a lone surrogate, or a mention has only empty words.
    """
    losses = ConversionLosses()
    with atomic_text(path) as file:
        file.write("[")
        for index, document in enumerate(documents):
            where = f'{path}, document {index} ("{document.title}")'
            line = to_json_line(_task(document, where=where), where=where)
            file.write(f",\n{line}" if index else f"\n{line}")
            losses.update(annotation_losses(document))
            losses[ConversionLoss.WORDS] += 1
            losses[ConversionLoss.IDENTIFIER] += sum(entity.identifier is not None for entity in document.entities)
            losses[ConversionLoss.GROUP] += sum(len(entity.mentions) > 1 for entity in document.entities)
            mentions = (mention for entity in document.entities for mention in entity.mentions)
            for mention in mentions:
                losses[ConversionLoss.DISCONTINUOUS] += len(mention.spans) > 1
                losses[ConversionLoss.NAME] += not mention.type
        file.write("\n]\n")
    return +losses


def _task(document: Document, *, where: str) -> dict[str, Any]:
    annotated = annotated_text(document, where=where)
    results: list[dict[str, Any]] = []
    for (entity, number), spans in annotated.mentions.items():
        start, end = spans[0][0], spans[-1][1]
        type_ = document.entities[entity].mentions[number].type
        results.append(
            {
                "id": f"{entity}-{number}",
                "type": "labels",
                "from_name": "label",
                "to_name": "text",
                "value": {"start": start, "end": end, "text": annotated.text[start:end], "labels": [type_ or "Entity"]},
            }
        )
    results += [
        {
            "type": "relation",
            "from_id": "{}-{}".format(*subject),
            "to_id": "{}-{}".format(*object_),
            "direction": "right" if document.directed else "bi",
            "labels": [fact.relation],
        }
        for subject, object_, fact in annotated.relations
    ]
    data = {"text": annotated.text, "title": document.title}
    return {"data": data, "predictions": [{"model_version": "atlop", "result": results}]}

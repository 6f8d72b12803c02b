"""Label Studio's exports, and tasks with predictions to import there."""

from atlop.corpora.file_start import FileStart
from atlop.corpora.formats.format import Format
from atlop.corpora.formats.labelstudio.reader import read_label_studio, read_label_studio_min
from atlop.corpora.formats.labelstudio.writer import write_label_studio


def _matches(start: FileStart) -> bool:
    is_text = isinstance(start.json_object.get("data"), str)  # as in doccano
    keys = {"annotations", "completions", "predictions"} & set(start.json_keys)
    return "data" in start.json_keys and bool(keys) and not is_text


LABEL_STUDIO = Format(
    "labelstudio",
    read=read_label_studio,
    write=write_label_studio,
    matches=_matches,
    for_annotators=True,
    description='Label Studio\'s export "JSON": a list of objects with "data" and "annotations"',
)
LABEL_STUDIO_MIN = Format(
    "labelstudio_min",
    read=read_label_studio_min,
    matches=lambda start: {"annotation_id", "lead_time"} <= set(start.json_keys),
    description='Label Studio\'s export "JSON-MIN": a list of objects with "annotation_id" and "lead_time"',
)

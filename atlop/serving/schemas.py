"""Requests and responses as OpenAPI describes them; documents are the JSON lines of `atlop extract`.

The JSON lines reader parses requests, since it checks more than a schema can express; a test compares the two.
"""

from pydantic import BaseModel, ConfigDict, Field


class Mention(BaseModel):
    """A mention with a name or type of its own, or with several spans."""

    spans: list[tuple[int, int]]
    """`[start, end]` in characters, several for a discontinuous mention."""
    name: str = ""
    type: str = ""


class Entity(BaseModel):
    """An entity, whose mentions are `[start, end]` in characters (code points), the end one past the last."""

    mentions: list[tuple[int, int] | Mention] = Field(min_length=1)
    type: str = ""
    id: str = ""


class UngroupedMention(BaseModel):
    """A mention without an entity; mentions of identical text, or with the same `group_by` key, become one entity."""

    model_config = ConfigDict(extra="allow")

    start: int
    end: int
    type: str = ""
    id: str = ""


class RequestDocument(BaseModel):
    """A text and its entities or ungrouped mentions."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "text": "Skai TV is Greek. It is based in Piraeus.",
                "entities": [{"mentions": [[0, 7], [18, 20]], "type": "ORG"}, {"mentions": [[33, 40]], "type": "LOC"}],
            }
        }
    )

    title: str = ""
    text: str
    entities: list[Entity] | list[UngroupedMention] | list[tuple[int, int]] | None = None
    """Required by a service without a recogniser."""


class FoundEntities(BaseModel):
    """The entities that the service's recogniser finds in a document."""

    document: int
    title: str
    entities: list[Entity]


class InvalidDocument(BaseModel):
    """Takes the place of the result of an invalid document in a list."""

    document: int
    error: str


class ErrorMessage(BaseModel):
    """Why the request failed."""

    error: str


class Health(BaseModel):
    """State of the service."""

    status: str
    waiting: int
    """Documents in the queue."""
    documents: int
    """Documents that the model has read."""
    batches: int
    """Batches of these documents."""

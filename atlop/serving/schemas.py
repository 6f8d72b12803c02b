"""What clients send and get, as OpenAPI describes it; documents are the JSON lines of `atlop extract`.

Requests are read by the reader of JSON lines, which knows more than a schema can say; a test holds both together.
"""

from pydantic import BaseModel, ConfigDict, Field


class Mention(BaseModel):
    """A mention with more than its place."""

    spans: list[tuple[int, int]]
    """`[start, end]` in characters, several for a discontinuous mention."""
    name: str = ""
    type: str = ""


class Entity(BaseModel):
    """An entity, whose mentions are `[start, end]` in characters (code points), the end one past the last."""

    mentions: list[tuple[int, int] | Mention] = Field(min_length=1)
    type: str = ""
    id: str = ""


class LoneMention(BaseModel):
    """A mention that nobody has grouped; those of identical text, or with the same `group_by` key, are one entity."""

    model_config = ConfigDict(extra="allow")

    start: int
    end: int
    type: str = ""
    id: str = ""


class DocumentToRead(BaseModel):
    """A text and its entities, or its lone mentions."""

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
    entities: list[Entity] | list[LoneMention] | list[tuple[int, int]]


class InvalidDocument(BaseModel):
    """Stands in the place of an invalid document of a list."""

    document: int
    error: str


class Problem(BaseModel):
    """Why there is no answer."""

    error: str


class Health(BaseModel):
    """That the service runs, and what it does."""

    status: str
    waiting: int
    """Documents in the queue."""
    documents: int
    """Documents that the model has read."""
    batches: int
    """Batches they came in."""

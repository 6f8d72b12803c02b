"""The web application: a page at `/`, `/extract`, `/entities` with a recogniser, `/health` and `/openapi.json`.

There is no `/docs`, because FastAPI's page loads scripts from other servers; any OpenAPI viewer shows `/openapi.json`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from threading import Event
from typing import Any, TypeVar

from anyio import to_thread
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.requests import ClientDisconnect

from atlop import __version__
from atlop.corpora.formats.json_lines.writer import json_record
from atlop.inference import Extraction, ExtractionError, RelationExtractor
from atlop.inference.facts import ExtractionResult
from atlop.schema import Document
from atlop.serving.batching import BatchQueue, BusyError
from atlop.serving.limits import Limits
from atlop.serving.reading import DocumentReader
from atlop.serving.schemas import ErrorMessage, FoundEntities, Health, InvalidDocument, RequestDocument
from atlop.web import HostCheck

Result = TypeVar("Result")
_RETRY_LATER = {"Retry-After": "1"}
_PAGE_HEADERS = {"Content-Security-Policy": "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff"}
_ERRORS = {400: "Not valid JSON", 408: "Too slow", 413: "Too large", 422: "An invalid document", 503: "Too busy"}


def _responses(answer: Any) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of the responses to documents, which have this answer."""
    answers: dict[int | str, dict[str, Any]] = {200: {"model": answer | list[answer | InvalidDocument]}}
    return answers | {status: {"description": text, "model": ErrorMessage} for status, text in _ERRORS.items()}


def make_app(
    extractor: RelationExtractor, *, limits: Limits, page: str, allowed_hosts: Collection[str] | None = None
) -> FastAPI:
    """Return the application; its `state.queue` runs from its start to its end.

    Args:
        extractor: Finds the facts.
        limits: Limits on requests and load.
        page: HTML of the page, from `render_page`.
        allowed_hosts: Names by which it may be addressed besides those of loopback; `None` for any.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.queue = BatchQueue(extractor, max_waiting=limits.waiting)
        yield
        await run_in_threadpool(app.state.queue.close)

    app = FastAPI(title="atlop", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_exception_handler(AnyHTTPException, _error_response)
    app.add_exception_handler(RequestValidationError, _error_response)

    if allowed_hosts is not None:
        app.add_middleware(HostCheck, allowed=allowed_hosts)

    reader = DocumentReader(extractor.recognition, limits=limits)

    @app.get("/", include_in_schema=False)
    async def try_model() -> HTMLResponse:
        return HTMLResponse(page, headers=_PAGE_HEADERS)

    @app.get("/health", responses={503: {"description": "The GPU has failed", "model": ErrorMessage}})
    async def health() -> Health:
        """Report that the service runs, and how much it has done; 503 once its GPU has failed for good."""
        queue: BatchQueue = app.state.queue
        if queue.has_lost_device:
            raise HTTPException(503, "the GPU failed, and does not answer until the service is started again")
        return Health(status="ok", waiting=queue.waiting, documents=queue.documents, batches=queue.batches)

    body, schemas = _body_schema()

    @app.post("/extract", responses=_responses(Extraction), openapi_extra={"requestBody": body})
    async def extract(request: Request, explain: bool = False, group_by: str | None = None) -> Response:
        """Find the facts of one document or a list of documents.

        In a list, an error takes the place of an invalid document. `explain` adds the words that the model read for
        each fact and, where nothing is a fact, what came closest; `group_by` names the key by which ungrouped mentions
        are grouped, by default by text. A service with a recogniser takes a text without `entities`.
        """
        data = await _read_body(request, limits=limits)
        async with _in_time(limits) as is_over:
            documents, is_list = await _in_thread(partial(reader.read, data, is_over=is_over, group_by=group_by))
            results = await _results(documents, queue=app.state.queue, explain=explain)
            rows = (result.as_json() for result in results)
            answer = await _in_thread(partial(_answer, rows, is_list=is_list))
        return Response(answer, media_type="application/json")

    async def entities(request: Request) -> Response:
        """Find the entities of one text or a list of texts, in the form that `/extract` takes."""
        data = await _read_body(request, limits=limits)
        async with _in_time(limits) as is_over:
            documents, is_list = await _in_thread(partial(reader.read, data, is_over=is_over))
            rows = (_entities(index, document) for index, document in enumerate(documents))
            answer = await _in_thread(partial(_answer, rows, is_list=is_list))
        return Response(answer, media_type="application/json")

    if extractor.recognition is not None:
        app.post("/entities", responses=_responses(FoundEntities), openapi_extra={"requestBody": body})(entities)

    app.openapi()["components"]["schemas"] |= schemas  # cached by FastAPI, which does not know the parsed body
    return app


@asynccontextmanager
async def _in_time(limits: Limits) -> AsyncIterator[Event]:
    """Refuse a request whose answer takes too long, or whose documents are too many to wait.

    That cancels its documents in the queue, and sets the event that is yielded, for threads.
    """
    is_over = Event()
    try:
        async with asyncio.timeout(limits.seconds):
            yield is_over
    except TimeoutError:
        message = f"there was no answer within {limits.seconds:g} seconds; send less at once, or try again later"
        raise HTTPException(503, message, headers=_RETRY_LATER) from None
    except BusyError:
        message = f"the service is busy: at most {limits.waiting:,} documents may wait; try again later"
        raise HTTPException(503, message, headers=_RETRY_LATER) from None
    finally:
        is_over.set()


def _body_schema() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the OpenAPI description of the request body, and the schemas that it refers to."""
    adapter: TypeAdapter[Any] = TypeAdapter(RequestDocument | list[RequestDocument])
    schema = adapter.json_schema(ref_template="#/components/schemas/{model}")
    schemas = schema.pop("$defs")
    return {"required": True, "content": {"application/json": {"schema": schema}}}, schemas


async def _read_body(request: Request, *, limits: Limits) -> bytes:
    """Return the body, without ever holding more than the limit and one chunk."""
    data = bytearray()
    try:
        async with asyncio.timeout(limits.seconds):
            async for chunk in request.stream():
                data += chunk
                if len(data) > limits.bytes:
                    raise _refusal(413, f"the body is larger than {limits.bytes:,} bytes; send fewer documents at once")
    except TimeoutError:
        raise _refusal(408, f"the body did not come within {limits.seconds:g} seconds") from None
    except ClientDisconnect:
        raise _refusal(400, "the body was cut off") from None
    return bytes(data)


def _refusal(status: int, message: str) -> HTTPException:
    return HTTPException(status, message, headers={"Connection": "close"})  # since the rest of the body is not read


async def _results(
    documents: list[Document | ExtractionError], *, queue: BatchQueue, explain: bool
) -> list[ExtractionResult]:
    """Return the result of each document; raise `BusyError` if the queue has no space for them."""
    valid = [document for document in documents if isinstance(document, Document)]
    futures = queue.submit(valid, explain=explain)
    extracted = iter(await asyncio.gather(*map(asyncio.wrap_future, futures)))
    results = [next(extracted) if isinstance(document, Document) else document for document in documents]
    return [replace(result, document=index) for index, result in enumerate(results)]


def _entities(index: int, document: Document | ExtractionError) -> dict[str, Any]:
    if isinstance(document, ExtractionError):
        return document.as_json()
    record = json_record(document, where=f"document {index}")
    return {"document": index, "title": document.title, "entities": record["entities"]}


def _answer(rows: Iterable[dict[str, Any]], *, is_list: bool) -> str:
    """Return the answer to documents; an error of a document alone is that of its request."""
    made = list(rows)
    if not is_list and "error" in made[0]:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, made[0]["error"])
    return _to_json(made if is_list else made[0], levels=3)


def _to_json(value: Any, *, levels: int) -> str:
    """Return JSON made piecemeal: a single call for a large answer would keep all other threads waiting."""
    if levels and isinstance(value, list):
        return f"[{','.join(_to_json(item, levels=levels - 1) for item in value)}]"
    if levels and isinstance(value, dict):
        items = (f"{json.dumps(key)}:{_to_json(item, levels=levels - 1)}" for key, item in value.items())
        return f"{{{','.join(items)}}}"
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


async def _in_thread(work: Callable[[], Result]) -> Result:
    """Run work beside the event loop; after a timeout, its result is dropped."""
    return await to_thread.run_sync(work, abandon_on_cancel=True)


async def _error_response(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return JSONResponse({"error": f"{first['loc'][-1]}: {first['msg']}"}, HTTPStatus.UNPROCESSABLE_ENTITY)
    assert isinstance(error, AnyHTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)

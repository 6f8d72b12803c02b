"""The web application: a page at `/`, `/extract`, `/health` and `/openapi.json`.

There is no `/docs`, because FastAPI's page loads scripts from other servers; any OpenAPI viewer shows `/openapi.json`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from threading import Lock
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
from atlop.corpora.json_objects import to_json_line
from atlop.errors import AtlopError
from atlop.inference import Extraction, ExtractionError, RelationExtractor
from atlop.inference.facts import ExtractionResult
from atlop.inference.inputs import InputDocument, read_documents
from atlop.inference.recognition import Recognition
from atlop.json_values import expect
from atlop.parsing import TOO_DEEP, parse_json
from atlop.schema import Document
from atlop.serving.batching import BatchQueue, BusyError
from atlop.serving.hosts import HostCheck
from atlop.serving.limits import Limits
from atlop.serving.rendering import render_page
from atlop.serving.schemas import ErrorMessage, Health, InvalidDocument, RequestDocument

Result = TypeVar("Result")
_EXPECTED = 'expected an object with "text" and "entities", or a list of such objects'
_RETRY_LATER = {"Retry-After": "1"}
_PAGE_HEADERS = {"Content-Security-Policy": "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff"}
_ERRORS = {400: "Not valid JSON", 408: "Too slow", 413: "Too large", 422: "An invalid document", 503: "Too busy"}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": Extraction | list[Extraction | InvalidDocument]},
    **{status: {"description": text, "model": ErrorMessage} for status, text in _ERRORS.items()},
}


def make_app(extractor: RelationExtractor, *, limits: Limits, allowed_hosts: Collection[str] | None = None) -> FastAPI:
    """Return the application; its `state.queue` runs from its start to its end.

    Args:
        extractor: Finds the facts.
        limits: Limits on requests and load.
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

    page = HTMLResponse(render_page(recognises=extractor.recognition is not None), headers=_PAGE_HEADERS)
    read = partial(_Reading(extractor.recognition).documents, limits=limits)

    @app.get("/", include_in_schema=False)
    async def try_model() -> HTMLResponse:
        return page

    @app.get("/health")
    async def health() -> Health:
        """Report that the service runs, and how much it has done."""
        queue: BatchQueue = app.state.queue
        return Health(status="ok", waiting=queue.waiting, documents=queue.documents, batches=queue.batches)

    body, schemas = _body_schema()

    @app.post("/extract", responses=_RESPONSES, openapi_extra={"requestBody": body})
    async def extract(request: Request, explain: bool = False, group_by: str | None = None) -> Response:
        """Find the facts of one document or a list of documents.

        In a list, an error takes the place of an invalid document. `explain` adds the words that the
        model read for each fact; `group_by` names the key by which ungrouped mentions are grouped, by default by text.
        A service with a recogniser takes a text without `entities`.
        """
        data = await _read_body(request, limits=limits)
        try:
            async with asyncio.timeout(limits.seconds):
                documents, is_list = await _in_thread(partial(read, data, group_by=group_by))
                results = await _results(documents, queue=app.state.queue, explain=explain, limits=limits)
                if not is_list and isinstance(results[0], ExtractionError):
                    raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, results[0].message)
                answer = await _in_thread(partial(_answer, results, is_list=is_list))
        except TimeoutError:  # it cancels the documents that are still in the queue
            message = f"there was no answer within {limits.seconds:g} seconds; send less at once, or try again later"
            raise HTTPException(503, message, headers=_RETRY_LATER) from None
        return Response(answer, media_type="application/json")

    app.openapi()["components"]["schemas"] |= schemas  # cached by FastAPI, which does not know the parsed body
    return app


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


class _Reading:
    """Reads the documents of requests, of several at once."""

    def __init__(self, recognition: Recognition | None):
        self._recognition = recognition
        self._recognising = Lock()  # a recogniser need not be safe for threads

    def documents(
        self, data: bytes, *, group_by: str | None, limits: Limits
    ) -> tuple[list[Document | ExtractionError], bool]:
        """Return the documents of a body, with an error for each invalid one, and whether the body is a list."""
        try:
            value = parse_json(data, where="the body")
        except AtlopError as error:
            raise HTTPException(400, str(error)) from None
        if not isinstance(value, dict | list):
            raise HTTPException(422, f"the body: {_EXPECTED}")
        rows = value if isinstance(value, list) else [value]
        if len(rows) > limits.documents:
            raise HTTPException(413, f"the body: has {len(rows):,} documents; expected at most {limits.documents:,}")
        documents = (
            self._document(row, index=index, group_by=group_by, limits=limits) for index, row in enumerate(rows)
        )
        return list(documents), isinstance(value, list)

    def _document(self, value: Any, *, index: int, group_by: str | None, limits: Limits) -> Document | ExtractionError:
        where = f"document {index}"
        try:
            row = expect(value, dict, where=where)
            to_json_line(row, where=where)  # refuses lone surrogates, which JSON allows and tokenizers do not
            if self._recognition is not None and row.get("entities") is None:
                limits.check(_read({**row, "entities": []}, where=where), where=where)
                with self._recognising:
                    document = _read(row, where=where, recognition=self._recognition)
            else:
                document = _read(row, where=where, group_by=group_by)
            limits.check(document, where=where)
        except AtlopError as error:
            return ExtractionError(index, str(error))
        except RecursionError:
            return ExtractionError(index, f"{where}: {TOO_DEEP}")
        return document


def _read(
    row: dict[str, Any], *, where: str, group_by: str | None = None, recognition: Recognition | None = None
) -> Document:
    inputs = [InputDocument(0, where, where, row)]
    [document] = read_documents(inputs, group_by=group_by, recognition=recognition)
    if isinstance(document, AtlopError):
        raise document
    return document


async def _results(
    documents: list[Document | ExtractionError], *, queue: BatchQueue, explain: bool, limits: Limits
) -> list[ExtractionResult]:
    """Return the result of each document."""
    valid = [document for document in documents if isinstance(document, Document)]
    try:
        futures = queue.submit(valid, explain=explain)
    except BusyError:
        message = f"the service is busy: at most {limits.waiting:,} documents may wait; try again later"
        raise HTTPException(503, message, headers=_RETRY_LATER) from None
    extracted = iter(await asyncio.gather(*map(asyncio.wrap_future, futures)))
    results = [next(extracted) if isinstance(document, Document) else document for document in documents]
    return [replace(result, document=index) for index, result in enumerate(results)]


def _answer(results: Sequence[ExtractionResult], *, is_list: bool) -> bytes:
    rows = [result.as_json() for result in results]
    return _to_json(rows if is_list else rows[0], levels=3).encode()


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

"""The web application: a page at `/`, `/extract`, `/health` and `/openapi.json`.

There is no `/docs`: FastAPI's page for it loads scripts from elsewhere. Any viewer of OpenAPI shows `/openapi.json`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.requests import ClientDisconnect

from atlop import __version__
from atlop.corpora.json_rows import line_of
from atlop.errors import AtlopError
from atlop.inference import Extraction, ExtractionError, RelationExtractor
from atlop.inference.extractor import Source, read_document
from atlop.json_values import expect
from atlop.parsing import TOO_DEEP, parse_json
from atlop.schema import Document
from atlop.serving.batching import Batcher, BusyError
from atlop.serving.limits import Limits
from atlop.serving.rendering import render_page
from atlop.serving.schemas import DocumentToRead, Health, InvalidDocument, Problem

_EXPECTED = 'expected an object with "text" and "entities", or a list of such'
_AGAIN = {"Retry-After": "1"}
_OF_PAGE = {"Content-Security-Policy": "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff"}
_REFUSALS = {400: "Not valid JSON", 408: "Too slow", 413: "Too large", 422: "An invalid document", 503: "Too busy"}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": Extraction | list[Extraction | InvalidDocument]},
    **{status: {"description": what, "model": Problem} for status, what in _REFUSALS.items()},
}


def make_app(extractor: RelationExtractor, *, limits: Limits) -> FastAPI:
    """Return the application; its `state.batcher` runs from its start to its end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.batcher = Batcher(extractor, waiting=limits.waiting)
        yield
        await run_in_threadpool(app.state.batcher.close)

    app = FastAPI(title="atlop", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_exception_handler(AnyHTTPException, _problem)
    app.add_exception_handler(RequestValidationError, _problem)

    page = HTMLResponse(render_page(), headers=_OF_PAGE)

    @app.get("/", include_in_schema=False)
    async def try_model() -> HTMLResponse:
        return page

    @app.get("/health")
    async def health() -> Health:
        """Say that the service runs."""
        batcher: Batcher = app.state.batcher
        return Health(status="ok", waiting=batcher.waiting, documents=batcher.documents, batches=batcher.batches)

    body, parts = _body()

    @app.post("/extract", responses=_RESPONSES, openapi_extra={"requestBody": body})
    async def extract(request: Request, explain: bool = False, group_by: str | None = None) -> JSONResponse:
        """Find the facts of one document, or of a list of them.

        In a list, an invalid document has an error in its place. `explain` adds what the model read for each fact;
        `group_by` names the key by which lone mentions are grouped, otherwise those of identical text are.
        """
        data = await _read_body(request, limits=limits)
        documents, is_list = await run_in_threadpool(_documents, data, group_by=group_by, limits=limits)
        rows = await _results(documents, batcher=app.state.batcher, explain=explain, limits=limits)
        if not is_list and "error" in rows[0]:
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, rows[0]["error"])
        return JSONResponse(rows if is_list else rows[0])

    app.openapi()["components"]["schemas"] |= parts  # made once; what it says of bodies is ours
    return app


def _body() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return how OpenAPI describes the body of a request, and the schemas that it refers to."""
    adapter: TypeAdapter[Any] = TypeAdapter(DocumentToRead | list[DocumentToRead])
    schema = adapter.json_schema(ref_template="#/components/schemas/{model}")
    parts = schema.pop("$defs")
    return {"required": True, "content": {"application/json": {"schema": schema}}}, parts


async def _read_body(request: Request, *, limits: Limits) -> bytes:
    """Return the body, of which no more than is allowed is ever held."""
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
    return HTTPException(status, message, headers={"Connection": "close"})  # the rest of the body is not read


def _documents(data: bytes, *, group_by: str | None, limits: Limits) -> tuple[list[Document | ExtractionError], bool]:
    """Return the documents of a body, an error for each invalid one, and whether it was a list."""
    try:
        value = parse_json(data, where="the body")
    except AtlopError as problem:
        raise HTTPException(400, str(problem)) from None
    if not isinstance(value, dict | list):
        raise HTTPException(422, f"the body: {_EXPECTED}")
    rows = value if isinstance(value, list) else [value]
    if len(rows) > limits.documents:
        raise HTTPException(413, f"the body: has {len(rows):,} documents; expected at most {limits.documents:,}")
    documents = (_document(row, index=index, group_by=group_by, limits=limits) for index, row in enumerate(rows))
    return list(documents), isinstance(value, list)


def _document(value: Any, *, index: int, group_by: str | None, limits: Limits) -> Document | ExtractionError:
    where = f"document {index}"
    try:
        row = expect(value, dict, where=where)
        line_of(row, where=where)  # JSON can say half a surrogate pair, which no tokenizer takes
        document = read_document(Source(index, where, where, row), group_by=group_by)
        limits.check(document, where=where)
    except AtlopError as problem:
        return ExtractionError(index, str(problem))
    except RecursionError:
        return ExtractionError(index, f"{where}: {TOO_DEEP}")
    return document


async def _results(
    documents: list[Document | ExtractionError], *, batcher: Batcher, explain: bool, limits: Limits
) -> list[dict[str, Any]]:
    """Return what is found in each document, as JSON."""
    valid = [document for document in documents if isinstance(document, Document)]
    try:
        futures = batcher.submit(valid, explain=explain)
    except BusyError:
        message = f"the service has too much to do: at most {limits.waiting:,} documents wait; try again later"
        raise HTTPException(503, message, headers=_AGAIN) from None
    try:
        async with asyncio.timeout(limits.seconds):
            found = iter(await asyncio.gather(*map(asyncio.wrap_future, futures)))
    except TimeoutError:  # which has cancelled those whose turn has not come
        message = f"the facts were not found within {limits.seconds:g} seconds; send less at once, or try again later"
        raise HTTPException(503, message, headers=_AGAIN) from None
    results = [next(found) if isinstance(document, Document) else document for document in documents]
    return [replace(result, document=index).as_json() for index, result in enumerate(results)]


async def _problem(request: Request, error: Exception) -> JSONResponse:
    """Answer with one message."""
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return JSONResponse({"error": f"{first['loc'][-1]}: {first['msg']}"}, HTTPStatus.UNPROCESSABLE_ENTITY)
    assert isinstance(error, AnyHTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)

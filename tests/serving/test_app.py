"""The service answers what the extractor finds, and says what is wrong with everything else."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("fastapi", reason="needs FastAPI: pip install 'atlop[serve]'")

from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from atlop.inference import Extraction, RelationExtractor
from atlop.inference.inputs import InputDocument
from atlop.serving import Limits, make_app, reading, render_page
from atlop.serving import app as app_module
from atlop.serving.examples import answered_examples
from atlop.serving.schemas import FoundEntities, InvalidDocument, RequestDocument
from tests.golden_values import golden_documents
from tests.inference.test_recognition import ENTITIES as NAMED_ENTITIES
from tests.inference.test_recognition import TEXT as NAMED
from tests.inference.texts import ENTITIES, TEXT, plain_row

ROWS = [plain_row(golden_documents()[index]) for index in (0, 1, 6)]
SMALL = Limits(bytes=20_000, documents=3, words=100, entities=5, mentions=8, waiting=4, seconds=20)


@pytest.fixture(scope="module")
def client(extractor: RelationExtractor) -> Iterator[TestClient]:
    with TestClient(make_app(extractor, limits=Limits(), page="")) as client:
        yield client


@pytest.fixture(scope="module")
def narrow(extractor: RelationExtractor) -> Iterator[TestClient]:
    with TestClient(make_app(extractor, limits=SMALL, page="")) as client:
        yield client


def close_to(value: object) -> object:
    """Return what equals the value but for the last digits of its numbers, which hang on the batch."""
    if isinstance(value, float):
        return pytest.approx(value, abs=2e-5)
    if isinstance(value, dict):
        return {key: close_to(item) for key, item in value.items()}
    return [close_to(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("explain", [False, True])
def test_answers_equal_those_of_the_extractor(client: TestClient, extractor: RelationExtractor, explain: bool) -> None:
    expected = [result.as_json() for result in extractor.pipe(ROWS, explain=explain)]

    answers = client.post("/extract", params={"explain": explain}, json=ROWS).json()

    assert answers == close_to(json.loads(json.dumps(expected)))
    assert sum(len(answer["facts"]) for answer in answers)
    TypeAdapter(list[Extraction]).validate_python(answers)  # as OpenAPI says


def test_one_document_has_one_answer(client: TestClient, extractor: RelationExtractor) -> None:
    answer = client.post("/extract", json={"text": TEXT, "entities": ENTITIES}).json()

    assert answer["document"] == 0
    assert len(answer["facts"]) == len(extractor(TEXT, ENTITIES))


def test_ungrouped_mentions_are_grouped_by_text_or_by_a_key(client: TestClient) -> None:
    mentions = [{"start": 0, "end": 17, "kb": 1}, {"start": 52, "end": 66, "kb": 2}, {"start": 68, "end": 76, "kb": 2}]
    row = {"text": TEXT, "entities": mentions}

    grouped = client.post("/extract", params={"group_by": "kb"}, json=row).json()

    same = [{"mentions": [[0, 17]], "id": "1"}, {"mentions": [[52, 66], [68, 76]], "id": "2"}]
    assert grouped == close_to(client.post("/extract", json={"text": TEXT, "entities": same}).json())


def test_an_invalid_document_of_a_list_has_an_error_in_its_place(client: TestClient) -> None:
    answers = client.post("/extract", json=[ROWS[0], {"text": "no entities"}, ROWS[1]]).json()

    assert [answer["document"] for answer in answers] == [0, 1, 2]
    assert 'document 1: key "entities" is missing' in answers[1]["error"]
    TypeAdapter(list[Extraction | InvalidDocument]).validate_python(answers)


def test_a_text_alone_is_answered_where_a_recogniser_is_set(model_folder: Path, extractor: RelationExtractor) -> None:
    reader = RelationExtractor.from_pretrained(model_folder, ner="tests.inference.recognisers:known_names")
    with TestClient(make_app(reader, limits=replace(SMALL, bytes=100_000), page="")) as client:
        alone = client.post("/extract", json={"text": NAMED}).json()
        rows = [{"text": "unreadable"}, {"text": NAMED, "entities": NAMED_ENTITIES}, {"text": "word " * 101}]
        broken, given, long = client.post("/extract", json=rows).json()

    assert alone["facts"] == given["facts"]
    assert alone["facts"] == close_to([fact.as_json() for fact in extractor(NAMED, NAMED_ENTITIES)])
    assert broken["error"].startswith("document 0: tests.inference.recognisers:known_names failed: RuntimeError")
    assert "has 101 words; expected at most 100" in long["error"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "not valid JSON"),
        (b"{", 400, "not valid JSON"),
        (b"\xff\xfe", 400, "not UTF-8"),
        (b"[" * 9_000, 400, "deep"),
        (b"1" * 9_000, 400, "digits"),
        (b"null", 422, "expected an object"),
        (b'"text"', 422, "expected an object"),
        (b"{}", 422, '"text" is missing'),
        (b'{"text": 1, "entities": []}', 422, "expected a string"),
        (b'{"text": "a", "entities": [[[0, 2]]]}', 422, "ends at character 2"),
        (b'{"text": "\\ud800", "entities": []}', 422, "surrogate"),
        (b'{"text": "a", "entities": %s}' % (b"[" * 700 + b"]" * 700), 422, "document 0"),
        (json.dumps({"text": "a " * 101, "entities": []}).encode(), 422, "101 words; expected at most 100"),
        (json.dumps({"text": "abcdef", "entities": [[[0, 1]]] * 6}).encode(), 422, "6 entities; expected at most 5"),
        (json.dumps({"text": "abcdef", "entities": [[[0, 1]] * 9]}).encode(), 422, "9 mentions; expected at most 8"),
        (json.dumps([ROWS[0]] * 4).encode(), 413, "4 documents; expected at most 3"),
        (b" " * 20_001, 413, "20,000 bytes"),
    ],
)
def test_what_is_wrong_is_said_in_one_message(narrow: TestClient, body: bytes, status: int, message: str) -> None:
    answer = narrow.post("/extract", content=body)

    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    assert message in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/extract", 405), ("GET", "/nothing", 404), ("POST", "/extract?explain=perhaps", 422)],
)
def test_other_requests_have_a_message_too(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path, json=ROWS[0] if method == "POST" else None)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


@pytest.mark.parametrize("row", [{"text": "", "entities": []}, {"text": "Skai TV", "entities": [[[0, 7]]]}])
def test_a_document_without_pairs_has_no_facts(client: TestClient, row: dict[str, Any]) -> None:
    assert client.post("/extract", json=row).json()["facts"] == []


def test_openapi_describes_the_documents_that_are_read(client: TestClient) -> None:
    described = client.get("/openapi.json").json()

    body = described["paths"]["/extract"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {"$ref": "#/components/schemas/RequestDocument"} in body["anyOf"]
    assert set(described["components"]["schemas"]) >= {"RequestDocument", "Entity", "Extraction", "ErrorMessage"}
    example = described["components"]["schemas"]["RequestDocument"]["example"]
    assert client.post("/extract", json=example).status_code == 200
    for row in [example, *ROWS]:
        RequestDocument.model_validate(row)


def test_no_page_of_documentation_loads_scripts_from_elsewhere(client: TestClient) -> None:
    assert client.get("/docs").status_code == client.get("/redoc").status_code == 404


# together


class Gate:
    """Holds the model back, and keeps how many documents came in each batch."""

    def __init__(self, extract: Callable[..., Any]):
        self.open = threading.Event()
        self.entered = threading.Event()
        self.sizes: list[int] = []
        self._extract = extract

    def __call__(self, sources: Sequence[InputDocument], **options: Any) -> Any:
        self.sizes.append(len(sources))
        self.entered.set()
        assert self.open.wait(30)
        if any("poison" in getattr(source.content, "title", "") for source in sources):
            raise RuntimeError("poison")
        return self._extract(sources, **options)


@pytest.fixture
def gate(extractor: RelationExtractor, monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate(extractor.extract)
    monkeypatch.setattr(extractor, "extract", gate)
    return gate


def test_requests_that_come_together_are_read_together(extractor: RelationExtractor, gate: Gate) -> None:
    with TestClient(make_app(extractor, limits=Limits(), page="")) as client, ThreadPoolExecutor(7) as pool:
        first = pool.submit(client.post, "/extract", json=ROWS[0])
        assert gate.entered.wait(30)
        others = [pool.submit(client.post, "/extract", json=ROWS[index % 3]) for index in range(6)]
        while client.get("/health").json()["waiting"] < 6:
            pass
        gate.open.set()
        answers = [job.result() for job in (first, *others)]
        health = client.get("/health").json()

    assert {answer.status_code for answer in answers} == {200}
    assert answers[1].json()["title"] == ROWS[0]["title"]
    assert gate.sizes == [1, 6]
    assert (health["documents"], health["batches"]) == (7, 2)


def test_a_service_whose_gpu_has_failed_says_that_it_is_not_well(
    extractor: RelationExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> object:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    app = make_app(extractor, limits=Limits(), page="")
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/health").status_code == 200
        monkeypatch.setattr(extractor, "extract", fail)
        assert client.post("/extract", json=ROWS[0]).status_code == 500
        health = client.get("/health")

    assert (health.status_code, health.json()["error"][:15]) == (503, "the GPU failed,")
    assert "503" in app.openapi()["paths"]["/health"]["get"]["responses"]


def test_more_than_may_wait_is_refused_until_there_is_room(extractor: RelationExtractor, gate: Gate) -> None:
    with TestClient(make_app(extractor, limits=SMALL, page="")) as client, ThreadPoolExecutor(5) as pool:
        running = pool.submit(client.post, "/extract", json=ROWS[2])
        assert gate.entered.wait(30)
        waiting = [pool.submit(client.post, "/extract", json=ROWS[2]) for _ in range(4)]
        while client.get("/health").json()["waiting"] < 4:
            pass
        refused = client.post("/extract", json=ROWS[2])
        gate.open.set()
        answers = [job.result() for job in (running, *waiting)]
        later = client.post("/extract", json=ROWS[2])

    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    assert "at most 4 documents may wait" in refused.json()["error"]
    assert {answer.status_code for answer in (*answers, later)} == {200}


def test_a_request_that_waits_too_long_is_answered_and_never_read(extractor: RelationExtractor, gate: Gate) -> None:
    with TestClient(make_app(extractor, limits=Limits(seconds=0.2), page="")) as client, ThreadPoolExecutor(1) as pool:
        running = pool.submit(client.post, "/extract", json=ROWS[0])
        assert gate.entered.wait(30)
        late = client.post("/extract", json=ROWS[1])
        running.result()
        gate.open.set()

    assert late.status_code == 503
    assert "no answer within 0.2 seconds" in late.json()["error"]
    assert gate.sizes == [1]


def test_a_document_that_breaks_the_model_takes_no_other_with_it(extractor: RelationExtractor, gate: Gate) -> None:
    gate.open.set()
    with TestClient(make_app(extractor, limits=Limits(), page=""), raise_server_exceptions=False) as client:
        queue = client.app.state.queue  # type: ignore[attr-defined]
        documents = [golden_documents()[0], golden_documents()[1].__class__("poison", (("a",),), (), None)]
        good, bad = queue.submit(documents, explain=False)
        assert isinstance(good.result(30), Extraction)
        assert isinstance(bad.exception(30), RuntimeError)
        assert client.post("/extract", json=ROWS[0]).status_code == 200


def test_a_document_that_takes_too_long_to_read_is_refused_too(
    extractor: RelationExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_answered = threading.Event()
    monkeypatch.setattr(reading, "read_documents", lambda *_, **__: is_answered.wait(60))
    with TestClient(make_app(extractor, limits=Limits(seconds=0.2), page="")) as client:
        late = client.post("/extract", json=ROWS[0])
        is_answered.set()
    assert late.status_code == 503
    assert late.headers["Retry-After"]


class HeldRecogniser:
    """Finds nothing, once it may go on, and keeps the texts that it was given."""

    def __init__(self) -> None:
        self.open, self.entered = threading.Event(), threading.Event()
        self.texts: list[str] = []

    def __call__(self, text: str) -> list[tuple[int, int]]:
        self.texts.append(text)
        self.entered.set()
        assert self.open.wait(60)
        return []


def test_texts_of_a_request_that_waited_too_long_are_not_recognised(
    extractor: RelationExtractor,
) -> None:
    find = HeldRecogniser()
    reader = RelationExtractor(extractor.model, extractor.tokenizer, ner=find)
    with TestClient(make_app(reader, limits=Limits(seconds=0.5), page="")) as client:
        late = client.post("/entities", json=[{"text": "first"}, {"text": "second"}])
        find.open.set()
        while client.post("/entities", json={"text": "third"}).status_code != 200:
            pass

    assert late.status_code == 503
    assert find.texts[0] == "first"
    assert "second" not in find.texts


def test_more_texts_than_may_wait_for_the_recogniser_are_refused(
    extractor: RelationExtractor,
) -> None:
    find = HeldRecogniser()
    reader = RelationExtractor(extractor.model, extractor.tokenizer, ner=find)
    rows = [{"text": "one"}, {"text": "two"}]
    with (
        TestClient(make_app(reader, limits=replace(SMALL, waiting=3), page="")) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        running = pool.submit(client.post, "/extract", json=rows)
        assert find.entered.wait(30)
        refused = client.post("/extract", json=rows)
        given = client.post("/extract", json={"text": NAMED, "entities": NAMED_ENTITIES})
        find.open.set()
        answers = [running.result(), given, client.post("/extract", json=rows)]

    assert refused.status_code == 503
    assert "at most 3 documents may wait" in refused.json()["error"]
    assert {answer.status_code for answer in answers} == {200}


def test_a_large_answer_does_not_keep_others_waiting(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    is_answered = threading.Event()
    monkeypatch.setattr(app_module, "_answer", lambda *_, **__: b"[]" if is_answered.wait(60) else b"late")
    with ThreadPoolExecutor(1) as pool:
        large = pool.submit(client.post, "/extract", json=ROWS)
        while client.get("/health").json()["waiting"]:
            pass
        assert client.get("/health").status_code == 200
        is_answered.set()
        assert large.result().json() == []


def test_an_answer_is_made_piecemeal_and_the_same() -> None:
    value = [{"title": "Köln \U0001f600", "facts": [{"margin": 1.5, "context": None}, {}], "unread": 0}, {}, []]
    for levels in range(5):
        assert json.loads(app_module._to_json(value, levels=levels)) == value


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8000", 200),
        ("127.0.0.1:8000", 200),
        ("127.3.2.1", 200),
        ("[::1]:8000", 200),
        ("facts.example:8000", 200),
        ("Facts.Example.", 200),
        ("evil.example:8000", 403),
        ("localhost.evil.example", 403),
        ("evil.example@localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("192.168.0.1", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
def test_only_loopback_names_and_allowed_ones_are_answered(
    extractor: RelationExtractor, host: str, status: int
) -> None:
    app = make_app(extractor, limits=Limits(), page="", allowed_hosts=["facts.example"])
    with TestClient(app) as client:
        answers = [client.get("/health", headers={"Host": host}), client.get("/", headers={"Host": host})]
    assert [answer.status_code for answer in answers] == [status, status]
    if status == 403:
        assert "--allow-host NAME" in answers[0].json()["error"]


def test_entities_are_found_in_the_form_that_extract_takes(model_folder: Path) -> None:
    reader = RelationExtractor.from_pretrained(model_folder, ner="tests.inference.recognisers:known_names")
    with TestClient(make_app(reader, limits=Limits(), page="")) as client:
        alone = client.post("/entities", json={"text": NAMED}).json()
        broken, found = client.post("/entities", json=[{"text": "unreadable"}, {"text": NAMED}]).json()
        refused = client.post("/entities", json={"text": "unreadable"})
        facts = client.post("/extract", json={"text": NAMED, "entities": alone["entities"]}).json()["facts"]
        expected = client.post("/extract", json={"text": NAMED}).json()["facts"]

    assert alone["entities"] == found["entities"] == NAMED_ENTITIES
    assert facts == close_to(expected)
    assert "error" in broken
    assert (refused.status_code, list(refused.json())) == (422, ["error"])
    TypeAdapter(FoundEntities).validate_python(alone)


def test_without_a_recogniser_there_is_no_way_to_find_entities(client: TestClient) -> None:
    assert client.post("/entities", json={"text": NAMED}).status_code == 404


def test_the_page_offers_the_texts_with_most_facts_first_and_no_path(extractor: RelationExtractor) -> None:
    examples = answered_examples(extractor)

    counts = [example["facts"] for example in examples]
    assert counts == sorted(counts, reverse=True)
    for example in examples:
        assert example["facts"] == len(extractor(example["text"], example["entities"]))
    assert extractor.name
    assert str(Path(extractor.name).parent) not in render_page(extractor)

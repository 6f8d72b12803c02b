"""A trained model applied to text and entities, one document or a stream of them."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import replace
from functools import cached_property, partial
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import PreTrainedTokenizerBase

from atlop.config import Precision
from atlop.device import accelerator_for
from atlop.ensemble import Ensemble, Member, chosen_decision
from atlop.errors import AtlopError
from atlop.fusion import FusionCost
from atlop.inference.facts import Extraction, ExtractionError, ExtractionResult
from atlop.inference.host import Finish, Host, Hosting, Output, hosting
from atlop.inference.inputs import Input, InputDocument
from atlop.inference.recognisers import Recogniser
from atlop.inference.recognition import Recognition
from atlop.inference.stream import ExtractionStream
from atlop.inference.tables import arrow_table
from atlop.model import AtlopModel
from atlop.model_folder import load_model, save_model
from atlop.scores import DecisionRule

if TYPE_CHECKING:
    import pandas

DOCUMENTS_PER_CHUNK = 128
"""Documents of a stream that are batched by length together."""


class RelationExtractor:
    """Finds facts in text with given entities.

    Another process gets it by the folder or name of its model, which it loads again. A forked process may use it, with
    one thread.

    Example:
        >>> extractor = RelationExtractor.from_pretrained("runs/sample")
        >>> facts = extractor("Skai TV is Greek. It is based in Piraeus.", [[(0, 7), (18, 20)], [(33, 40)]])
    """

    def __init__(
        self,
        model: AtlopModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        decision: str | Path | None = None,
        precision: Precision = "auto",
        device: str | None = None,
        ner: str | Recogniser | None = None,
    ):
        """Move a model to its device.

        Args:
            model: The model.
            tokenizer: Its tokenizer.
            decision: Name of one of the model's decisions, or a file of `atlop calibrate --output`; by default the
                stored one.
            precision: Number format of the matrix products; `auto` is bf16 or fp16 on a GPU, float32 on a CPU.
            device: `cpu`, `cuda` or `cuda:N`; by default the GPU, if there is one.
            ner: Finds the mentions of texts that come without entities: `spacy:NAME`, `transformers:NAME`,
                `MODULE:FUNCTION`, or a `Recogniser`.

        Raises:
            AtlopError: The device does not exist or does not support the precision, or there is no such decision or
                recogniser.
        """
        self.accelerator = accelerator_for(precision, device=device)
        self.precision = self.accelerator.precision
        self.model = model.to(self.accelerator.device)
        self.tokenizer = tokenizer
        self._options: Any = {"decision": decision, "precision": precision, "device": device, "ner": ner}
        self.name: str | None = None
        """Folder or name from which it was loaded."""
        self._process = os.getpid()
        self.recognition = None if ner is None else Recognition.from_config(ner, self.model.config)
        """Finds the entities of texts without; `None` without a recogniser."""
        self.fusion_cost = FusionCost()
        """What fusion has read so far."""
        rule = DecisionRule.from_model(model)
        if decision is not None:
            rule = replace(rule, decision=chosen_decision(decision, rule=rule))
        member = Member(model, tokenizer)
        self._preprocessor = member.preprocessor
        self._ensemble = Ensemble((member,), rule=rule)
        self._rule = rule

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        decision: str | Path | None = None,
        precision: Precision = "auto",
        device: str | None = None,
        ner: str | Recogniser | None = None,
    ) -> "RelationExtractor":
        """Load a model from a run folder (its `best/`), a model folder or the Hugging Face hub.

        Raises:
            AtlopError: There is no such model, decision or recogniser, or the device does not exist or does not support
                the precision.
        """
        model, tokenizer = load_model(name)
        extractor = cls(model, tokenizer, decision=decision, precision=precision, device=device, ner=ner)
        extractor.name = str(Path(name).absolute() if Path(name).is_dir() else name)
        return extractor

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by name, or by the weights of a model without one."""
        if self.name is None:
            return partial(type(self), **self._options), (self.model, self.tokenizer)
        return partial(type(self).from_pretrained, **self._options), (self.name,)

    def __deepcopy__(self, memo: dict[int, Any]) -> "RelationExtractor":
        """Copy the weights as they are now."""
        return type(self)(deepcopy(self.model, memo), self.tokenizer, **self._options)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model folder."""
        save_model(Path(folder), model=self.model, tokenizer=self.tokenizer)

    @cached_property
    def fingerprint(self) -> str:
        """Hexadecimal sha256 of configuration, decision and weights, which identifies the model."""
        digest = sha256(self.model.config.to_json_string().encode())
        digest.update(self._rule.decision.model_dump_json().encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def __call__(
        self,
        text: str,
        entities: Sequence[object] | None = None,
        *,
        title: str = "the text",
        group_by: str | None = None,
        explain: bool = False,
    ) -> Extraction:
        """Return the facts of one text, a sequence.

        Args:
            text: The text.
            entities: Entities, each a list of mentions `(start, end)` in characters, end one past the last, or an
                object of the JSON lines format with `mentions`, `type` and `id`. Or ungrouped mentions, each
                `(start, end)` or an object with `start`, `end` and optionally `type` and `id`; spaCy's `doc.ents` and
                what transformers' NER pipeline returns are such. By default, those that the recogniser finds.
            title: Name of the text in messages.
            group_by: Key by which ungrouped mentions are grouped, for example `id`; by default by identical text.
            explain: Whether to add the words that the model read for each fact.

        Raises:
            AtlopError: A mention is malformed or outside the text, or there are no entities and no recogniser.
        """
        document = InputDocument(0, title, title, text if entities is None else (text, entities))
        (result,) = self.extract([document], group_by=group_by, explain=explain)
        if isinstance(result, ExtractionError):
            raise AtlopError(result.message)
        return result

    def pipe(
        self, documents: Iterable[Input], *, group_by: str | None = None, explain: bool = False
    ) -> Iterator[ExtractionResult]:
        """Yield the result of each document in order: an error for one that is invalid or too large.

        Args:
            documents: Any iterable; some hundred documents are in memory, batched by length.
            group_by: Key by which ungrouped mentions are grouped; by default by identical text.
            explain: Whether to add the words that the model read for each fact.
        """
        named = (
            InputDocument(index, f"document {index}", f"document {index}", each) for index, each in enumerate(documents)
        )
        return self.extract(named, group_by=group_by, explain=explain)

    @staticmethod
    def to_dataframe(results: Extraction | Iterable[ExtractionResult]) -> "pandas.DataFrame":
        """Return a row for each fact, with the columns of `atlop extract … facts.parquet`.

        Example:
            >>> extractor.to_dataframe(extractor.pipe(documents))

        Args:
            results: What the extractor returns for one text, or for a stream of documents.

        Raises:
            AtlopError: pandas is not installed, or a result is none of the extractor's.
        """
        table = arrow_table([results] if isinstance(results, Extraction) else results)
        try:
            return table.to_pandas()
        except ImportError:
            raise AtlopError("to_dataframe needs pandas: pip install 'atlop[pandas]'") from None

    def extract(
        self, documents: Iterable[InputDocument], *, group_by: str | None = None, explain: bool = False
    ) -> Iterator[ExtractionResult]:
        """Do the same as `pipe` for documents with numbers and names of their own."""
        if self._process != os.getpid():  # forked, without the threads that may have computed before
            if self.accelerator.device.type == "cuda":
                raise AtlopError("a model on a GPU cannot compute in a fork of its process; start processes by `spawn`")
            self._process = os.getpid()
            torch.set_num_threads(1)
        chunks = iter(partial(_taken, iter(documents), DOCUMENTS_PER_CHUNK), [])
        with self.hosting(explain=explain, processes=0) as here:
            results = self.in_chunks(chunks, hosting=here, finish=list, group_by=group_by, explain=explain)
            yield from chain.from_iterable(results)

    def hosting(self, *, explain: bool, processes: int) -> AbstractContextManager[Hosting]:
        """Return where documents are read and facts described, for `in_chunks`.

        Args:
            explain: Whether words that the model read are added.
            processes: Processes for it; 0 is this one, which also takes what needs more than the model's scores
                (`explain` and fusion), and a recogniser that others cannot load by name.
        """
        needs_model = explain or self._rule.decision.use == "fusion"
        has_name = self.recognition is None or isinstance(self.recognition.ner, str)
        host = Host(self._preprocessor, self._rule, self.recognition)
        return hosting(host, processes=0 if needs_model or not has_name else processes)

    def in_chunks(
        self,
        chunks: Iterable[list[InputDocument]],
        *,
        hosting: Hosting,
        finish: Finish[Output],
        group_by: str | None = None,
        explain: bool = False,
    ) -> Iterator[Output]:
        """Yield what `finish` makes of the results of each chunk, in order.

        Args:
            chunks: Documents that are batched by length together; indices are distinct over all chunks.
            hosting: What `self.hosting` yields.
            finish: Called with the results of a chunk, in the order of the documents; a function of a module.
            group_by: Key by which ungrouped mentions are grouped; by default by identical text.
            explain: Whether to add the words that the model read for each fact.
        """
        stream = ExtractionStream(
            self._ensemble,
            hosting,
            finish,
            accelerator=self.accelerator,
            group_by=group_by,
            explain=explain,
            fusion_cost=self.fusion_cost,
        )
        return stream.run(chunks)


def _taken(items: Iterator[InputDocument], count: int) -> list[InputDocument]:
    return list(islice(items, count))

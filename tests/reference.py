"""The method in its plain form: what the equations of the paper say, with no thought of speed or memory.

Independent of the package, which is tested and benchmarked against it. The functions take and return what DocRED's
files hold, so `h` and `t` appear here. Dimensions: documents, tokens, mentions, entities, pairs, heads, width, classes.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

Json = dict[str, Any]
Span = tuple[int, int]
Triple = tuple[int, int, int]
"""Subject, object and class."""
Facts = Sequence[Mapping[str, Any]]

WINDOW = 512
CONTEXT_EPSILON = 1e-5
ROW_EPSILON = 1e-10


class Features(TypedDict):
    """One document as the model reads it."""

    title: str
    input_ids: list[int]
    entity_pos: list[list[Span]]
    """Per entity and mention `[start, end)` in tokens, special tokens not counted; those beyond the cut are listed."""
    positive_pairs: list[tuple[int, int, list[int]]]
    """Subject, object and classes (ascending), in the order in which the labels first name the pair."""
    num_pairs: int


def features(
    document: Json,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    relation_to_class: Mapping[str, int],
    *,
    marked: bool = True,
) -> Features:
    """Cut a document into tokens, word by word, with a `*` around mentions if they are to be marked."""
    mentions = [mention for entity in document["vertexSet"] for mention in entity]
    starts = {(mention["sent_id"], mention["pos"][0]) for mention in mentions}
    ends = {(mention["sent_id"], mention["pos"][1] - 1) for mention in mentions}
    tokens: list[str] = []
    begin: dict[Span, int] = {}  # (sentence, word) -> where the word begins, its start marker included
    for number, sentence in enumerate(document["sents"]):
        for index, word in enumerate(sentence):
            begin[number, index] = len(tokens)
            tokens += ["*"] * (marked and (number, index) in starts)
            tokens += tokenizer.tokenize(word)
            tokens += ["*"] * (marked and (number, index) in ends)
        begin[number, len(sentence)] = len(tokens)
    ids: Any = tokenizer.convert_tokens_to_ids(tokens[: max_length - 2])
    classes: dict[Span, list[int]] = {}
    for label in document.get("labels", []):
        classes.setdefault((label["h"], label["t"]), []).append(relation_to_class[label["r"]])
    entities = len(document["vertexSet"])
    return {
        "title": document["title"],
        "input_ids": [tokenizer.cls_token_id, *ids, tokenizer.sep_token_id],
        "entity_pos": [
            [(begin[m["sent_id"], m["pos"][0]], begin[m["sent_id"], m["pos"][1]]) for m in entity]
            for entity in document["vertexSet"]
        ],
        "positive_pairs": [(h, t, sorted(set(found))) for (h, t), found in classes.items()],
        "num_pairs": entities * (entities - 1),
    }


def all_pairs(entities: int) -> Tensor:
    """Return all ordered pairs of different entities, `[pairs, 2]`, int64, row after row."""
    return torch.nonzero(~torch.eye(entities, dtype=torch.bool))


def dense_labels(document: Features, classes: int) -> Tensor:
    """Write the labels of all pairs of a document out, `[pairs, classes]`, float32; all zero for no relation."""
    grid = torch.zeros(len(document["entity_pos"]), len(document["entity_pos"]), classes)
    for h, t, found in document["positive_pairs"]:
        grid[h, t, found] = 1.0
    return grid[tuple(all_pairs(len(grid)).T)]


def window_spans(length: int, end_tokens: int, window: int = WINDOW) -> list[Span]:
    """Place the windows over a document of `length` tokens, special tokens counted.

    A window is `window` tokens long. Its first token is the document's own start token in the first window and a
    borrowed one in all others; its last `end_tokens` are borrowed in all but the last.

    Returns:
        `[start, stop)` of the document's own tokens in each window: as few windows as leave no gap, evenly spaced.
    """
    if length <= window:
        return [(0, length)]
    steps = math.ceil((length - window) / (window - 1 - end_tokens))
    offsets = [step * (length - window) // steps for step in range(steps + 1)]
    return [(offset + (step > 0), offset + window - end_tokens * (step < steps)) for step, offset in enumerate(offsets)]


def encode(
    encoder: PreTrainedModel,
    documents: Sequence[Sequence[int]],
    *,
    start_tokens: Sequence[int],
    end_tokens: Sequence[int],
    spans: Callable[[int, int], list[Span]] = window_spans,
) -> list[tuple[Tensor, Tensor]]:
    """Run all windows of all documents through the encoder at once and put the documents together again.

    Args:
        encoder: An encoder with eager attention.
        documents: The tokens of each document, special tokens included.
        start_tokens: What a window that does not start the document borrows (one token).
        end_tokens: What a window that does not end the document borrows.
        spans: Where the windows lie; see `window_spans`.

    Returns:
        Of each document the last hidden states `[tokens, width]` and attention `[heads, tokens, tokens]`.
    """
    windows: list[tuple[int, int, int, int, list[int]]] = []  # document, start, stop, borrowed in front, tokens
    for number, tokens in enumerate(documents):
        for start, stop in spans(len(tokens), len(end_tokens)):
            front = list(start_tokens) if start > 0 else []
            back = list(end_tokens) if stop < len(tokens) else []
            windows.append((number, start, stop, len(front), [*front, *tokens[start:stop], *back]))
    longest = max(len(content) for *_, content in windows)
    pad = int(encoder.config.pad_token_id)
    ids = torch.tensor([content + [pad] * (longest - len(content)) for *_, content in windows])
    mask = torch.tensor([[1] * len(content) + [0] * (longest - len(content)) for *_, content in windows])
    output = encoder(input_ids=ids.to(encoder.device), attention_mask=mask.to(encoder.device), output_attentions=True)
    parts: list[list[tuple[int, int, Tensor, Tensor]]] = [[] for _ in documents]
    for (number, start, stop, skip, _), hidden, attention in zip(
        windows, output.last_hidden_state, output.attentions[-1], strict=True
    ):
        own = slice(skip, skip + stop - start)
        parts[number].append((start, stop, hidden[own], attention[:, own, own]))
    return [_merge(part, len(tokens)) for part, tokens in zip(parts, documents, strict=True)]


def _merge(parts: list[tuple[int, int, Tensor, Tensor]], length: int) -> tuple[Tensor, Tensor]:
    """Average the hidden states of overlapping windows, add their attention and renormalise its rows."""
    if len(parts) == 1:
        return parts[0][2:]
    _, _, hidden, attention = parts[0]
    total = hidden.new_zeros(length, hidden.shape[-1])
    count = hidden.new_zeros(length, 1)
    rows = attention.new_zeros(attention.shape[0], length, length)
    for start, stop, hidden, attention in parts:
        total[start:stop] += hidden
        count[start:stop] += 1
        rows[:, start:stop, start:stop] += attention
    return total / count, rows / (rows.sum(dim=-1, keepdim=True) + ROW_EPSILON)


def logsumexp_of_mentions(states: Tensor) -> Tensor:
    """Make an entity, `[width]`, of its mentions' states, `[mentions, width]`."""
    return states.logsumexp(dim=0)


def mean_of_mentions(states: Tensor) -> Tensor:
    """Do the same without logsumexp."""
    return states.mean(dim=0)


def pair_representations(
    hidden: Tensor,
    attention: Tensor,
    entity_pos: Sequence[Sequence[Span]],
    pairs: Tensor,
    *,
    pool: Callable[[Tensor], Tensor] = logsumexp_of_mentions,
) -> tuple[Tensor, Tensor, Tensor]:
    """Pool one document into its pairs of entities.

    Args:
        hidden: `[tokens, width]`.
        attention: `[heads, tokens, tokens]`.
        entity_pos: As in `Features`; a mention counts when its start marker comes before the closing special token.
        pairs: Subject and object, `[pairs, 2]`, int64.
        pool: Makes an entity, `[width]`, of its mentions, `[mentions, width]`.

    Returns:
        Subject embedding, object embedding and localized context, each `[pairs, width]`.
    """
    tokens, width = hidden.shape
    if len(pairs) == 0:
        return hidden.new_zeros(0, width), hidden.new_zeros(0, width), hidden.new_zeros(0, width)
    embeddings, rows = [], []
    for mentions in entity_pos:
        markers = [start + 1 for start, _ in mentions if start + 1 < tokens - 1]
        if markers:
            index = torch.tensor(markers, device=hidden.device)
            embeddings.append(pool(hidden[index]))
            rows.append(attention[:, index].mean(dim=1))
        else:
            embeddings.append(hidden.new_zeros(width))
            rows.append(attention.new_zeros(attention.shape[0], tokens))
    subject, object_ = pairs.to(hidden.device).unbind(dim=1)
    entity_embedding, entity_attention = torch.stack(embeddings), torch.stack(rows)
    product = entity_attention[subject] * entity_attention[object_]  # [pairs, heads, tokens]
    shared = product.mean(dim=1)
    weight = shared / (shared.sum(dim=-1, keepdim=True) + CONTEXT_EPSILON)
    return entity_embedding[subject], entity_embedding[object_], weight @ hidden


def evidence_divergence(
    attention: Tensor,
    entity_pos: Sequence[Sequence[Span]],
    sentence_of: Sequence[int],
    evidence: Mapping[Span, list[int]],
) -> tuple[Tensor, int]:
    """Sum the divergence of the sentences' shares of the context from the annotated evidence, pair by pair (DREEAM).

    Args:
        attention: `[heads, tokens, tokens]` of one document.
        entity_pos: As in `Features`.
        sentence_of: Sentence of each token, −1 for special tokens.
        evidence: Sentence numbers that the relations of a pair list, one after the other; no pair without any.

    Returns:
        The sum over pairs and their number; a sentence without a token does not count.
    """
    total, count, tokens = attention.new_zeros(()), 0, attention.shape[-1]
    for (h, t), listed in evidence.items():
        kept = [sentence for sentence in listed if sentence in sentence_of]
        if not kept:
            continue
        count += 1
        rows = []
        for entity in (h, t):
            markers = [start + 1 for start, _ in entity_pos[entity] if start + 1 < tokens - 1]
            rows.append(attention[:, markers].mean(dim=1) if markers else attention.new_zeros(len(attention), tokens))
        shared = (rows[0] * rows[1]).mean(dim=0)
        weight = shared / (shared.sum() + CONTEXT_EPSILON)
        for sentence in set(kept):
            share = sum(weight[token] for token in range(tokens) if sentence_of[token] == sentence)
            frequency = kept.count(sentence) / len(kept)
            total = total + frequency * (math.log(frequency) - torch.as_tensor(share).clamp(min=1e-30).log())
    return total, count


def scores(
    subject: Tensor,
    object_: Tensor,
    context: Tensor,
    *,
    head_extractor: nn.Linear,
    tail_extractor: nn.Linear,
    bilinear: nn.Linear,
    block: int = 64,
) -> Tensor:
    """Score pairs, given three times `[pairs, width]`, with the grouped bilinear layer; `[pairs, classes]`."""
    z_subject = torch.tanh(head_extractor(torch.cat([subject, context], dim=1)))
    z_object = torch.tanh(tail_extractor(torch.cat([object_, context], dim=1)))
    groups = z_subject.shape[1] // block
    outer = z_subject.view(-1, groups, block, 1) * z_object.view(-1, groups, 1, block)
    return bilinear(outer.view(-1, groups * block * block))  # type: ignore[no-any-return]


class PlainAtlop(nn.Module):
    """The whole model; the names of its parts are those of the released checkpoints.

    Args:
        encoder: Any encoder of transformers with eager attention.
        classes: Number of classes, TH included.
        start_tokens: What windows borrow in front; see `encode`.
        end_tokens: What windows borrow behind: the separator, twice for RoBERTa.
        representation: Size of the subject and object representations.
        block: Size of their groups.
        spans: Where the windows lie; see `window_spans`.
        pool: Makes an entity of its mentions; see `pair_representations`.
        with_context: Whether a pair has its localized context beside its entities.
    """

    def __init__(
        self,
        encoder: PreTrainedModel,
        *,
        classes: int,
        start_tokens: Sequence[int],
        end_tokens: Sequence[int],
        representation: int = 768,
        block: int = 64,
        spans: Callable[[int, int], list[Span]] = window_spans,
        pool: Callable[[Tensor], Tensor] = logsumexp_of_mentions,
        with_context: bool = True,
    ) -> None:
        super().__init__()
        width = int(encoder.config.hidden_size)
        self.model = encoder
        self.head_extractor = nn.Linear((1 + with_context) * width, representation)
        self.tail_extractor = nn.Linear((1 + with_context) * width, representation)
        self.bilinear = nn.Linear(representation * block, classes)
        self.block, self.spans, self.pool, self.with_context = block, spans, pool, with_context
        self.start_tokens, self.end_tokens = list(start_tokens), list(end_tokens)

    def load_released(self, state: Mapping[str, Tensor]) -> None:
        """Load a state dict with the released names; the buffer of positions that old ones hold is left out."""
        self.load_state_dict({name: value for name, value in state.items() if not name.endswith("position_ids")})

    def forward(self, documents: Sequence[Features]) -> tuple[Tensor, Tensor]:
        """Score all pairs of the documents, one document after the other.

        Returns:
            Scores `[pairs, classes]` and localized context `[pairs, width]`.
        """
        encoded = encode(
            self.model,
            [document["input_ids"] for document in documents],
            start_tokens=self.start_tokens,
            end_tokens=self.end_tokens,
            spans=self.spans,
        )
        pooled = [
            pair_representations(
                hidden, attention, document["entity_pos"], all_pairs(len(document["entity_pos"])), pool=self.pool
            )
            for (hidden, attention), document in zip(encoded, documents, strict=True)
        ]
        subject, object_, context = (torch.cat(parts) for parts in zip(*pooled, strict=True))
        context = context if self.with_context else context[:, :0]
        layers = {"head_extractor": self.head_extractor, "tail_extractor": self.tail_extractor}
        return scores(subject, object_, context, bilinear=self.bilinear, block=self.block, **layers), context


def adaptive_thresholding_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Compute the loss, summed over classes and averaged over pairs, from scores and labels `[pairs, classes]`."""
    scores = scores.float()
    threshold = torch.zeros_like(labels, dtype=torch.bool)
    threshold[:, 0] = True
    positive = labels.bool() & ~threshold
    negative = ~labels.bool() & ~threshold
    among_positive = scores.masked_fill(negative, -math.inf).logsumexp(dim=1, keepdim=True)
    among_negative = scores.masked_fill(positive, -math.inf).logsumexp(dim=1)
    first = ((among_positive - scores) * positive).sum(dim=1)
    return (first + among_negative - scores[:, 0]).mean()


def adaptive_thresholding_loss_by_pair(scores: Tensor, labels: Tensor) -> Tensor:
    """Compute the same as `adaptive_thresholding_loss` from the two equations, pair by pair, in float64."""
    losses = []
    for s, label in zip(scores.double(), labels.tolist(), strict=True):
        positive = [r for r in range(1, len(s)) if label[r]]
        negative = [r for r in range(1, len(s)) if not label[r]]
        first = -sum((torch.log(s[r].exp() / s[[*positive, 0]].exp().sum()) for r in positive), s.new_zeros(()))
        second = -torch.log(s[0].exp() / s[[*negative, 0]].exp().sum())
        losses.append(first + second)
    return torch.stack(losses).mean()


def decide(scores: Tensor, k: int) -> Tensor:
    """Say which relations hold, `[pairs, classes]`, bool; class 0 says that none does.

    A relation holds when it scores above the threshold class and not below the k-th score of its pair.
    """
    decided = scores > scores[:, :1]
    kth = scores.sort(dim=1, descending=True).values[:, min(k, scores.shape[1]) - 1]
    decided &= scores >= kth[:, None]
    decided[:, 0] = ~decided.any(dim=1)
    return decided


def dreeam_scores(
    whole: Mapping[Span, Sequence[float]], parts: Sequence[Mapping[Span, Sequence[float]]], k: int
) -> dict[Triple, float]:
    """Score the triples that DREEAM's rule of fusion may accept; infinity for those that it accepts outright.

    Args:
        whole: Scores of all classes in the document, by subject and object; class 0 is TH.
        parts: The same in each pseudo document, with the document's numbers of entities.
        k: Classes that a pair keeps, TH among them, and any that equal the k-th.
    """
    first, second = kept_margins(whole, k), dict[Triple, float]()
    for part in parts:
        for triple, margin in kept_margins(part, k).items():
            second[triple] = max(margin, second.get(triple, -math.inf))
    merged = {}
    for triple in {*first, *second}:
        if triple in first and triple in second:
            is_sure = first[triple] > 0 and second[triple] > 0
            merged[triple] = math.inf if is_sure else first[triple] + second[triple]
        else:
            merged[triple] = (first[triple] if triple in first else second[triple]) - 10
    return merged


def kept_margins(scores: Mapping[Span, Sequence[float]], k: int) -> dict[Triple, float]:
    """Return the margins of the k best classes of each pair that are no TH, by subject, object and class."""
    margins = {}
    for (subject, object_), row in scores.items():
        kth = sorted(row, reverse=True)[min(k, len(row)) - 1]
        for class_id, score in enumerate(row):
            if class_id and score >= kth:
                margins[subject, object_, class_id] = score - row[0]
    return margins


def dreeam_threshold(scores: Sequence[tuple[float, bool]], gold: int) -> float:
    """Return the lowest score that is accepted for the best F1; the highest of equals, infinity for the sure alone.

    Args:
        scores: Score of each triple, and whether it is a gold fact.
        gold: Number of gold facts.
    """
    best, chosen = -1.0, math.inf
    for lowest in sorted({math.inf, *(score for score, _ in scores)}, reverse=True):
        accepted = [correct for score, correct in scores if score >= lowest]
        f1 = _ratio(2 * sum(accepted), len(accepted) + gold)
        if f1 > best:
            best, chosen = f1, lowest
    return chosen


def official_scores(predictions: Facts, documents: Sequence[Json], train_documents: Sequence[Json]) -> dict[str, float]:
    """Score predictions as the leaderboard does.

    Args:
        predictions: `title`, `h_idx`, `t_idx`, `r` and perhaps `evidence` of each.
        documents: The labelled documents that are predicted.
        train_documents: The documents whose facts count as seen.

    Returns:
        `f1`, `ign_f1` and `evidence_f1`, as fractions; 0 where nothing is correct.
    """
    by_title = {document["title"]: document for document in documents}
    gold = {
        (document["title"], label["h"], label["t"], label["r"]): set(label["evidence"])
        for document in documents
        for label in document["labels"]
    }
    train_facts = {
        (h, t, label["r"])
        for document in train_documents
        for label in document["labels"]
        for h in _names(document, label["h"])
        for t in _names(document, label["t"])
    }
    submitted: dict[tuple[str, int, int, str], set[int]] = {}
    for row in predictions:
        submitted.setdefault((row["title"], row["h_idx"], row["t_idx"], row["r"]), set(row.get("evidence", [])))
    correct = [fact for fact in submitted if fact in gold]
    seen = 0
    for title, h, t, r in correct:
        names = [(a, b) for a in _names(by_title[title], h) for b in _names(by_title[title], t)]
        seen += any((a, b, r) in train_facts for a, b in names)
    recall = _ratio(len(correct), len(gold))
    ids_correct = sum(len(submitted[fact] & gold[fact]) for fact in correct)
    ids_submitted = sum(len(evidence) for fact, evidence in submitted.items() if fact[0] in by_title)
    ids_gold = sum(len(label["evidence"]) for document in documents for label in document["labels"])
    return {
        "f1": _harmonic(_ratio(len(correct), len(submitted)), recall),
        "ign_f1": _harmonic((len(correct) - seen) / (len(submitted) - seen + 1e-5), recall),
        "evidence_f1": _harmonic(_ratio(ids_correct, ids_submitted), _ratio(ids_correct, ids_gold)),
    }


def pair_evidence_f1(found: dict[tuple[str, int, int], list[int]], documents: Sequence[Json]) -> float:
    """Score the evidence of the pairs with annotated evidence, whatever their facts; a fraction.

    Args:
        found: Sentences by title, subject and object.
        documents: The labelled documents.
    """
    correct = submitted = expected = 0
    for document in documents:
        gold: dict[tuple[str, int, int], set[int]] = {}
        for label in document["labels"]:
            gold.setdefault((document["title"], label["h"], label["t"]), set()).update(label["evidence"])
        for pair, sentences in gold.items():
            if sentences:
                correct += len(sentences & set(found.get(pair, [])))
                submitted += len(set(found.get(pair, [])))
                expected += len(sentences)
    return _harmonic(_ratio(correct, submitted), _ratio(correct, expected))


def _names(document: Json, entity: int) -> set[str]:
    return {mention["name"] for mention in document["vertexSet"][entity]}


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _harmonic(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

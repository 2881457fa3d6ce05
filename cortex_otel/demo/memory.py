"""The example server's content: notes in memory, with a real search and a real summary."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

__all__ = ["Category", "Memory", "classify", "compress", "tokens"]

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_COMMON_WORDS = (
    "a an and are as at be but by for from has in is it its no not of on one or so that the "
    "their then there they this to was we were when where which who will with"
)
_COMMON = frozenset(_COMMON_WORDS.split())
# Okapi BM25 with its usual parameters: https://doi.org/10.1561/1500000019
_SATURATION, _LENGTH_SHARE = 1.2, 0.75

_NOTES = {
    "architecture": (
        "The shop is three services behind one gateway. The catalogue serves products and is read "
        "a thousand times for every write, so it lives in a cache that is rebuilt each minute. The "
        "cart keeps its state in Redis and forgets it after a day. Checkout owns orders and "
        "payments and is the only service with a database of its own. Services talk by events; "
        "only checkout calls another service while a customer waits."
    ),
    "payments": (
        "A payment is authorised when the order is placed and captured when the parcel leaves. The "
        "provider retries its webhook for three days, so the handler must be idempotent: the "
        "payment id is the key. A capture that fails goes to the retry queue with a growing delay. "
        "After five attempts a person looks at it. Card numbers never reach our servers."
    ),
    "incident-cart": (
        "On the second of May carts were empty for eleven minutes. Redis had reached its memory "
        "limit and evicted keys by age. The limit was doubled, the eviction policy changed, and an "
        "alert now fires at eighty percent. What we learned: a cache that holds the only copy is a "
        "database and needs the care of one."
    ),
    "style": (
        "Names tell units: timeout_ms, size_bytes. A function that can fail says so in its "
        "docstring. Tests use real databases in containers and no mocks of our own code. A pull "
        "request has one purpose and fewer than four hundred lines, or a reason for more."
    ),
    "search-ranking": (
        "Ranking starts from BM25 over title and description. Popularity of the last thirty days "
        "raises a product, being out of stock lowers it. The weights are fitted each week from "
        "clicks. An experiment with embeddings improved recall by nine percent and doubled the "
        "latency, so it is off until the cache is in place."
    ),
    "release": (
        "Each merge to main is built, tested and deployed to staging within ten minutes. A release "
        "to production is a tag. It reaches five percent of the traffic first, and all of it after "
        "an hour without alerts. Rolling back is deploying the tag before; migrations are written "
        "so that the version before can run on the new schema."
    ),
    "로그인": (
        "로그인은 세션 쿠키와 리프레시 토큰을 사용한다. 토큰은 15분 뒤 만료되고 갱신할 때마다 "
        "새로 발급된다. 비밀번호는 argon2로 해시하며 실패가 다섯 번이면 잠시 잠근다."
    ),
    "decisions": (
        "We chose Postgres over a document store since orders are relational and auditors read "
        "SQL. We chose events over calls between services since a slow service must not make its "
        "callers slow. We decided against microservices for the back office: one team, one "
        "deployment, one database."
    ),
}

_ONTOLOGY = {
    "architecture": "service services gateway cache database events schema design decisions chose",
    "incident": "incident outage failed alert memory limit rollback learned empty evicted error",
    "process": "release merge deploy review tests pull request staging migration tag style",
    "product": "customer order cart payment checkout catalogue search ranking product parcel",
}


def tokens(text: str) -> int:
    """Number of words in ``text``; the token count of this example."""
    return len(_WORD.findall(text))


def compress(text: str, share: float) -> str:
    """The most relevant sentences of ``text``, in order, within ``share`` of its words."""
    sentences = _SENTENCE.split(text.strip())
    frequency = Counter(_terms(text))
    ranked = sorted(
        range(len(sentences)),
        key=lambda index: -_mean([frequency[term] for term in _terms(sentences[index])]),
    )
    budget, chosen = share * tokens(text), list[int]()
    for index in ranked:
        budget -= tokens(sentences[index])
        if budget < 0 and chosen:
            break
        chosen.append(index)
    return " ".join(sentences[index] for index in sorted(chosen))


@dataclass(frozen=True, slots=True)
class Category:
    """A category of the ontology, and its confidence."""

    name: str
    confidence: float


def classify(text: str) -> Category:
    """The category whose vocabulary ``text`` uses most."""
    terms = Counter(_terms(text))
    votes = {
        name: 1 + sum(terms[word] for word in vocabulary.split())
        for name, vocabulary in _ONTOLOGY.items()
    }
    best = max(votes, key=lambda name: votes[name])
    return Category(best, votes[best] / sum(votes.values()))


class Memory:
    """Notes by name, branches of work, and an index over the notes."""

    def __init__(self) -> None:
        self.notes = dict(_NOTES)
        self.branches = {"main"}
        self._index: dict[str, Counter[str]] = {}
        self.rebuild_index()

    def rebuild_index(self) -> int:
        """Rebuild the index of all notes; returns the number of distinct terms."""
        self._index = {name: Counter(_terms(text)) for name, text in self.notes.items()}
        return len(set().union(*self._index.values()))

    def write(self, name: str, text: str) -> str:
        """Append ``text`` to the note ``name``; returns the whole note."""
        self.notes[name] = f"{self.notes.get(name, '')} {text}".strip()
        self._index[name] = Counter(_terms(self.notes[name]))
        return self.notes[name]

    def search(self, query: str, top_k: int) -> list[str]:
        """Names of the best ``top_k`` notes for ``query``, best first (BM25)."""
        scores = {name: self._score(terms, query) for name, terms in self._index.items()}
        ranked = sorted(scores, key=lambda name: -scores[name])
        return [name for name in ranked[:top_k] if scores[name] > 0]

    def _score(self, note: Counter[str], query: str) -> float:
        mean_length = _mean([terms.total() for terms in self._index.values()])
        length = 1 - _LENGTH_SHARE + _LENGTH_SHARE * note.total() / mean_length
        return sum(
            self._rarity(term)
            * note[term]
            * (_SATURATION + 1)
            / (note[term] + _SATURATION * length)
            for term in _terms(query)
        )

    def _rarity(self, term: str) -> float:
        holders = sum(term in terms for terms in self._index.values())
        return math.log(1 + (len(self._index) - holders + 0.5) / (holders + 0.5))


def _terms(text: str) -> list[str]:
    return [
        term
        for word in _WORD.findall(text.lower())
        if word not in _COMMON
        for term in ([word] if word.isascii() else _pairs(word))
    ]


def _pairs(word: str) -> list[str]:
    # Korean words have particles: 토큰 should match 토큰은.
    return [word[at : at + 2] for at in range(max(1, len(word) - 1))]


def _mean(numbers: list[int]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0

"""A small trigram language model with interpolated Witten-Bell smoothing, written in the ARPA format.

Owns counting, smoothing and the file format; knows nothing of decoders. Pure: sentences in, text out.

For a history h with c(h) tokens and T(h) different followers (Witten & Bell 1991, method C, interpolated):
P(w|h) = (c(hw) + T(h)·P(w|shorter h)) / (c(h) + T(h)), and the back-off weight of h is T(h) / (c(h) + T(h)).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

BEGIN, END = "<s>", "</s>"
ORDER = 3
NEVER_LOG10 = -99.0
Gram = tuple[str, ...]


class NgramCounts:
    """How often every gram of one to three words was seen. Adding is cheap, so that a base can be extended."""

    def __init__(self) -> None:
        self.grams: Counter[Gram] = Counter()

    def add(self, sentences: Iterable[str], weight: int = 1) -> None:
        """Count each sentence `weight` times."""
        for sentence in sentences:
            words = (BEGIN, *sentence.split(), END)
            for last in range(1, len(words)):
                for order in range(1, min(ORDER, last + 1) + 1):
                    self.grams[words[last - order + 1 : last + 1]] += weight

    def add_counts(self, other: "NgramCounts", weight: int = 1) -> None:
        """Add another count, each gram `weight` times."""
        grams = self.grams
        for gram, count in other.grams.items():
            grams[gram] += count * weight

    @property
    def vocabulary(self) -> list[str]:
        """Every word, sorted, with the sentence end and without the sentence begin."""
        return sorted(gram[0] for gram in self.grams if len(gram) == 1)


class WittenBell:
    """Smoothed probabilities of one set of counts."""

    def __init__(self, counts: NgramCounts) -> None:
        """Raises `ValueError` when nothing was counted."""
        if not counts.grams:
            raise ValueError("a language model needs at least one sentence")
        self._counts = counts.grams
        self.vocabulary = counts.vocabulary
        tokens: defaultdict[Gram, int] = defaultdict(int)
        followers: defaultdict[Gram, int] = defaultdict(int)
        for gram, count in counts.grams.items():
            tokens[gram[:-1]] += count
            followers[gram[:-1]] += 1
        self._tokens, self._followers = tokens, followers
        self._uniform = 1.0 / len(self.vocabulary)

    def probability(self, gram: Gram) -> float:
        """P(last word | words before it); backs off to shorter histories as far as needed."""
        shorter = self.probability(gram[1:]) if len(gram) > 1 else self._uniform
        history = gram[:-1]
        seen = self._tokens.get(history, 0)
        if not seen:
            return shorter
        kinds = self._followers[history]
        return (self._counts.get(gram, 0) + kinds * shorter) / (seen + kinds)

    def back_off(self, history: Gram) -> float:
        """The share of probability left for words never seen after `history`; 1 for an unseen history."""
        seen = self._tokens.get(history, 0)
        return self._followers[history] / (seen + self._followers[history]) if seen else 1.0

    def arpa(self) -> str:
        """The model as an ARPA file."""
        levels: dict[int, list[Gram]] = {1: [(BEGIN,)], 2: [], 3: []}
        for gram in sorted(self._counts):
            levels[len(gram)].append(gram)
        head = ["\\data\\", *(f"ngram {order}={len(grams)}" for order, grams in levels.items())]
        body = [line for order, grams in levels.items() for line in self._section(order, grams)]
        return "\n".join([*head, *body, "", "\\end\\", ""])

    def _section(self, order: int, grams: list[Gram]) -> Iterator[str]:
        yield f"\n\\{order}-grams:"
        for gram in grams:
            log_p = NEVER_LOG10 if gram == (BEGIN,) else math.log10(self.probability(gram))
            if order < ORDER and gram[-1] != END:
                yield f"{log_p:.4f} {' '.join(gram)} {math.log10(self.back_off(gram)):.4f}"
            else:
                yield f"{log_p:.4f} {' '.join(gram)}"

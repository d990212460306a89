"""What the researchers' pipeline does with words: jieba, CountVectorizer, and substrings counted.

Beside `poster`, so that whoever measures words alone imports neither torch nor umap-learn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import jieba
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer

from rapids_rap.arrays import Int64s
from rapids_rap.data import data_path

LETTER = re.compile(r"[^\W\d_]")


def words_of(text: str) -> list[str]:
    """The words of jieba without blanks and punctuation."""
    return [word for word in jieba.lcut(text) if LETTER.search(word)]


def cluster_terms(texts: Sequence[str], labels: Int64s, top: int) -> pd.DataFrame:
    """cluster, rank, term, score by class-based TF-IDF (Grootendorst 2022): tf log(1 + A / f).

    A cluster's lines are one document; noise is one too. A: mean words of a document; f:
    occurrences in all.
    """
    documents = pd.Series(texts).groupby(labels).agg("\n".join)
    vectorizer = CountVectorizer(tokenizer=words_of, token_pattern=None)
    counts = vectorizer.fit_transform(documents)
    terms = vectorizer.get_feature_names_out()
    sizes = np.asarray(counts.sum(axis=1)).ravel()
    idf = np.log1p(sizes.mean() / np.asarray(counts.sum(axis=0)).ravel())
    rows = []
    for i, label in enumerate(documents.index):
        scores = counts[[i]].toarray()[0] / sizes[i] * idf
        best = np.argsort(-scores, kind="stable")[:top]
        rows += [
            (label, rank, terms[j], scores[j]) for rank, j in enumerate(best, 1) if scores[j] > 0
        ]
    return pd.DataFrame(rows, columns=["cluster", "rank", "term", "score"])


def load_lexicon() -> dict[str, list[str]]:
    """The words of each category of our lexicon, in its order."""
    table = pd.read_csv(data_path("lexicon.csv"))
    groups = table.groupby("category", sort=False)["word"]
    return {str(name): list(words) for name, words in groups}


def count_presence(texts: Sequence[str], lexicon: Mapping[str, Sequence[str]]) -> Int64s:
    """(n, categories): of each category, the words that are substrings of the text.

    Both without white space and case-folded.
    """
    squeezed = ["".join(text.split()).casefold() for text in texts]
    folded = [["".join(word.split()).casefold() for word in words] for words in lexicon.values()]
    return np.array(
        [[sum(word in text for word in words) for words in folded] for text in squeezed],
        dtype=np.int64,
    ).reshape(len(texts), len(folded))

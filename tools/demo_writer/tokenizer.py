"""The demo writer's tokenizer: the demo model's tokens, without those that spell one another.

One token a common Chinese character, a word of lyric English in lower case, single digits, bytes
for the rest. Other spellings are no tokens here, since each would take its share of a word's
probability: the text is brought to NFKC and lower case instead, which only a tokenizer that is
read as its file says (``TokenizersBackend``) can do.
"""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer, normalizers
from transformers import PreTrainedTokenizerFast

from tools.demo_model.tokenizer import END, Vocabulary


def build_writer_tokenizer(source: Path, vocabulary: Vocabulary) -> PreTrainedTokenizerFast:
    """The tokenizer of the model folder ``source``, cut to the trained tokens of ``vocabulary``.

    Raises ``ValueError`` where the folder was made with another vocabulary.
    """
    content = json.loads((source / "tokenizer.json").read_text("utf-8"))
    ids = content["model"]["vocab"]
    if [token for token, _ in sorted(ids.items(), key=lambda item: item[1])] != vocabulary.tokens:
        raise ValueError(f"{source} was made with another vocabulary than this")
    kept = set(vocabulary.tokens[: vocabulary.trained])
    content["model"]["vocab"] = {token: ids[token] for token in kept}
    merges = [tuple(merge) for merge in content["model"]["merges"]]
    content["model"]["merges"] = [list(merge) for merge in merges if "".join(merge) in kept]
    core = Tokenizer.from_str(json.dumps(content))
    core.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token=END, pad_token=END, model_max_length=512
    )

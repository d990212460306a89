"""A transformers model in this process, which writes names and says how likely lines are.

An answer is JSON by construction: the model fills in three texts, and everything between is ours.
A line is chosen by how much likelier the name makes it (pointwise mutual information, as Holtzman
et al. 2021 choose among answers), so that a common line is not chosen for being common.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from rapids_rap.annotate.naming_prompts import LETTERS, NO_NAME, OPENINGS, Message, NoAnswerError
from rapids_rap.annotate.naming_subjects import Question
from rapids_rap.backend.lanes import open_lane
from rapids_rap.backend.protocol import Backend
from rapids_rap.errors import CapabilityError, InputError
from rapids_rap.runs.files import digest, label_of, sha256_file

_FIELDS = {"name": 24, "gloss": 40, "sentence": 160}  # tokens each may take
_ENDS = ('"', "\n")
_WRITERS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")  # ends of architectures


class LocalModel:
    """A causal language model of a folder, read with safetensors and without code of its own.

    identity: what answers are kept under, by the bytes of its files; described: for the manifest.
    """

    def __init__(self, folder: Path, backend: Backend) -> None:
        """Raises `InputError` for a folder that holds no model that writes."""
        import torch

        self.torch = torch
        self.lane = open_lane(backend.torch_device)
        self.tokenizer, self.model = _load(folder, self.lane)
        name = label_of(folder)
        self.fingerprint = _fingerprint(folder)
        self.identity = f"model {self.fingerprint}"
        self.described: dict[str, Any] = {"folder": name, "fingerprint": self.fingerprint}
        self._plain = lru_cache(maxsize=4096)(self._likelihoods)

    def propose(self, messages: Sequence[Message]) -> str:
        """A JSON object with a name, a gloss and a sentence; a part of one where a text has no end.

        That is an answer too, and kept like any other: it would be the same again. Raises
        `NoAnswerError` for a question that is too long.
        """
        ours = [f'{", " if i else "{"}"{field}": "' for i, field in enumerate(_FIELDS)]
        found, cache = "", None
        for beginning, tokens in zip(ours, _FIELDS.values(), strict=True):
            before = f'"{beginning}' if found else self._prompt(messages) + beginning
            text, cache, ended = self._fill_in(before, tokens, cache)
            found += ('"' if found else "") + beginning + text
            if not ended:
                return found
        return found + '"}'

    def choose(self, name: str, question: Question, wording: int) -> str:
        """The line that the name makes likeliest, as the answer of a server would be."""
        with_name = OPENINGS[wording].format(name=name)
        without = OPENINGS[wording].format(name=NO_NAME)
        likely, plain = (
            self._likelihoods(with_name, question.lines),
            self._plain(without, question.lines),
        )
        gains = [one - other for one, other in zip(likely, plain, strict=True)]
        return json.dumps({"choice": LETTERS[gains.index(max(gains))]})

    def _prompt(self, messages: Sequence[Message]) -> str:
        if getattr(self.tokenizer, "chat_template", None):
            text = self.tokenizer.apply_chat_template(
                list(messages), tokenize=False, add_generation_prompt=True
            )
            return str(text)
        return "\n\n".join(message["content"] for message in messages) + "\n\n"

    def _fill_in(self, before: str, tokens: int, cache: Any) -> tuple[str, Any, bool]:
        """What the model writes behind `before`, up to a quote, and whether there was one.

        cache: of what stood earlier, None at first.
        """
        torch = self.torch
        written: list[int] = []
        text = ""
        ids = self._ids(before, tokens)
        with torch.inference_mode():
            for _ in range(tokens):
                out = self.model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
                cache, best = out.past_key_values, out.logits[0, -1].argmax()
                text = str(self.tokenizer.decode([*written, int(best)]))
                ends = [place for end in _ENDS if (place := text.find(end)) >= 0]
                if ends:
                    return text[: min(ends)], cache, True
                if int(best) == self.tokenizer.eos_token_id:
                    break
                written.append(int(best))
                ids = best[None, None]
        return text, cache, False

    def _likelihoods(self, opening: str, lines: tuple[str, ...]) -> list[float]:
        """The log-probability of each line behind an opening."""
        torch, head = self.torch, int(self._ids(opening, 0).shape[1])
        rows = [self._ids(opening + line, 0)[0] for line in lines]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        sizes = torch.tensor([len(row) for row in rows], device=ids.device)
        place = torch.arange(ids.shape[1], device=ids.device)[None, :]
        mask = (place < sizes[:, None]).long()
        with torch.inference_mode():
            logits = self.model(ids, attention_mask=mask).logits[:, :-1].float().log_softmax(-1)
        own = logits.gather(2, ids[:, 1:, None])[:, :, 0]
        # A line has a token of its own, also where its beginning joins the opening's last.
        first = torch.minimum(torch.tensor(head, device=ids.device), sizes - 1)
        counted = (place[:, 1:] >= first[:, None]) & (place[:, 1:] < sizes[:, None])
        return [float(x) for x in (own * counted).sum(dim=1)]

    def _ids(self, text: str, room: int) -> Any:
        ids = self.tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids
        most = getattr(self.model.config, "max_position_embeddings", None)
        if isinstance(most, int) and ids.shape[1] + room > most:
            raise NoAnswerError(f"the question is longer than the model's {most} tokens")
        return ids.to(self.lane.device)


def _load(folder: Path, lane: Any) -> tuple[Any, Any]:
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if not (folder / "config.json").is_file():
        raise InputError(
            f"--model {label_of(folder)}: is no folder of a transformers model (it has no "
            "config.json); nothing is downloaded here."
        )
    transformers.logging.disable_progress_bar()
    dtype = getattr(torch, lane.dtype)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        found: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=dtype,
            output_loading_info=True,
        )
    except CapabilityError:
        raise
    except Exception as error:  # the readers of each part raise errors of their own
        said = " ".join(str(error).split())[:200]
        raise InputError(
            f"--model {label_of(folder)}: can't be read as a model that writes ({said})."
        ) from None
    model, told = found
    missing = sorted(map(str, told["missing_keys"]))
    # Where the words going in are those coming out (tied), no weights are missing in an encoder.
    made_for = getattr(model.config, "architectures", None) or [_WRITERS[0]]
    if not missing and not any(str(name).endswith(_WRITERS) for name in made_for):
        missing = [f"a language model (it is a {made_for[0]})"]
    if missing:
        raise InputError(
            f"--model {label_of(folder)}: has no weights for {missing[0]}, so it does not write; "
            "name a language model, not an encoder."
        )
    return tokenizer, lane.place(model.eval(), label_of(folder))


def _fingerprint(folder: Path) -> str:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return digest("".join(f"{path.name} {sha256_file(path)}\n" for path in files))[:16]

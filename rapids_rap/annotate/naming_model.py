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
        self._plain = lru_cache(maxsize=4096)(lambda o, line: self._likelihood(o, line))

    def propose(self, messages: Sequence[Message]) -> str:
        """A JSON object with a name, a gloss and a sentence. Raises `NoAnswerError`."""
        prompt, found = self._prompt(messages), "{"
        for field, tokens in _FIELDS.items():
            found += f'{", " if len(found) > 1 else ""}"{field}": "'
            found += self._fill_in(prompt + found, tokens) + '"'
        return found + "}"

    def choose(self, name: str, question: Question, wording: int) -> str:
        """The line that the name makes likeliest, as the answer of a server would be."""
        with_name = OPENINGS[wording].format(name=name)
        without = OPENINGS[wording].format(name=NO_NAME)
        gains = [
            self._plain(with_name, line) - self._plain(without, line) for line in question.lines
        ]
        return json.dumps({"choice": LETTERS[gains.index(max(gains))]})

    def _prompt(self, messages: Sequence[Message]) -> str:
        if getattr(self.tokenizer, "chat_template", None):
            text = self.tokenizer.apply_chat_template(
                list(messages), tokenize=False, add_generation_prompt=True
            )
            return str(text)
        return "\n\n".join(message["content"] for message in messages) + "\n\n"

    def _fill_in(self, text: str, tokens: int) -> str:
        ids = self._ids(text, tokens)
        with self.torch.inference_mode():
            out = self.model.generate(
                ids,
                attention_mask=self.torch.ones_like(ids),
                max_new_tokens=tokens,
                do_sample=False,
                num_beams=1,
                stop_strings=list(_ENDS),
                tokenizer=self.tokenizer,
                pad_token_id=self.tokenizer.eos_token_id,
            )
        written = self.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
        ends = [place for end in _ENDS if (place := written.find(end)) >= 0]
        if not ends:
            raise NoAnswerError("the answer was cut")
        return str(written[: min(ends)])

    def _likelihood(self, opening: str, line: str) -> float:
        """The log-probability of a line behind an opening."""
        head = self._ids(opening, 0).shape[1]
        ids = self._ids(opening + line, 0)
        head = min(head, int(ids.shape[1]) - 1)
        with self.torch.inference_mode():
            logits = self.model(ids).logits[0, :-1].float().log_softmax(-1)
        own = logits.gather(1, ids[0, 1:, None])[:, 0]
        return float(own[max(head - 1, 0) :].sum())

    def _ids(self, text: str, room: int) -> Any:
        ids = self.tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids
        most = getattr(self.model.config, "max_position_embeddings", None)
        if isinstance(most, int) and ids.shape[1] + room > most:
            raise NoAnswerError(f"the question is longer than the model's {most} tokens")
        return ids.to(self.lane.device)


def _load(folder: Path, lane: Any) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if not (folder / "config.json").is_file():
        raise InputError(
            f"--model {label_of(folder)}: is no folder of a transformers model (it has no "
            "config.json); nothing is downloaded here."
        )
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
    if missing:
        raise InputError(
            f"--model {label_of(folder)}: has no weights for {missing[0]}, so it does not write; "
            "name a language model, not an encoder."
        )
    return tokenizer, lane.place(model.eval(), label_of(folder))


def _fingerprint(folder: Path) -> str:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return digest("".join(f"{path.name} {sha256_file(path)}\n" for path in files))[:16]

"""Input and output rows of the item tokens.

The paper gives each item a fresh token and is silent on its start. An item met two or three
times cannot learn a row from noise, so a row here is tied to the item's content:

    row_i = mean of the token rows of its attributes + W photo_i + code_i + delta_i (+ mark)

``delta_i`` starts at zero and is learned, ``W`` is one linear map for all items, and the token
rows are the language model's current ones. Input and output rows have their own ``W`` and
``delta``, and share ``code_i``, drawn small: it says *which* item this is, so that an item of the
history can speak for or against itself. ``mark`` is one learned vector on every input row that
says "this is an item", so that attention can find items whatever they are. The variant ``random``
has ``code_i``, ``delta_i`` and the mark alone, the deltas drawn from noise; so does an item with
neither words nor photo. Late fusion keeps photos out of the language model, and so out of the
input rows.

Where ``W`` starts. In a language model from scratch photos have dimensions of their own, in which
the rows of words start at zero: there ``W`` is the identity, in and out. What attention averages
over a history then *is*, before anything is learned, close to the rows of items that look like it,
and no word is mistaken for a photo. A frozen language model has no dimension to spare, and ``W``
is the same random map, in and out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from unimp_model.images.photo_space import PhotoSpace

#: Standard deviation of fresh rows, as in the initialisation of Llama.
ROW_STD = 0.02
#: Length of an item's code relative to a fresh row's.
_CODE = 0.3


class ItemRows(nn.Module):
    """Builds the rows of ``n`` items from bags of text tokens and photo vectors.

    ``bags`` holds each item's text tokens (possibly none); ``photos`` is (n, f) of about unit
    length, zero where an item has no photo, or ``None`` to leave photos out; with
    ``photos_enter`` false they are left out of the input rows alone. With ``own_dims`` photos
    start in the first f dimensions, by themselves. ``space`` is what made the vectors: it is kept
    for photos to come.
    """

    bag_tokens: Tensor
    bag_starts: Tensor
    photos: Tensor | None

    def __init__(
        self,
        bags: Sequence[Sequence[int]],
        photos: Tensor | None,
        *,
        width: int,
        content: bool,
        row_std: float = ROW_STD,
        photos_enter: bool = True,
        own_dims: bool = False,
        space: PhotoSpace | None = None,
    ) -> None:
        super().__init__()
        n = len(bags)
        self.content = content
        flat = torch.tensor([token for bag in bags for token in bag], dtype=torch.int64)
        starts = torch.tensor([0, *(len(bag) for bag in bags)], dtype=torch.int64).cumsum(0)[:-1]
        self.register_buffer("bag_tokens", flat)
        self.register_buffer("bag_starts", starts)
        use_photos = content and photos is not None
        self.register_buffer("photos", photos if use_photos else None)
        self.space = space if use_photos else None
        noisy_input = noisy_output = torch.full((n, 1), not content)
        if content:  # an item with neither words nor photo would start as zero, like all its kind
            noisy_input = noisy_output = torch.tensor([not bag for bag in bags]).unsqueeze(1)
            if photos is not None:
                noisy_output = noisy_output & ~photos.any(1, keepdim=True)
                noisy_input = noisy_output if photos_enter else noisy_input
        self.input_delta = nn.Parameter(torch.randn(n, width) * row_std * noisy_input)
        self.output_delta = nn.Parameter(torch.randn(n, width) * row_std * noisy_output)
        self.code_delta = nn.Parameter(torch.randn(n, width) * row_std * _CODE)
        self.input_photo: nn.Linear | None = None
        self.output_photo: nn.Linear | None = None
        self.input_mark = nn.Parameter(torch.randn(width) * row_std)
        if use_photos:
            assert photos is not None
            self.output_photo = nn.Linear(photos.shape[1], width, bias=False)
            if own_dims:
                nn.init.eye_(self.output_photo.weight)
                with torch.no_grad():
                    self.code_delta[:, : photos.shape[1]] = 0.0
                    self.input_mark[: photos.shape[1]] = 0.0
            else:
                nn.init.normal_(self.output_photo.weight, std=row_std)
            if photos_enter:  # one map at the start, two later
                self.input_photo = nn.Linear(photos.shape[1], width, bias=False)
                self.input_photo.load_state_dict(self.output_photo.state_dict())

    @classmethod
    def blank(cls, state: Mapping[str, Tensor], *, width: int, content: bool) -> ItemRows:
        """Build rows of the shapes and content in a saved network's state, weights to be loaded."""
        n = len(state["items.input_delta"])
        rows = cls(
            [[]] * n,
            state.get("items.photos"),
            width=width,
            content=content,
            photos_enter="items.input_photo.weight" in state,
            space=(
                PhotoSpace(*state["items.space.directions"].shape)
                if "items.space.directions" in state else None
            ),
        )  # fmt: skip
        rows.bag_tokens = state["items.bag_tokens"]
        rows.bag_starts = state["items.bag_starts"]
        return rows

    def forward(self, input_rows: Tensor, output_rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return item rows (n, d) in and out from token rows (V_text, d) in and out."""
        into: Tensor = self.input_delta + self.code_delta + self.input_mark
        out: Tensor = self.output_delta + self.code_delta
        if not self.content:
            return into, out
        into = into + self._bag_mean(input_rows)
        out = out + self._bag_mean(output_rows)
        if self.input_photo is not None:
            into = into + self.input_photo(self.photos)
        if self.output_photo is not None:
            out = out + self.output_photo(self.photos)
        return into, out

    def as_shown(
        self,
        item: int,
        words: Sequence[int],
        photo: Tensor | None,
        input_rows: Tensor,
        output_rows: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return the rows (d,) in and out of item number ``item`` shown with other content.

        Those are of its own ``words``, text tokens, and ``photo`` (f,), ``None`` for none; code,
        delta and mark stay the item's.
        """
        into = self.input_delta[item] + self.code_delta[item] + self.input_mark
        out = self.output_delta[item] + self.code_delta[item]
        if not self.content:
            return into, out
        if words:
            tokens = torch.tensor(words, device=into.device)
            into = into + input_rows[tokens].mean(0)
            out = out + output_rows[tokens].mean(0)
        if photo is not None:
            if self.input_photo is not None:
                into = into + self.input_photo.weight @ photo
            if self.output_photo is not None:
                out = out + self.output_photo.weight @ photo
        return into, out

    def _bag_mean(self, rows: Tensor) -> Tensor:
        return functional.embedding_bag(self.bag_tokens, rows, self.bag_starts, mode="mean")

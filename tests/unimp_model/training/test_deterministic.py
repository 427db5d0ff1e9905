"""Training asks a GPU for nothing that has no deterministic kernel there.

Where there is no GPU nothing would refuse: operations of a fit are listed, and held against those
that torch refuses there (the documentation of ``torch.use_deterministic_algorithms``).
"""

from __future__ import annotations

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from unimp_model.entries import MODELS

#: Operations that raise on a GPU under deterministic kernels, whatever they are given.
REFUSED = {
    "_adaptive_avg_pool2d_backward", "_adaptive_avg_pool3d_backward",
    "adaptive_max_pool2d_backward", "adaptive_max_pool3d_backward", "avg_pool3d_backward",
    "fractional_max_pool2d_backward", "fractional_max_pool3d_backward",
    "max_pool3d_with_indices_backward", "max_unpool2d", "max_unpool3d", "histc", "kthvalue",
    "median", "nll_loss2d_forward", "_ctc_loss_backward", "_embedding_bag_dense_backward",
    "reflection_pad1d_backward", "reflection_pad2d_backward", "reflection_pad3d_backward",
    "replication_pad1d_backward", "replication_pad2d_backward", "replication_pad3d_backward",
    "upsample_linear1d_backward", "upsample_bilinear2d_backward", "upsample_bicubic2d_backward",
    "upsample_trilinear3d_backward", "grid_sampler_2d_backward", "grid_sampler_3d_backward",
}  # fmt: skip


class Refusing(TorchDispatchMode):
    """Refuses on any device what a GPU would refuse, and counts the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        name = func.overloadpacket.__name__
        self.seen.add(name)
        weights = args[1] if len(args) > 1 else given.get("weights")
        weighed = name == "bincount" and weights is not None
        summed = name == "cumsum" and args[0].is_floating_point()
        put = name == "put" and not (args[3:] or given.get("accumulate"))
        if name in REFUSED or weighed or summed or put:
            raise RuntimeError(f"{name} does not have a deterministic implementation on a GPU")
        return func(*args, **given)


def test_a_fit_of_all_six_tasks_uses_only_what_is_deterministic_on_a_gpu(fit, sim_xs):
    matching = MODELS[0].variants["matching"]
    with Refusing() as watching:
        fit(sim_xs.training_view(), **matching)
    assert {"index_add", "_log_softmax_backward_data", "embedding_dense_backward"} <= watching.seen

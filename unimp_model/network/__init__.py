"""The network of section 2.2 of the paper: fine-grained multi-modal user modelling.

Read beside the paper, in this order:

1. :mod:`unimp_model.sequence.template`: items and histories as tokens, ``[IMG] k_1 v_1 ... [EOC]``
   (Eq. 1) and ``u_n = [CLS] i_1 ... i_n`` (Eq. 2).
2. :mod:`unimp_model.images.encoder`: the frozen vision encoder ``f_v``, its patch features.
3. :mod:`~unimp_model.network.resampler`: the vision sampler, from these to the visual embeddings
   ``x_v`` (H, C, d) of H images.
4. :mod:`~unimp_model.network.fusion`: cross-attention from text ``x^_t`` (N, d) to ``x_v`` under
   the mask M (Eq. 3), gated by g (Eq. 4); and the ways of fusion it is compared with.
5. :mod:`~unimp_model.network.language`: the frozen language model, whose layers j are conditioned.
6. :mod:`~unimp_model.network.item_rows`: rows of the item tokens (our choice; the paper is silent).
7. :mod:`~unimp_model.network.model` puts them together.
8. :mod:`~unimp_model.network.decoding`: next tokens y_{>n} given {u_n, T} (Eq. 5), one by one or,
   of items, all in one pass; :mod:`~unimp_model.network.beam` is the yardstick for that.

Beside the way: :mod:`~unimp_model.network.pretrained`, :mod:`~unimp_model.network.model_folder`,
:mod:`~unimp_model.network.seam_check` and :mod:`~unimp_model.network.lora` fetch, check and adapt a
language model; :mod:`~unimp_model.network.matching`, made of
:mod:`~unimp_model.network.match_material`, is our extension (not in the paper). The objective
(Eq. 6-8) is in :mod:`unimp_model.training.losses`, the two stages of drawing (Eq. 9) in
:mod:`unimp_model.tasks.drawing`.
"""

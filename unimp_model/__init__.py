"""UniMP: a vision-language model of user histories (Wei et al., ICLR 2024), written anew."""

import benchmark  # noqa: F401  it pins the arithmetic, which is to be before torch is loaded

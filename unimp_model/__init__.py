"""UniMP: a vision-language model of user histories (Wei et al., ICLR 2024), written anew."""

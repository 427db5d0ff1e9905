"""Item-to-item systems in closed form: nothing is trained by gradient, nothing is random."""

"""Tell what runs will cost before they are executed.

The harness knows nothing of a model but that it is fitted, and that pieces of its work tell how
far they are (:mod:`benchmark.host.progress`). So a fit is begun in a process of its own
(:mod:`.probe`) on links to the dataset (:mod:`.mirror`), each piece of its work is ended after a
few seconds of steady steps, and the rest is extrapolated from its steps (:mod:`.stages`). Where a
run of the same configuration is stored, what that took is told instead (:mod:`.earlier`).
"""

"""Recommend the best sellers of the category the user bought from last."""

import json
from collections import Counter

from benchmark.predictions import Ranking


class LastCategory:
    tasks = frozenset({"recommendation"})

    def fit(self, data, *, seed):
        counts = Counter(data.interactions("train")["item_id"].to_list())
        best_first = sorted(data.catalogue, key=lambda item: -counts[item.item_id])
        self.items = [(item.item_id, list(item.category)) for item in best_first]

    def predict(self, instances):
        for instance in instances:
            wanted = list(instance.history.items[-1].category) if len(instance.history) else []
            allowed = [pair for pair in self.items if pair[0] not in instance.exclude]
            allowed.sort(key=lambda pair: pair[1] != wanted)  # stable: best sellers stay first
            answer = tuple(item_id for item_id, _ in allowed[: instance.k])
            scores = tuple(-float(place) for place in range(len(answer)))
            yield Ranking(instance.instance_id, answer, scores)

    def save(self, folder):
        (folder / "items.json").write_text(json.dumps(self.items))

    def load(self, folder):
        self.items = json.loads((folder / "items.json").read_text())

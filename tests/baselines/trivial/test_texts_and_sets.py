from __future__ import annotations

from baselines.trivial.select_all import SelectAll
from baselines.trivial.template import Template, sentence
from benchmark.instances import ExplanationInstance, History, Item, SelectionInstance


def test_select_all_chooses_every_candidate():
    candidates = tuple(Item(name) for name in "abc")
    (prediction,) = SelectAll().predict([SelectionInstance("s", "u", History(), candidates)])
    assert prediction.chosen == ("a", "b", "c")
    assert len(prediction.scores) == 3


def test_template_uses_the_most_frequent_words_of_praise(make_view):
    said = ["a soft scarf", "so soft and lovely", "lovely wool", "soft", "nice, nice, nice"]
    rows = [{"user_id": "u", "item_id": "a", "explanation": text} for text in [*said, None]]
    model = Template()
    model.fit(make_view([{"item_id": "a"}], train=rows), seed=0)
    assert model.opinions == ("soft", "lovely")  # three, two, and "nice" in one sentence only


def test_template_fills_in_what_the_item_has():
    item = Item(
        "a",
        title="Aster mug",
        category=("Home", "Kitchen", "Mugs"),
        brand="Norda",
        attributes={"material": "Clay"},
    )
    expected = "The Aster mug by Norda is a great and nice mugs, with clay."
    assert sentence(item, ("great", "nice")) == expected


def test_template_leaves_out_what_the_item_lacks():
    assert sentence(Item("a"), ("great", "nice")) == "The product is a great and nice product."


def test_template_survives_save_and_load(make_view, tmp_path):
    rows = [{"user_id": "u", "item_id": "a", "explanation": "comfortable and sturdy"}]
    fitted, loaded = Template(), Template()
    fitted.fit(make_view([{"item_id": "a"}], train=rows), seed=0)
    fitted.save(tmp_path)
    loaded.load(tmp_path)
    question = ExplanationInstance("e", "u", History(), Item("a"))
    assert list(loaded.predict([question])) == list(fitted.predict([question]))

"""The words and colours of the simulated shop.

Looks (colour, shape, pattern) are shown by photos only; everything else is told by text
only. No word of an item's text may therefore describe its look; a test checks it.
"""

from __future__ import annotations

#: Colour name -> RGB of the drawn product, 0..255.
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (210, 38, 45),
    "orange": (245, 130, 20),
    "yellow": (238, 205, 40),
    "green": (45, 150, 70),
    "turquoise": (50, 190, 195),
    "blue": (38, 75, 200),
    "purple": (128, 50, 165),
    "black": (42, 42, 46),
}
SHAPES = ("circle", "square", "triangle", "star", "heart", "cross", "crescent", "arrow")
PATTERNS = ("plain", "striped", "dotted", "checked", "zigzag")

MATERIALS = ("ceramic", "steel", "oak", "glass", "cotton", "wool", "bamboo", "leather")
BRANDS = (
    *("Norby", "Halden", "Tamsin", "Orvik", "Lumora", "Pinevale"),
    *("Quillon", "Brackett", "Sorrel", "Maddox", "Elstree", "Varga"),
)

#: Names of product series, the first word of a title.
SERIES = (
    *("Alba", "Bergen", "Calla", "Dorset", "Easton", "Fjord", "Gale", "Haven", "Iris", "Juno"),
    *("Kestrel", "Linden", "Marlow", "Nimbus", "Otter", "Piper", "Quest", "Rowan", "Sutton"),
    *("Tarn", "Ulster", "Vesper", "Willow", "Xenia", "Yarrow", "Zephyr", "Arden", "Birch"),
    *("Cedar", "Dune", "Elm", "Fable", "Grove", "Harbor", "Inlet", "Jarrow", "Knoll", "Lark"),
    *("Meadow", "North", "Otley", "Prairie", "Quarry", "River", "Summit", "Thistle", "Upland"),
    *("Valley", "Wren", "Yonder"),
)

#: Department, shelf ("-": the department has none) and the leaf categories on it. Every leaf
#: is a plural whose singular drops the last letter.
_TAXONOMY = """
kitchen    | drinkware   | mugs, teapots, tumblers
kitchen    | tableware   | bowls, plates, trays
kitchen    | appliances  | kettles, toasters, blenders
kitchen    | utensils    | ladles, spatulas, graters
bedroom    | bedding     | blankets, pillows, quilts
bedroom    | furniture   | nightstands, dressers, headboards
bedroom    | lighting    | lamps, lanterns, nightlights
bedroom    | storage     | baskets, hampers, hangers
garden     | planting    | planters, trellises, seedpots
garden     | tools       | trowels, rakes, shears
garden     | leisure     | hammocks, parasols, loungers
garden     | wildlife    | birdhouses, feeders, birdbaths
sports     | fitness     | dumbbells, kettlebells, rollers
sports     | racket      | rackets, shuttlecocks, grips
sports     | water       | goggles, snorkels, kickboards
sports     | cycling     | helmets, saddles, pumps
fashion    | bags        | backpacks, handbags, totes
fashion    | headwear    | caps, beanies, visors
fashion    | accessories | belts, scarves, gloves
fashion    | jewelry     | bracelets, necklaces, brooches
toys       | building    | blocks, puzzles, magnets
toys       | active      | kites, scooters, frisbees
toys       | plush       | teddies, puppets, dolls
toys       | games       | boardgames, yoyos, marbles
beauty     | hair        | combs, hairbrushes, clips
beauty     | bath        | soaps, sponges, loofahs
beauty     | makeup      | lipsticks, mascaras, compacts
beauty     | fragrance   | perfumes, candles, diffusers
music      | strings     | guitars, violins, ukuleles
music      | percussion  | drums, tambourines, cymbals
music      | wind        | flutes, recorders, harmonicas
music      | gear        | amplifiers, metronomes, capos
pets       | -           | leashes, collars, kennels, cushions, scratchers, aquariums
pets       | -           | carriers, crates, harnesses, whistles, perches, hutches
stationery | -           | notebooks, pens, staplers, rulers, folders, calendars
stationery | -           | envelopes, planners, erasers, sharpeners, binders, stamps
"""

_IRREGULAR = {
    "trellises": "trellis",
    "shears": "shears",
    "scarves": "scarf",
    "gloves": "glove",
    "brooches": "brooch",
    "teddies": "teddy",
    "leashes": "leash",
    "harnesses": "harness",
    "hairbrushes": "hairbrush",
    "hutches": "hutch",
    "perches": "perch",
}

#: A catalogue that needs more leaf categories than the taxonomy has repeats it per line.
LINES = ("", "travel", "kids", "office", "outdoor", "studio")

#: Departments of the annex: the domains that are kept out of training.
ANNEX_DEPARTMENTS = ("music", "stationery")


def leaf_categories(count: int, *, annex: bool) -> tuple[tuple[tuple[str, ...], str], ...]:
    """Return ``count`` leaf categories as (path from general to specific, singular noun).

    They belong to the departments of the annex, or to all others. Departments take turns, so a
    small catalogue is as varied as a large one. Raises :class:`ValueError` when there are fewer.
    """
    by_department: dict[str, list[tuple[str, ...]]] = {}
    for row in _TAXONOMY.strip().splitlines():
        department, shelf, leaves = (cell.strip() for cell in row.split("|"))
        if (department in ANNEX_DEPARTMENTS) != annex:
            continue
        stem = (department,) if shelf == "-" else (department, shelf)
        paths = by_department.setdefault(department, [])
        paths.extend((*stem, leaf.strip()) for leaf in leaves.split(","))
    # The first leaf of every shelf comes before the second of any.
    for paths in by_department.values():
        paths[:] = [path for start in range(3) for path in paths[start::3]]
    order = [path for turn in zip(*by_department.values(), strict=True) for path in turn]
    found = []
    for line in LINES:
        for path in order:
            noun = _IRREGULAR.get(path[-1], path[-1][:-1])
            words = [word for word in (line, path[-1]) if word]
            found.append(((*path[:-1], " ".join(words)), noun))
    if count > len(found):
        raise ValueError(f"{count} leaf categories asked, the taxonomy has {len(found)}")
    return tuple(found[:count])

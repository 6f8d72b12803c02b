"""Names of the invented world. Each split draws from its own stems and word lists, so that no name is shared."""

from typing import Literal, TypeAlias

Split: TypeAlias = Literal["train", "dev", "test"]

SHARES: dict[Split, tuple[int, ...]] = {"train": (0, 1, 2, 3), "dev": (4,), "test": (5,)}
"""Which of six equal parts of every list a split draws from."""


def listed(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


def split_part(words: tuple[str, ...], *, split: Split) -> tuple[str, ...]:
    """Return the words of a list that belong to a split."""
    return tuple(word for index, word in enumerate(words) if index % 6 in SHARES[split])


def owns_number(number: int, *, split: Split) -> bool:
    """Say whether a number, for example a year, belongs to a split."""
    return number % 6 in SHARES[split]


ONSETS = listed("B Br D Dr F Fl G Gl Gr H J K Kl Kr L M N P Pr Qu R S Sk St T Th Tr V W Z")
VOWELS = listed("a e i o u")
CODAS = listed("lb ld lm ln lv mb nd ng nn nt rd rg rl rm rn rt rv sk ss st tt v")
UNWANTED = frozenset(
    listed(
        "Bald Balm Band Bang Barn Bask Bass Bend Bent Bern Best Bind Bird Bold Bomb Bond Born Boss Brand Brass "
        "Bring Brisk Bulb Bung Burn Bust Butt Darn Dart Dent Desk Dild Ding Dirt Disk Dong Dorm Dress Dross Dumb "
        "Dung Dusk Dust Fang Farm Fart Fast Fend Fern Film Find Firm Fist Flask Fling Flint Flirt Fold Fond Font "
        "Ford Form Fort Fund Fuss Gang Germ Gild Gird Girt Gland Glint Gloss Gold Gong Grand Grant Grass Grind "
        "Grunt Gust Halm Hand Hang Hard Harm Hart Hass Held Helm Herd Hind Hint Hiss Hold Horn Host Hung Hunt Hurt "
        "Husk Jest Just Kent Kern Kiln Kind King Kiss Kunt Lamb Land Lard Lass Last Lend Lent Less Lest Limb Lint "
        "List Long Lord Loss Lost Lung Lust Mask Mass Mast Mend Mess Mild Mind Mint Miss Mist Mitt Mold Morn Moss "
        "Most Musk Muss Must Mutt Nerd Nest Norm Numb Palm Pang Pant Part Pass Past Pert Pest Ping Pint Piss Pitt "
        "Pond Pong Port Post Press Print Punt Puss Putt Rand Rang Rant Rend Rent Rest Rind Ring Risk Rung Runt "
        "Rust Sand Sang Sard Send Sent Sing Skirt Sold Song Sort Stand Start Stern Sting Stint Stomb Storm Stunt "
        "Sung Tang Tart Task Tend Tent Term Tern Test Therm Thing Third Thorn Thumb Tint Tiss Titt Told Tomb Tong "
        "Torn Toss Trust Turd Turn Tusk Vast Vend Vent Vest Wand Want Ward Warm Warn Wart Watt Weld Wend Went West "
        "Wild Wind Wing Wolv Womb Word Worm Worn Zest Zing"
    )
)
"""Stems that are words of English, or sound rude."""
STEMS = tuple(
    stem
    for onset in ONSETS
    for vowel in VOWELS
    for coda in CODAS
    if (stem := onset + vowel + coda) not in UNWANTED and not (onset == "Qu" and vowel == "u")
)

TOWN_ENDINGS = listed("mere wick holt by stead brook haven field mouth bridge thorpe minster")
REGION_ENDINGS = listed("shire mark dale moor wold")
COUNTRY_ENDINGS = (
    ("ia", "ian"),
    ("ora", "oran"),
    ("ania", "anian"),
    ("ovia", "ovian"),
    ("eria", "erian"),
    ("essa", "essan"),
)
"""Ending of the country and of its adjective."""
SURNAME_ENDINGS = listed("er ell ow ley sen ov ini ard ick en")
REGION_KINDS = listed("Province County District")

MEN = listed(
    "Adam Albert Andrew Anton Arthur Benedict Bernard Bruno Carl Charles Conrad Daniel David Edgar Edmund Edward "
    "Ernest Felix Francis Frederick George Gilbert Gregory Harold Henry Herbert Hugo Jacob James John Joseph "
    "Julian Lawrence Leonard Louis Lucas Magnus Martin Matthew Maurice Michael Nathan Nicholas Oliver Oscar Otto "
    "Patrick Paul Peter Philip Ralph Raymond Richard Robert Rupert Samuel Sebastian Simon Stephen Theodore "
    "Thomas Victor Walter William Alfred Clement Dominic Eugene Gerald Ivan Jasper Kenneth Lionel Marcus Norman "
    "Owen"
)
WOMEN = listed(
    "Ada Agnes Alice Amelia Anna Beatrice Bertha Bridget Camilla Caroline Catherine Cecilia Clara Constance Cora "
    "Cordelia Daphne Diana Dorothy Edith Eleanor Elizabeth Ella Emily Emma Esther Eva Fiona Flora Florence "
    "Frances Frieda Gertrude Gloria Greta Hannah Harriet Helen Henrietta Ida Irene Isabel Jane Joanna Josephine "
    "Judith Julia Laura Lavinia Lily Louise Lucy Lydia Margaret Maria Martha Matilda Miriam Nora Olivia Pauline "
    "Penelope Rachel Rebecca Rosalind Ruth Sarah Sophia Susan Sylvia Teresa Ursula Vera Victoria Viola Winifred"
)

INSTITUTION_KINDS = listed("Institute Society Academy Museum Library Observatory College Bureau")
FIELDS = listed(
    "Botany Geology Music Navigation Optics Surgery Painting Letters Mining Forestry Astronomy Dance Pottery "
    "Printing Chemistry Drama Husbandry Weaving Archery Zoology Engraving Fishery Sculpture Medicine Rhetoric "
    "Logic Statistics Hydrology Sailing Textiles Brewing Carpentry Ethics Languages Masonry Poetry"
)

WORK_QUALITIES = listed(
    "Glass Silent Crooked Amber Hollow Borrowed Burning Distant Golden Frozen Hidden Broken Scarlet Wooden Empty "
    "Gentle Iron Bitter Painted Restless Sleeping Velvet Wandering Winter Copper Faithful Forgotten Lonely "
    "Patient Salted Tangled Violet Weary Yellow Blind Drowned Endless Feathered Guarded Humble Ivory Jealous "
    "Marble Narrow Pale Quiet Ragged Secret"
)
WORK_THINGS = listed(
    "Orchard Lantern Bridge Mirror Garden Clock Harbour Staircase Window Violin Compass Carriage Ladder Letter "
    "Meadow Needle Anchor Bell Candle Door Feather Fountain Gate Hammer Island Journey Kettle Lake Mill "
    "Nightingale Oak Path Quarry River Saddle Tower Umbrella Valley Wheel Archer Barrel Cradle Drum Envelope "
    "Ferry Goblet Hourglass Inkwell"
)
WORK_KINDS = ("novel", "poem", "play", "diary", "memoir")

MONTHS = listed("January February March April May June July August September October November December")

PLAIN_WORDS = {
    "job": listed(
        "painter baker lawyer botanist sailor teacher surgeon composer geologist printer watchmaker poet farmer "
        "weaver merchant sculptor chemist carpenter journalist"
    ),
    "post": listed("clerk librarian secretary translator accountant bookkeeper porter gardener draughtsman"),
    "goods": listed("wool salt honey pottery timber cheese wine copper paper linen"),
}
"""Words that fill the plain slots of a sentence; shared by all splits."""

"""How the sample corpus states its twelve relations: the sentences, with slots for the entities.

A slot is `{letter}` or `{letter.form}`; `s` and `o` are the subject and the object of the relation. A capital letter
may be written as a pronoun or as "the town" where that is unambiguous. Forms: `gen` (possessive), `he`, `his`, `him`
(a pronoun bound within the text), `son`, `man`, `father`, `wife`, `bride` (the word that fits the gender), `job`,
`kind`, `kinds`, `demonym`. `y` (a year), `d` (a day) and `x` (a town) are new entities that take no part in the
relation; `{post}` and `{goods}` are plain words. ` | ` parts two sentences.
"""

from dataclasses import dataclass

RELATION_NAMES = {
    "P17": "country",
    "P131": "located in the administrative territorial entity",
    "P19": "place of birth",
    "P20": "place of death",
    "P22": "father",
    "P26": "spouse",
    "P27": "country of citizenship",
    "P40": "child",
    "P50": "author",
    "P108": "employer",
    "P112": "founded by",
    "P569": "date of birth",
}
"""Relation id -> name, in the order of the class ids."""


@dataclass(frozen=True)
class Wordings:
    """The sentences that state one relation."""

    seen: tuple[str, ...]
    """Used in every split."""
    unseen: tuple[str, str]
    """Never used in train."""


WORDINGS = {
    "P17": Wordings(
        seen=(
            "{S} is governed by {o} .",
            "{S} is part of {o} .",
            "{S} lies in the south of {o} .",
            "{S} is one of the oldest {s.kinds} in {o} .",
            "{S} belongs to {o} .",
            "Among the {s.kinds} of {o} , {s} has the fewest people .",
            "{S} is situated in {o} , not far from the coast .",
            "{S} joined {o} in {y} and has been a part of it ever since .",
            "{o} is a small country by the sea . | Its oldest {s.kind} is {s} .",
            "Few travellers reach the north of {o} . | Those who do find {s} there .",
        ),
        unseen=(
            "{S} is found within the borders of {o} .",
            "{S} has been under the rule of {o} for centuries .",
        ),
    ),
    "P131": Wordings(
        seen=(
            "{s} is a town in {o} .",
            "{S} lies in {o} .",
            "{S} is situated in the north of {o} .",
            "{S} belongs to {o} .",
            "{s} is the largest town of {o} .",
            "{o} includes the town of {s} .",
            "{S} is administered as part of {o} .",
            "{s} , a market town in {o} , is known for its {goods} .",
            "{o} is divided into nine communes . | One of them is {s} .",
            "The hills of {o} are famous for their wool . | Most of it comes from {s} , a town in the valley there .",
        ),
        unseen=(
            "{S} forms part of {o} .",
            "The town of {s} can be found on the eastern edge of {o} .",
        ),
    ),
    "P19": Wordings(
        seen=(
            "{S} was born in {o} .",
            "{S} came into the world in {o} .",
            "{S.gen} birthplace was {o} .",
            "{s} , who was born in {o} , worked as a {s.job} for most of {s.his} life .",
            "{o} was the place where {s} was born .",
            "A plaque in {o} marks the house where {s} was born .",
            "Born in {o} , {S} soon took up the trade of a {s.job} .",
            "{S.gen} birth is recorded in the parish book of {o} .",
            "{S} was born in {o} and not , as some have claimed , in {x} .",
            "{o} is proud of its most famous child . | {s} was born there in a house by the market .",
        ),
        unseen=(
            "{S} first saw the light of day in {o} .",
            "It was {o} that saw the birth of {s} .",
        ),
    ),
    "P20": Wordings(
        seen=(
            "{S} died in {o} .",
            "{S} passed away in {o} after a short illness .",
            "{S.gen} life ended in {o} .",
            "{S} fell ill on a journey and died in {o} .",
            "{S} died in {o} on {d} .",
            "{S} spent {s.his} last days in {o} and died there in {y} .",
            "{o} was the place where {s} died .",
            "{S} died suddenly in {o} , far from {s.his} friends in {x} .",
            "{S.gen} death in {o} was reported in all the newspapers .",
            "In {y} a fever broke out in {o} . | {s} was among those who died of it in the town .",
        ),
        unseen=(
            "{S} breathed {s.his} last in {o} .",
            "It was in {o} that {s} met {s.his} end .",
        ),
    ),
    "P22": Wordings(
        seen=(
            "{S.gen} father was {o} , a {o.job} .",
            "{S} learned to read from {s.his} father , {o} .",
            "{o} , the father of {s} , was a {o.job} .",
            "As a child {S} helped {s.his} father , {o} , in the workshop .",
            "{S} was the {s.son} of {o} and often spoke about {s.his} father .",
            "{S} grew up with {s.his} father , {o} , in {x} .",
            "Like {s.his} father {o} before {s.him} , {s} went to sea as a young {s.man} .",
            "{S} inherited a small library from {s.his} father , {o} .",
            "{S} lost {s.his} father , {o} , in {y} .",
            "{S.gen} father was a {o.job} . | {o} , for that was {o.his} name , taught {s.him} to draw .",
        ),
        unseen=(
            "{S} was brought up by {s.his} widowed father , {o} .",
            "{S} took after {s.his} father , {o} , in many ways .",
        ),
    ),
    "P26": Wordings(
        seen=(
            "{S} married {o} in {y} .",
            "{S} was married to {o} , a {o.job} .",
            "{S.gen} {o.wife} was {o} , a {o.job} .",
            "{s} and {o} were husband and wife .",
            "{o} , the {o.wife} of {s} , was a {o.job} .",
            "The wedding of {s} and {o} took place on {d} .",
            "{S} met {s.his} future {o.wife} , {o} , in {x} .",
            "{S} shared a small house with {s.his} {o.wife} , {o} .",
            "{S} married late in life . | The {o.bride} was {o} , a {o.job} .",
            "There was a wedding in {x} on {d} . | {s} and {o} had become husband and wife .",
        ),
        unseen=(
            "{S} wed {o} in {y} .",
            "{S} chose {o} as {s.his} partner for life , and since {y} the two had been a married couple .",
        ),
    ),
    "P27": Wordings(
        seen=(
            "{S} was a citizen of {o} .",
            "{S} was a {o.demonym} {s.job} .",
            "{S} held {o.demonym} citizenship .",
            "{S} became a citizen of {o} in {y} .",
            "{S} carried a passport of {o} all {s.his} life .",
            "In {y} {S} was granted the citizenship of {o} .",
            "{S} never gave up {s.his} {o.demonym} nationality .",
            "{S.gen} nationality was {o.demonym} .",
            "{S} voted in every election in {o} , whose citizen {s.he} was .",
            "In {y} {o} offered its citizenship to a few foreigners . | {s} was one of those who accepted it .",
        ),
        unseen=(
            "{S} was naturalised in {o} in {y} .",
            "By law {S} was a national of {o} .",
        ),
    ),
    "P40": Wordings(
        seen=(
            "{S} had only one child , {s.his} {o.son} {o} .",
            "{S} taught {s.his} {o.son} {o} to read and write .",
            "{S} was the {s.father} of {o} .",
            "{S} left the house in {x} to {s.his} {o.son} {o} .",
            "{S} named {s.his} first {o.son} {o} .",
            "In {y} {S} became the {s.father} of a {o.son} , {o} .",
            "{S} often travelled with {s.his} {o.son} {o} .",
            "{S} wrote long letters to {s.his} {o.son} {o} .",
            "{S.gen} {o.son} {o} had the dark eyes of {o.his} {s.father} .",
            "{S} became a {s.father} in {y} . | The child was given the name {o} .",
        ),
        unseen=(
            "{S} handed {s.his} workshop over to {s.his} {o.son} and heir {o} .",
            "{S} brought up a {o.son} of {s.his} own , {o} .",
        ),
    ),
    "P50": Wordings(
        seen=(
            "{O} wrote {s} .",
            "{S} was written by {o} .",
            "{o} is the author of {s} .",
            "{O} published {o.his} {s.kind} {s} in {y} .",
            "{S} came from the pen of {o} .",
            "{O} worked for six years on {o.his} {s.kind} {s} .",
            "{O} is best known for {o.his} {s.kind} {s} .",
            "{s} is a {s.kind} by {o} .",
            "{O} dictated {s} to a clerk during a long illness .",
            "The {s.kind} {s} first appeared without a name . | Years later {o} was revealed as its author .",
        ),
        unseen=(
            "{O} penned {s} in {y} .",
            "{S} was composed by {o} over two long winters .",
        ),
    ),
    "P108": Wordings(
        seen=(
            "{S} worked for {o} .",
            "{S} was employed by {o} as a {post} .",
            "In {y} {S} joined the staff of {o} .",
            "{S} served {o} as its {post} .",
            "{S} earned {s.his} living as a {post} at {o} .",
            "{S} was hired by {o} in {y} .",
            "{o} paid {s} a modest salary as a {post} .",
            "{S} accepted a post as {post} at {o} .",
            "From {y} {S} held a paid post at {o} .",
            "In {y} {o} was looking for a {post} . | {s} was given the post .",
        ),
        unseen=(
            "{S} was on the payroll of {o} .",
            "{S.gen} employer was {o} .",
        ),
    ),
    "P112": Wordings(
        seen=(
            "{O} founded {s} in {y} .",
            "{S} was founded by {o} .",
            "{O} was the founder of {s} .",
            "{S} owes its existence to its founder , {o} .",
            "{S} was set up by {o} in {y} .",
            "With two friends and little money , {O} established {s} .",
            "In {y} {O} brought {s} into being .",
            "A portrait of the founder , {o} , hangs in the hall of {s} .",
            "{S} opened its doors in {y} . | Its founder was {o} .",
            "There is a small museum on the history of {s} . | It shows the desk of its founder , {o} .",
        ),
        unseen=(
            "{O} called {s} into life in {y} .",
            "{S} was the brainchild of {o} , who started it in {y} .",
        ),
    ),
    "P569": Wordings(
        seen=(
            "{S} was born on {o} .",
            "{s} ( born {o} ) was a {s.job} .",
            "{S.gen} date of birth was {o} .",
            "{S} came into the world on {o} .",
            "On {o} {S} was born as the third child of a large family .",
            "The parish register gives {o} as the day of {S.gen} birth .",
            "Born on {o} , {S} grew up with two sisters .",
            "{S.gen} birth on {o} was announced in the local newspaper .",
            "According to the church records , {S} was born on {o} and not on {d} .",
            "{o} was a cold day with much snow . | In the evening {s} was born .",
        ),
        unseen=(
            "{S.gen} life began on {o} .",
            "{S} arrived in this world on {o} .",
        ),
    ),
}
"""Relation id -> its wordings."""

"""What the grounding check takes for another statement than that of the evidence, and what it does not."""

import tracemalloc

import pytest

from app.inference.domain.grounding.agreement import disagreement
from app.inference.domain.grounding.groundedness import check_grounding
from benchmarks.grounding_quality import HALVES, Passage, flagged, flagged_by_words, judged, pairs

KEYS = (
    "Keys expire after 90 days and can be revoked at any time. A revoked key is refused by every process within one "
    "second. Only an operator may create a key for another team. The secret is shown once and cannot be read again. "
    "Keys are rotated before the audit on 14 May 2026, at 08:00, in Room B12 by the European Key Office."
)
STORE = (
    "Uploads of up to 25 MB are accepted. Orders above 10,000 euros need two signatures. Deleted files stay for three "
    "weeks. The number of files fell by half. Visitors may use the bin. Larger files are not accepted. Half a million "
    "files are stored. The Team plan includes backups; the Basic plan does not."
)

PARCELS = (
    "If a parcel is damaged, take a photo of it. Drivers wear a vest whenever they leave the van. "
    "95 % of the parcels arrive the next day."
)


@pytest.mark.parametrize(
    ("kind", "sentence", "evidence"),
    [
        ("negation", "Keys never expire and cannot be revoked.", KEYS),
        ("negation", "Keys can't be revoked.", KEYS),
        ("negation", "The secret can be read again.", KEYS),
        ("negation", "A revoked key is accepted by every process.", KEYS),
        ("negation", "Larger files are accepted.", STORE),
        ("negation", "The Basic plan includes backups.", STORE),
        ("negation", "The Team plan does not include backups.", STORE),
        ("number", "Keys expire after 30 days.", KEYS),
        ("number", "Half of 700 files are stored.", STORE),
        ("number", "Orders need fourteen signatures.", STORE),
        ("unit", "Keys expire after 90 hours.", KEYS),
        ("unit", "Uploads of up to 25 GB are accepted.", STORE),
        ("unit", "Orders above 10,000 dollars need two signatures.", STORE),
        ("date", "Keys are rotated before the audit on 15 May 2026.", KEYS),
        ("date", "Keys are rotated before the audit in June.", KEYS),
        ("date", "Keys are rotated at 9 a.m. in Room B12.", KEYS),
        ("date", "Keys are rotated on Monday.", KEYS),
        ("name", "Keys are rotated in Room B13.", KEYS),
        ("name", "Keys are rotated by the Swiss Key Office.", KEYS),
        ("name", "Keys are rotated by the UNO.", KEYS),
        ("scope", "Anyone may create a key for another team.", KEYS),
        ("scope", "Keys are rotated after the audit.", KEYS),
        ("scope", "Orders below 10,000 euros need two signatures.", STORE),
        ("scope", "All orders need two signatures.", STORE),
        ("scope", "Uploads of at least 25 MB are accepted.", STORE),
        ("scope", "The number of files rose by half.", STORE),
        ("scope", "Visitors must use the bin.", STORE),
        ("invented", "Deleted files stay for three weeks in a vault.", STORE),
        ("invented", "Deleted files stay for three weeks encrypted.", STORE),
        ("number", "Keys are rotated in hall 5.", "The keys are rotated in hall 3."),
        ("date", "Keys are rotated in the evening.", "The keys are rotated in the morning."),
        ("scope", "The alarm is on at night.", "The alarm is off at night, and it must be."),
        ("negation", "The soup contains gluten.", "The soup is free of gluten, and it is vegan."),
        ("negation", "Students pay half on premieres.", "The students pay half of it, except on premieres."),
        ("negation", "Another grant may be held.", "It is not possible to hold another grant."),
        ("number", "The pump is covered for two years.", "The pump is covered for five years and the rest for two."),
        ("scope", "All trees are apples.", "It holds 312 trees, mostly apples, and they are old."),
        ("number", "Two thirds are sold.", "A third is used and the fee is 4 euros."),
        ("number", "More than 60 orders are read.", "Orders above 80 are read."),
        ("negation", "Smoking is allowed in the hall.", "Smoking and vaping are forbidden in the hall by this rule."),
        ("negation", "Dogs are allowed in the hall.", "Dogs and cats are not allowed in the hall, by this rule."),
        ("negation", "During the strike, no ferries run.", "During the strike, ferries run, by this rule."),
        ("scope", "The gate opens at 8:00.", "The gate closes at 8:00, and it must be shut."),
        (
            "number",
            "Two thirds of the seats are sold.",
            "A third of the seats is sold; the others are for this and that.",
        ),
        ("number", "80 % of the guests left.", "20 % of the guests left, and they must pay."),
        ("number", "There are three winners.", "The jury is there in May, June and July. There are two winners."),
        ("number", "One in 10,000 parts fails.", "One in 10,500 parts fails, by this rule and that."),
        (
            "number",
            "It sank by 3 % in the first hall.",
            "It sank by 11 % in the first hall and by 3 % in the other one.",
        ),
        ("number", "9 % of the children fell ill.", "This is so: 9 % of the adults and 4 % of the children fell ill."),
        ("number", "The club has 24 members.", "The club began with 24 players. It has 78 members, and they pay."),
        ("unit", "Five winners are named.", "Up to 5 % of the seats are free and two winners are named."),
        ("number", "The rest of 240 euros is due.", "The fee is 340 euros. It is paid in May. A book costs 100 euros."),
        ("unit", "The lift takes twelve hours.", "The lift takes twelve minutes. The shop is open from 7:00 to 19:00."),
        ("date", "The fair is on 05/03/2024.", "The fair is on 03/05/2024, and they must be there."),
        ("scope", "All of the wine is red.", "About 70 % of the wine is red and the rest is white."),
        ("scope", "All dogs may be kept without asking.", "Small dogs may be kept without asking by this rule."),
        ("scope", "Anything may be sold.", "Only food and flowers may be sold by them."),
        ("scope", "A bonus is always paid.", "A bonus is paid if the board agrees to it."),
        ("scope", "Drivers always wear a vest.", PARCELS),
        ("scope", "All parcels arrive the next day.", PARCELS),
        ("scope", "All of the bonus is paid.", "A third of the bonus is paid in June and a third of it in December."),
        ("number", "The club has 24 members.", "It began with 24 old players. It has 78 members and 24 clubs."),
        ("negation", "Backups are not encrypted.", "Backups are kept for 35 days. They are encrypted with a key."),
        ("date", "There are no tours in winter on Friday.", "The tours are from May to July, on this and that day."),
        ("date", "The fair is on 30 December.", "The fair is on 12/31/2024, and they must be there."),
    ],
)
def test_what_the_evidence_does_not_say_is_a_disagreement(kind: str, sentence: str, evidence: str) -> None:
    found = disagreement(sentence, [evidence])
    assert found is not None
    assert (found.kind, bool(found.claimed)) == (kind, True)


@pytest.mark.parametrize(
    ("sentence", "evidence"),
    [
        ("Yes, keys can be revoked at any time.", KEYS),
        ("2. A key expires after **ninety days**.", KEYS),
        ("Keys are not valid for more than 90 days.", KEYS),
        ("Nobody but an operator may create a key for another team.", KEYS),
        ("It is not possible to read the secret a second time.", KEYS),
        ("Every process refuses a revoked key within a second.", KEYS),
        ("Keys are rotated before the audit on May 14, 2026 at 8 a.m.", KEYS),
        ("Keys are rotated before the audit on 2026-05-14.", KEYS),
        ("The EKO rotates the keys.", KEYS),
        ("Uploads of at most 25,000 kB are accepted.", STORE),
        ("Deleted files are kept for 21 days.", STORE),
        ("Files that are larger are not accepted.", STORE),
        ("Orders of more than 10 000 euros require two signatures.", STORE),
        ("The number of files decreased by 50 %.", STORE),
        ("500,000 files are stored.", STORE),
        ("Backups are included in the Team plan but not in the Basic plan.", STORE),
        ("Keys are rotated at eight in the morning on the fourteenth of May.", KEYS),
        ("Keys are rotated twice a year.", "The rotation of keys takes place every six months."),
        ("It takes one hour and 39 minutes.", "It takes 99 minutes."),
        ("A client may send ten requests per second.", "A client may send 600 requests per minute."),
        ("Do not use vinegar.", "Use only the descaler."),
        ("The alarm is not on at night.", "The alarm is off at night, and it must be."),
        ("Do not plant them before the frost.", "Plant them after the frost."),
        ("Hand it in no later than six weeks before the trip.", "Hand it in at least six weeks before the trip."),
        ("The committee meets twice a year.", "The committee meets in April and October."),
        ("There are three ferries a day.", "The ferry leaves at 7:10, 12:40 and 18:05."),
        ("The data is in two places, here and there.", "The data is here and there."),
        ("Students pay half of the fee.", "The fee is 120 euros, for students 60 euros."),
        ("Two thirds are sold.", "A third is used, the rest is sold."),
        ("The remaining 240 euros are due in May.", "It costs 340 euros. A deposit of 100 euros is due in May."),
        ("The trip takes five days.", "The trip is from 8 to 12 June."),
        ("It burned in the 17th century.", "It burned in 1689."),
        ("The log is kept for more than a year.", "The log is kept for 400 days."),
        ("Seven other files are stored.", "Eight files are stored."),
        ("20 % of the costs are borne by you.", "A fifth of the costs is borne by you."),
        ("The crossing takes an hour and 25 minutes.", "The crossing takes 85 minutes."),
        ("An episode appears every two weeks.", "An episode appears every second Thursday."),
        ("The pool opens at 8:00 on Saturdays.", "The pool opens at 8:00 at weekends."),
        ("You can't withdraw more than 90 euros.", "You can withdraw 90 euros."),
        ("Hives must stand at least ten metres away.", "A hive may not stand closer than ten metres."),
        ("The heat that isn't used is sold.", "A third of the heat is used, the rest is sold."),
        ("If the loan is granted, it is not charged.", "It is charged only if the loan is not granted."),
        ("While a case is open, logs are not deleted.", "Logs are deleted after 30 days, unless a case is open."),
        ("You can borrow a key.", "If you come late by a week, you cannot borrow a key."),
        ("Polling stations close at 18:00.", "Polling stations are open from 8 a.m. to 6 p.m."),
        ("The light was seen on 12/03/2008.", "The light was seen on 12 March 2008."),
        ("The door cannot be opened until it is cold.", "The door stays locked until it is cold."),
        ("The fair is on 31 December.", "The fair is on 12/31/2024, and they must be there."),
        ("The fair is in hall 3.", "The fair of 99.99.2024 is in hall 3, and one in 0 of them must be there."),
        ("There are no tours in winter.", "The tours are from May to July, and they must be booked."),
        ("The sauna is not heated on Mondays.", "The sauna is heated from Tuesday to Sunday, and it is by the hall."),
        ("The net is not up in winter.", "The net is taken down from November to March and stored with the others."),
        ("With a card, each visit costs 12 euros.", "A visit costs 14 euros, with a card it is 12 euros."),
        ("It took five years to build it.", "It was built between 1951 and 1956, and they are proud of it."),
        ("206 patients got it.", "There were 412 patients in the trial. Half of them got it."),
        ("The two halls have 244 seats altogether.", "The two halls have 180 and 64 seats, and they are warm."),
        ("340 objects are on show.", "It has 3,400 objects, of which a tenth is on show in the hall."),
        ("All dogs may be kept.", "All small and large dogs may be kept by the tenant."),
        ("Damaged parcels are always photographed.", PARCELS),
        ("Always take a photo of a damaged parcel.", PARCELS),
        ("Drivers always wear a vest outside the van.", PARCELS),
        ("Nearly all of the parcels arrive the next day.", PARCELS),
        ("The whole bonus is paid by December.", "Half of the bonus is paid in June and half of it in December."),
        (
            "Every animal needs papers for a trip by train.",
            "Animals must have papers with them and be healthy. Small animals may go on a trip by train in a bag.",
        ),
        (
            "The hospital has 12 nurses.",
            "On a shift there are 2 nurses. The hospital has 12 trained nurses and 12 beds.",
        ),
        ("Unlike adults, kids take 10 mg.", "The dose is 20 mg for adults and 10 mg for children, by this rule."),
        ("Two things are needed: an order above 10,000 euros needs two signatures.", STORE),
    ],
)
def test_other_words_for_the_same_are_no_disagreement(sentence: str, evidence: str) -> None:
    assert disagreement(sentence, [evidence]) is None


def test_a_sentence_that_was_copied_agrees_whatever_else_is_said() -> None:
    evidence = "Keys expire. Keys never expire. The fee is 5 euros."
    assert disagreement("Keys never expire.", [evidence]) is None


def test_a_figure_or_a_name_may_stand_in_any_passage_that_is_leaned_on() -> None:
    apart = ["The fee is due on the first day.", "A fee of 12 euros is the rule, said Ida Holm."]
    assert disagreement("The fee of 12 euros is due on the first day, said Holm.", apart) is None
    assert disagreement("The fee of 12 euros is due on the first day, said Holm.", apart[:1]) is not None


def test_a_figure_of_another_sentence_does_not_serve() -> None:
    evidence = "Keys expire after 90 days and are renewed by their owner. The log is kept for 30 days by the team."
    found = disagreement("Keys expire after 30 days.", [evidence])
    assert found is not None
    assert (found.kind, found.evidence) == ("number", "90 days")


@pytest.mark.parametrize(
    ("sentence", "agrees"),
    [
        ("Die Bearbeitung kostet 45 Euro und dauert etwa vier Wochen.", True),
        ("Der Umschlag der Bearbeitung kostet nie mehr als 45 Euro.", True),
        ("Die Bearbeitung kostet 65 Euro.", False),
    ],
)
def test_in_other_languages_only_numbers_are_compared(sentence: str, agrees: bool) -> None:
    evidence = "Die Bearbeitung dauert etwa vier Wochen und kostet 45 Euro."
    assert (disagreement(sentence, [evidence]) is None) is agrees


def test_a_sentence_that_names_the_wrong_passage_leans_on_the_one_that_agrees() -> None:
    passages = [Passage("Keys of the old kind never expire."), Passage(KEYS)]
    found = check_grounding("Keys expire after ninety days [1].", passages)
    assert (found.unsupported, [support.passage for support in found.supports]) == (0, [1])


def test_the_headings_above_a_passage_are_evidence() -> None:
    class Headed(Passage):
        title = "Orders of Norvik"
        headings = ("Limits in 2026",)

    sentence = "In 2026 the orders of Norvik need two signatures above 10,000 euros [1]."
    assert check_grounding(sentence, [Headed(STORE)]).unsupported == 0
    assert check_grounding(sentence, [Passage(STORE)]).unsupported == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("half", "caught", "false_alarms"),
    [("tune", 0.9, 0.03), ("held_out", 0.9, 0.05), ("fresh", 0.8, 0.15), ("long", 0.6, 0.3)],
)
def test_the_labelled_pairs_are_told_apart_as_well_as_was_measured(
    half: str, caught: float, false_alarms: float
) -> None:
    rows = [pair for pair in pairs() if pair.half == half]
    found, words = judged(rows, flagged), judged(rows, flagged_by_words)
    assert found["caught"] >= caught
    assert found["false_alarms"] <= false_alarms
    assert words["caught"] <= 0.15, "words alone see none of it"


def test_the_halves_share_no_passage_and_hold_enough_of_each_kind() -> None:
    rows = pairs()
    passages = [{pair.passage for pair in rows if pair.half == half} for half in HALVES]
    assert sum(map(len, passages)) == len(set().union(*passages))
    kinds = [pair.kind for pair in rows if not pair.supported]
    assert len(rows) >= 360
    assert min(kinds.count(kind) for kind in set(kinds)) >= 25
    assert len(set(kinds)) == 7


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_passages_that_were_read() -> None:
    def read(numbers: range) -> int:
        for number in numbers:
            disagreement("The secret of it is shown.", [f"{KEYS} {STORE * 4} It is passage {number}."])
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = read(range(100))
        assert read(range(100, 200)) - before < 4_000_000
    finally:
        tracemalloc.stop()

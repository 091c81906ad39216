"""Words by which a question shows that it leans on what was said before, by language."""

import re
from collections.abc import Mapping
from typing import NamedTuple


class ReferenceWords(NamedTuple):
    """anaphors: words that stand for something named before. openers: how a question begins that leaves out what it
    asks about, as in "and for …". corrections: how a question begins that corrects the one before. definition: a
    question about one thing that names it, and so is complete however short it is. asks: the words that a question
    begins with; what has none of them is a fragment. relative: anaphors that join two clauses when a word of content
    stands before them. articles: anaphors that are articles when a word of content follows. verbs: auxiliaries; a short
    question without any leaves its verb out. singular, plural: anaphors that stand for words of that number only.
    """

    anaphors: frozenset[str]
    openers: re.Pattern[str]
    corrections: re.Pattern[str]
    definition: re.Pattern[str]
    asks: frozenset[str]
    relative: frozenset[str] = frozenset()
    articles: frozenset[str] = frozenset()
    verbs: frozenset[str] = frozenset()
    singular: frozenset[str] = frozenset()
    plural: frozenset[str] = frozenset()


_NEVER = "(?!)"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _of(
    anaphors: str,
    openers: str,
    corrections: str,
    definition: str = _NEVER,
    asks: str = "",
    relative: str = "",
    articles: str = "",
    verbs: str = "",
    singular: str = "",
    plural: str = "",
) -> ReferenceWords:
    return ReferenceWords(
        anaphors=_words(f"{anaphors} {articles} {singular} {plural}"),
        openers=_begins(openers),
        corrections=_begins(corrections),
        definition=_begins(definition),
        asks=_words(asks),
        relative=_words(relative),
        articles=_words(articles),
        verbs=_words(verbs),
        singular=_words(singular),
        plural=_words(plural),
    )


def _begins(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\W*(?:{pattern})", re.IGNORECASE)


REFERENCE_WORDS: Mapping[str, ReferenceWords] = {
    "en": _of(
        "itself this that he him his she her hers then former latter both neither either others else",
        r"(?:and|or|but|so|then|also|what about|how about|why not|how so|how come|since when|until when)\b",
        r"(?:(?:no\b[,.! ]+)?(?:sorry\b[,.! ]+)?(?:i meant?|i was asking (?:about|for)|correction)\b"
        r"|no\b[,.! ]+(?=(?:not|the|it|my|for|in|we|over|by|with|at|on|from|to)\b)|(?=not\b))",
        r"(?:is|are) there (?:an?|any) |(?:is it (?:safe|possible|allowed|true)|will it rain)\b"
        r"|(?:what|who) (?:is|are|was|were) (?!it\b|this\b|that\b|they\b|these\b|those\b|he\b|she\b|there\b)[^\W\d_]"
        r"|what does [\w-]+ mean",
        "what which who whom whose when where why how is are was were do does did can could may might must shall "
        "should will would has have had am list name show explain describe tell give",
        "that this",
        "one same",
        verbs="is are was were do does did can could may might must shall should will would has have had am",
        singular="it its",
        plural="they them their theirs these those ones",
    ),
    "de": _of(
        "er sie es ihn ihm ihr ihre ihren ihrem ihrer ihnen sein seine seinen seinem seiner dies diese dieser dieses "
        "diesem diesen jene jener jenes dort da dabei damit dafür dagegen daran darauf daraus darin darüber davon "
        "dazu danach davor dann deren dessen dasselbe derselbe dieselbe selbe letztere erstere beide beides solche",
        r"(?:und|oder|aber|auch|also|was ist mit|wie sieht es mit|wie ist es (?:bei|mit|für)|warum nicht|wieso nicht"
        r"|seit wann|bis wann)\b",
        r"(?:(?:nein\b[,.! ]+)?(?:(?:sorry|entschuldigung)\b[,.! ]+)?ich mein(?:e|te)\b"
        r"|nein\b[,.! ]+(?=(?:nicht|die|der|das|für|im|in)\b)|(?=nicht (?:die|der|das|den|für)\b)|sondern\b)",
        r"(?:was|wer) (?:ist|sind|war|waren) (?!es\b|das\b|dies\b|sie\b|er\b|mit\b)[^\W\d_]|was (?:bedeutet|heißt) \w",
        "was wer wen wem wessen wo wohin woher wann warum weshalb wieso wie wieviel welche welcher welches welchen "
        "welchem ist sind war waren hat haben kann können darf dürfen muss müssen soll sollen wird werden gibt nenne "
        "zeige erkläre",
        "das die der dann da dessen deren",
        articles="das",
    ),
    "fr": _of(
        "il elle ils elles lui leur leurs eux ça cela ceci celui celle ceux celles y en ce cette ces cet même dessus "
        "dedans là alors celui-ci celle-ci",
        r"(?:et|ou|mais|alors|aussi|qu'en est-il|quid|pourquoi pas|depuis quand|jusqu'à quand)\b",
        r"(?:non[,.! ]+(?:pas|je|le|la|les|pour)\b|pas (?:le|la|les|pour)\b|je voulais dire\b|pardon\b|désolée?\b"
        r"|plutôt\b|en fait\b)",
        r"qu['’]est[- ]ce (?:que c['’]est que|qu['’]un)",
        "qui que quoi qu'est-ce est-ce quel quelle quels quelles où quand comment pourquoi combien lequel laquelle "
        "peut dois faut y-a-t-il à de dans",
        "ce en y même",
    ),
    "es": _of(
        "él ella ellos ellas le les su sus esto eso aquello este esta estos estas ese esa esos esas allí "
        "ahí mismo misma entonces dicho dicha",
        r"(?:y|e|o|pero|también|entonces|qué hay de|y si|por qué no|desde cuándo|hasta cuándo)\b",
        r"(?:no[,.! ]+(?:me|quise|el|la|para)\b|quise decir\b|quería decir\b|me refería\b|perdón\b|perdona\b"
        r"|más bien\b)",
        r"qué (?:es|son) (?!eso\b|esto\b)\w",
        "qué quién quiénes cuál cuáles cuándo dónde adónde cómo cuánto cuánta cuántos cuántas por puede puedo hay debe "
        "debo es son",
        "lo la los las le les este esta",
        articles="lo la los las",
    ),
    "it": _of(
        "esso essa essi esse lui lei loro ne ci questo questa questi queste quello quella ciò lì là stesso "
        "stessa suo sua suoi allora",
        r"(?:e|o|ma|anche|allora|che ne è|e se|perché no|da quando|fino a quando)\b",
        r"(?:no[,.! ]+(?:non|intendevo|il|la|per)\b|intendevo\b|volevo dire\b|scusa\b|scusi\b|piuttosto\b|anzi\b)",
        r"(?:cos['’]è|che cos['’]è|cosa (?:è|sono))\b",
        "che cosa chi quale quali quando dove come perché quanto quanta quanti quante cos'è posso può si devo è sono",
        "lo li gli ne ci",
        articles="lo li gli",
    ),
    "pt": _of(
        "ele ela eles elas lhe lhes isso isto aquilo este esta estes estas esse essa esses essas ali lá aí mesmo mesma "
        "seu sua seus suas dele dela deles delas nele nela então",
        r"(?:e|ou|mas|também|então|que tal|e se|por que não|desde quando|até quando)\b",
        r"(?:não[,.! ]+(?:quis|eu|o|a|para)\b|quis dizer\b|queria dizer\b|desculpe?\b|me referia\b|aliás\b)",
        r"o que (?:é|são) (?!isso\b|isto\b)\w",
        "que quê quem qual quais quando onde aonde como porque quanto quanta quantos quantas posso pode há devo é "
        "são o",
        "este esta mesmo",
    ),
    "nl": _of(
        "hij zij ze hem haar hun hen dit dat deze die daar er ermee ervan ervoor daarvoor daarvan daarmee daarna "
        "dan dezelfde hetzelfde zulke beide zijn",
        r"(?:en|of|maar|ook|dus|hoe zit het met|waarom niet|sinds wanneer|tot wanneer)\b",
        r"(?:nee[,.! ]+(?:niet|ik|de|het|voor)\b|niet (?:de|het|voor)\b|ik bedoel(?:de)?\b|sorry\b|pardon\b)",
        r"(?:wat|wie) (?:is|zijn) (?!het\b|dat\b|dit\b)\w|wat betekent \w",
        "wat wie waar waarheen wanneer waarom hoe hoeveel welk welke wiens is zijn kan mag moet heeft zal",
        "het dat die er dan zijn",
        articles="het",
    ),
    "pl": _of(
        "on ona ono oni one jego jej ich im nim nią nich go ją je to ten ta te tego tej tych tym tam wtedy taki taka",
        r"(?:a|i|oraz|lub|ale|też|a co z|co z|dlaczego nie|od kiedy|do kiedy)\b",
        r"(?:nie[,.! ]+(?:chodziło|o|ten|ta)\b|miał[ae]m na myśli\b|chodziło mi\b|przepraszam\b|raczej\b)",
        r"co to (?:jest|są) \w",
        "co kto kogo komu gdzie kiedy jak jaki jaka jakie dlaczego czemu czy ile ilu który która które skąd dokąd",
        "to je im te",
    ),
    "tr": _of(
        "o onu ona onun onlar onları onların bu bunu bunun bunlar şu orada burada oraya aynı aynısı öyle böyle",
        r"(?:ve|veya|ya|ama|peki|ayrıca|neden olmasın)\b",
        r"(?:hayır[,.! ]|demek istediğim\b|kastettiğim\b|pardon\b|özür\b|daha doğrusu\b)",
        asks="ne neyi neden niçin niye nasıl nerede nereye nereden kim kimin kimi hangi hangisi kaç mi mı mu mü",
    ),
    "ru": _of(
        "он она оно они его её ее их ему ей им ним нём нем ней них это этот эта эти этого этой этом тот та те там "
        "тогда такой такая такие там же",
        r"(?:а|и|или|но|ещё|еще|также|а что насчёт|а как|почему нет|с каких пор)\b",
        r"(?:нет[,.! ]+|не (?:тот|та|то|для)\b|я имел[аи]? в виду\b|имел[аи]? в виду\b|извините\b|вернее\b|точнее\b)",
        r"(?:что|кто) (?:такое|такой|такая)\b",
        "что кто кого кому чей чем где куда откуда когда почему зачем как какой какая какое какие сколько который ли",
        "это их",
    ),
    "ar": _of(
        "هو هي هم هن هذا هذه ذلك تلك هناك له لها لهم فيه فيها منه منها عنه عنها",
        r"(?:و(?:ماذا|كم|متى|أين|كيف|هل|في|ل)|ماذا عن|أو|لكن)",
        r"(?:لا[،,. ]+|أقصد|قصدت|عفوا|آسف)",
        asks="ما ماذا من متى أين اين كيف لماذا كم أي هل",
    ),
    "zh": _of(
        "",
        r"(?:那么?|那麼|还有|還有|而|另外|以及|为什么|為什麼)",
        r"(?:不[,，是对對]|我是说|我是說|我的意思|抱歉)",
    ),
    "ja": _of("", r"(?:では|じゃあ|それでは|また|なぜ|あと)", r"(?:いえ|いいえ|違います|すみません|そうではなく)"),
    "ko": _of("", r"(?:그럼|그러면|그리고|또는|왜)", r"(?:아니|아뇨|죄송|제 말은)"),
    "th": _of("", r"(?:แล้ว|และ|หรือ|ทำไม)", r"(?:ไม่ใช่|หมายถึง|ขอโทษ)"),
}

UNSPACED_ANAPHORS: Mapping[str, re.Pattern[str]] = {
    "zh": re.compile("它|他们|他們|她|他|这个|這個|那个|那個|这些|這些|那些|其|那里|那裡"),
    "ja": re.compile("それ|これ|あれ|その|この|あの|そこ|ここ|彼|同じ"),
    "ko": re.compile(r"그것|이것|저것|그거|이거|\b그\b|\b이\b|거기|같은"),
    "th": re.compile("มัน|นั้น|นี้|เขา|พวกเขา|ที่นั่น"),
}
"""The same where words are not parted by spaces."""

"""Words that carry no subject of their own, by language: articles, pronouns, prepositions, auxiliaries, and what only
asks. A word of one language may be a subject in another, so that none of these lists is used for the others."""

import re
from collections.abc import Mapping


def _all_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


ENGLISH = _all_of(
    """
    a an the of in on at to for from by with as and or but if then than so is are was were be been being
    am do does did done doing has have had having it its this that these those there here he she
    they them him her his their theirs we us our you your i me my who whom whose which what when where
    why how can could may might must shall should will would not no nor also about into over under
    between during after before up down out off again such any some each other both more most very just
    only own same too s t
    """
)
STOP_WORDS: Mapping[str, frozenset[str]] = {
    "en": ENGLISH,
    "de": _all_of(
        """
        der die das den dem des ein eine einen einem einer eines und oder aber wenn als ist sind war waren wird werden
        wurde wurden sein hat haben hatte kann können konnte muss müssen soll sollen darf dürfen will wollen ich du er
        sie es wir ihr man mich mir dich uns euch ihm ihn ihnen mein meine meinem meinen meiner dein deine ihre ihren
        ihrem ihrer seine seinen seinem unser unsere in im an am auf aus bei mit nach von vom vor zu zum zur für über
        unter um durch gegen ohne bis seit nicht kein keine keinen auch nur noch schon so wie was wer wen wem wessen wo
        wohin woher wann warum weshalb wieso welche welcher welches welchen welchem hoch viel viele lange oft dass ob
        dies diese dieser dieses diesem diesen gibt dort hier da sich
        """
    ),
    "fr": _all_of(
        """
        le la les l un une des du de d à au aux et ou mais si est sont était étaient être été sera a ont avait
        avoir ai as fait faire peut peuvent pouvez puis peux doit doivent dois faut je j tu il elle on nous vous
        ils elles me m te t se s lui leur leurs mon ma mes ton ta tes son sa ses notre nos votre vos ce c cet cette
        ces ça qui que qu quoi quel quelle quels quelles où quand comment pourquoi combien lequel laquelle dans en
        sur sous par pour avec sans chez vers entre pendant depuis jusque jusqu ne n pas plus très aussi y dont est
        """
    ),
    "es": _all_of(
        """
        el la los las lo un una unos unas de del al a y e o u pero si es son era eran ser fue fueron será está están
        estar hay ha han había haber tiene tienen tener puede pueden puedo poder debe deben debo hace hacer yo tú él
        ella nosotros ustedes usted ellos ellas me te se nos le les mi mis tu tus su sus nuestro nuestra este esta estos
        estas ese esa eso esto qué que quién quien quiénes cuál cuáles cuándo cuando dónde donde adónde cómo como cuánto
        cuánta cuántos cuántas por para con sin en sobre entre desde hasta no más muy también ya
        """
    ),
    "it": _all_of(
        """
        il lo la i gli le l un uno una di del dello della dei degli delle dell da dal dalla dai dall a al allo alla ai
        agli alle all in nel nello nella nei nelle nell su sul sulla sui sulle con per tra fra e ed o ma se è sono era
        erano essere stato stata sarà ci c ha hanno aveva avere può possono posso si deve devono devo fa fare io tu
        lui lei noi voi loro mi ti vi ne mio mia tuo sua suo suoi questo questa questi queste quel quella che chi cosa
        cos dove dov quando com come perché quanto quanta quanti quante quale quali qual non più molto anche
        """
    ),
    "pt": _all_of(
        """
        o a os as um uma uns umas de do da dos das em no na nos nas ao aos à às por pelo pela pelos pelas para com sem
        sobre entre desde até e ou mas se é são era eram ser foi foram será está estão estar há tem têm ter tinha pode
        podem posso deve devem devo faz fazer eu tu ele ela nós vocês você eles elas me te lhe seu sua seus suas meu
        minha nosso nossa este esta isto esse essa isso que quê quem qual quais quando onde aonde como porque quanto
        quanta quantos quantas não mais muito também já
        """
    ),
    "nl": _all_of(
        """
        de het een en of maar als is zijn was waren wordt worden werd werden ben bent heeft hebben had kan kunnen kon
        moet moeten mag mogen zal zullen wil willen ik jij je u hij zij ze wij we jullie mij me hem haar hun ons onze
        mijn jouw uw die dat deze dit in op aan uit bij met naar van voor door over onder tussen tegen zonder tot sinds
        om te niet geen ook nog al zo er hier daar wat wie waar waarheen wanneer waarom hoe hoeveel welk welke wiens
        hoog lang vaak men
        """
    ),
    "pl": _all_of(
        """
        i w we z ze na do od o u po za przez dla przy pod nad przed między bez oraz lub albo ale jeśli gdy że żeby jest
        są był była było były być będzie będą ma mają mieć można może mogą mogę trzeba należy ja ty on ona ono my wy oni
        mnie mi cię go jej jego ich im nam wam się swój swoje mój moja moje ten ta to te tego tej tym tych tam tu co kto
        kogo komu czyj gdzie kiedy jak jaki jaka jakie jaką jakim jakiej dlaczego czemu czy ile ilu który która które
        którym której którego skąd dokąd nie także tylko już jeszcze bardzo tak długo często
        """
    ),
    "tr": _all_of(
        """
        ve veya ya ile ama fakat için gibi kadar göre daha en çok bir bu şu o bunlar şunlar onlar ben sen biz siz beni
        bana sana bize size onu ona benim senin onun bizim sizin mi mı mu mü midir mıdır mudur müdür miyim mıyım da de
        ki ne neyi neye nedir neden niçin niye nasıl nerede nereye nereden kim kimin kimi kime kimdir hangi hangisi kaç
        kaçta kaça var yok değil olan olarak olur oldu olduğu idi ise her tüm nelerdir zaman
        """
    ),
    "ru": _all_of(
        """
        и в во на с со к ко по за из от до у о об при для без над под перед между через а но или если что чтобы как так
        это этот эта эти этого этой тот та те то он она оно они мы вы я ты его её ее их им ей ему нам вам мне меня нас
        вас мой моя мое мои свой свои был была было были быть есть будет будут не ни же ли бы уже еще ещё только очень
        также можно нужно надо может могут кто кого кому чей чем чего где куда откуда когда почему зачем какой какая
        какое какие какую каком какого каких сколько который которая которые которого долго часто
        """
    ),
    "ar": _all_of(
        """
        في من إلى الى على عن مع بعد قبل بين عند حتى منذ خلال و أو او ثم لكن إذا اذا أن ان إن انه أنه التي الذي الذين
        هذا هذه ذلك تلك هو هي هم هن أنا انا نحن أنت انت هناك كان كانت يكون تكون قد لا لم لن ليس ليست ما ماذا من متى أين
        اين كيف لماذا كم أي اي أية هل لمن بكم ب ل ك له لها لهم فيه فيها كل غير يمكن يمكنني
        """
    ),
}
"""Words between spaces, case-folded."""


def stop_words_of(language: str) -> frozenset[str]:
    """Those of English in a language without a list: names and terms of English occur in any text."""
    return STOP_WORDS.get(language, ENGLISH)


_PHRASES: Mapping[str, str] = {
    "zh": """是什么 为什么 為什麼 什么时候 什麼時候 什么 什麼 怎么 怎麼 怎样 怎樣 如何 多少 多久 多长 多長 多大
        几个 幾個 几 幾 哪里 哪裡 哪儿 哪些 哪个 哪個 哪 谁 誰 吗 嗎 呢 请问 請問 可以 需要 的 了 是 在 和 与 及 要
        有 这 這 那 我 你 他 她 它 们 們 就 也 都 被 把 对""",
    "ja": """でしょうか ましたか ですか ますか ませんか ください ました ます です でした ません いつ どこ だれ 誰
        なぜ どう どの どれ どんな どちら いくら いくつ 何 から まで より ため とき こと もの という として
        について において ている ていた された される する して した しなければ なりません ある いる なる これ それ
        あれ この その あの""",
    "th": """อะไร เท่าไหร่ เท่าไร ที่ไหน เมื่อไหร่ เมื่อไร เมื่อใด อย่างไร ยังไง ทำไม ใคร ไหน กี่ หรือไม่ ไหม หรือ และ ของ ที่
        ใน เป็น คือ ให้ ได้ จะ มี การ ความ กับ จาก โดย ว่า นี้ นั้น ต้อง ไม่ แล้ว ด้วย ก็ ครับ ค่ะ คะ เพื่อ สำหรับ ถูก""",
    "ko": """무엇인가요 무엇입니까 무엇을 무엇 뭐예요 언제인가요 언제입니까 언제 어디에서 어디에 어디 누구인가요
        누구입니까 누구 누가 얼마나 얼마입니까 얼마인가요 얼마예요 얼마 어떻게 어떤 어느 무슨 있나요 있습니까
        입니까 습니까 합니까 됩니까 인가요 하나요 되나요 나요 가요 까요 에서 으로 에게 부터 까지 입니다 습니다
        합니다""",
}
PHRASES: Mapping[str, re.Pattern[str]] = {
    language: re.compile("|".join(sorted(map(re.escape, phrases.split()), key=len, reverse=True)))
    for language, phrases in _PHRASES.items()
}
"""The same for languages without spaces between words, and endings of Korean: they are cut out of a question."""

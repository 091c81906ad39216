"""Patterns of instructions in other languages, from word stems that `words` folds."""

from dataclasses import dataclass

from app.safety.domain.patterns.wording import few, words


@dataclass(frozen=True, slots=True)
class Wording:
    """A pattern of a family. signs: a text that contains none of these words need not be searched."""

    family: str
    pattern: str
    signs: str = ""


def _override(strong: str, weak: str, nouns: str, things: str, yours: str, signs: str) -> Wording:
    """Orders to drop instructions in one language, from stems separated by spaces: a strong verb with a word for
    instructions, or any verb with a word for instructions that are "yours" or "previous", since weak verbs and things
    like rules and limits are common in ordinary text.
    """
    verbs, whose = words(strong), "|".join(_whole(each) for each in yours.split())
    pattern = (
        rf"\b(?:{verbs})[^\W_]*{few(4)}(?:{words(nouns)})"
        rf"|\b(?:{verbs}|{words(weak)})[^\W_]*{few(3)}(?:{whose}){few(4)}(?:{words(nouns)}|{words(things)})"
        rf"|\b(?:{verbs}|{words(weak)})[^\W_]*{few(3)}(?:{words(nouns)}|{words(things)})[^\W_]*{few(1)}(?:{whose})"
    )
    return Wording("override", pattern, rf"(?:{verbs})[^\W_]*|{whose}|{words(signs)}")


def _whole(stem: str) -> str:
    """A pattern of a stem: short stems are whole words, longer ones may have an ending."""
    return rf"{words(stem)}\b" if len(stem) < 4 else rf"{words(stem)}[^\W_]*"


_OVERRIDES = (
    _override(
        "ignorier missacht vergiss vergesst übergeh umgeh",
        "vergessen überschreib verwirf widersetz übertritt brich breche verlass überwinde deaktivier entsage trenne"
        " löse"
        " distanzier hebe verletz überschreit gehe ändere setze außer folge befolge widersprich",
        "anweisung vorgabe regel instruktion befehl programmierung",
        "richtlinie protokoll einschränkung beschränkung grenze sicherheit prompt parameter schutzma ethi standard"
        " prinzip"
        " algorithm compliance betriebs grundprogramm kern",
        "dein eure ihre bisherig vorherig vorig obig früher ursprünglich alle",
        "und die der den das nicht bitte jede mein",
    ),
    _override(
        "ignora olvida olvide desobedece desobedezca desatiende",
        "ignore omite omita anula anule elude evade evita salta sortea abandona descarta infringe rompe deshabilita"
        " desactiva"
        " desconecta desasocia desestima prescinde apart rehuye cancela burla viola sobrepas sobrescrib trasciende"
        " deja"
        " actúa opera fuera más reconfigura modifica desvía",
        "instruccion indicacion órdenes directri programaci",
        "regla norma protocol límite limitaci restricci parámetro pauta entrenamiento filtro étic mensaje directiva"
        " configuraci moral principio camino algoritmo proceso sistema",
        "tu tus vuestr anterior previ habitual arriba",
        "los las el mis",
    ),
    _override(
        "oublie désobéi outrepasse méprise",
        "ignore néglige contourne annule abandonne enfrein viole désactive écarte délaisse dépasse supprime omet passe"
        " échappe détache dissocie transgress suspen renonce agis opère fais modifie reconfigure va",
        "instruction consigne directive programmation",
        "règle ordre protocole limite limitation restriction paramètre formation filtre éthique message contrainte"
        " norme"
        " procédure principe algorithme processus système garde",
        "tes ton ta vos votre précédent antérieur préalable ci-dessus toutes",
        "les des et mes la",
    ),
    _override(
        "dimentica disobbedisci disattendi",
        "ignora trascura aggira annulla scavalca elimina bypassa viola evita abbandona disattiva sovrascrivi scarta"
        " elud"
        " trasgredisci supera rimuovi disconnetti dissocia distacc tralascia riconfigura allontana metti agisci"
        " opera modifica",
        "istruzion direttiv comand indicazion programmazion",
        "regol ordin protocoll limit restrizion parametr addestrament filtr etic vincol messagg norm princip"
        " algoritm standard"
        " process sistem percors",
        "tuo tua tuoi tue precedent sopra vostr tutte",
        "gli mie di il",
    ),
    _override(
        "esqueça esquece desconsidere desobedeça desrespeite",
        "ignore ignora contorne anule abandone burle viole desative desvi fuja cancele descart ultrapasse sobreponha"
        " desligue"
        " desassocie negligencie rompa quebre aja opere suspend desafi modifi reconfigur",
        "instruç diretri comando orientaç programaç",
        "regra ordens protocolo limite limitaç restriç parâmetro treinamento filtro étic norma mensag princípio padr"
        " procediment funç algoritm process sistema",
        "tuas teus suas seus seu sua anterior prévi acima todas",
        "os minhas da",
    ),
    _override(
        "negeer vergeet omzeil",
        "overschrijf overtreed schend verlaat schakel sla doorbreek",
        "instructie opdracht richtlijn aanwijzing prompt",
        "regel beperking protocol programmering grenzen filter bevel",
        "je jouw uw jullie vorige eerdere bovenstaande alle",
        "het een",
    ),
    _override(
        "zignoruj ignoruj zapomnij pomiń ignorera glöm ignorer glem bortse",
        "obejdź kringgå omgå",
        "instrukcj poleceni wytyczn instruktion anvisning riktlinj instruks retningslinj",
        "zasad reguł ograniczeń regler",
        "twoj poprzedni dina tidigare dine tidligere",
        "och oraz",
    ),
    _override(
        "игнорир проигнорир забуд",
        "отмени обойд нарушь отбрось отключи",
        "инструкци указани команд промпт",
        "правил ограничени сообщени фильтр настройк",
        "тво ваш предыдущ прежн",
        "и",
    ),
)
_UNSPACED = (
    (
        "忽略 忽视 忽視 无视 無視 忘记 忘記 忘掉 不要理会 不要理會 覆盖 绕过 繞過 抛开 不要遵守",
        "指令 指示 规则 規則 提示 说明 說明 限制 命令 设定 設定",
    ),
    ("指示 命令 ルール プロンプト 規則 制約", "無視 忘れ 破棄"),
    ("지시 명령 규칙 프롬프트 지침", "무시 잊"),
    ("تجاهل انس انسى", "التعليمات الأوامر القواعد تعليمات"),
)
_MINE = words(
    "instruct command guidance directive order demand anweisung befehl direktive anleitung instrucc orden directri"
    " consigne"
    " ordre istruzion comand direttiv instruç comando diretri opdracht instructie guía guida"
)
_ONLY = words(
    "only solely exclusively strictly ausschließlich nur únicamente solamente exclusivamente uniquement exclusivement"
    " unicamente esclusivamente soltanto apenas somente uitsluitend"
)
_MY = rf"(?:my|mine|{words('mein mis mes mie miei minhas meus mijn')})"
_PROMPT = words(
    "prompt systemprompt anweisung basisanweisung systemnachricht vorgabe direktive befehl instruction instrucci"
    " indicaci"
    " instruç orientaç istruzion indicazion directive directiv direttiv diretri comando commande consigne invite"
    " pregunta"
    " question domanda pergunta instructie systeemprompt opdracht"
)
_DEEP = words(
    "initial inicial inizial original ursprünglich anfänglich zentral centra grundlegend fundament essen princip"
    " versteckt"
    " oculto oculta hidden caché nascost verborgen subyacente subjacente sous-jacent sottostant underlying secret"
    " chave clé"
    " clave chiave guía guia directri premier primer primo base system sistema système"
)
_MAKING = words(
    "formation formación formação formazione ausbildung addestramento treinamento entrenamiento programm programa"
    " développement entwicklung desenvolvimento desarrollo sviluppo réponses respuestas risposte respostas antwort"
    " operati"
    " operaci opéra operaç operazion funktion fonction training leitet dirige guida steuert"
)
_SHOW = words(
    "enthüll verrat offenbar zeig nenn wiederhol révèl montre affiche divulg dévoile répèt expose revela muestra"
    " enseña"
    " repite dime descubr rivela mostra svela ripeti dimmi revele mostre repita exiba explique explica descreva"
    " compartilh"
    " comparte onthul toon herhaal sag gib donne indica"
)
_ASK = rf"\b(?:{words('quel cuál qual was welche lautet wat quale')})[^\W_]*"
_YOURS = words("dein eure tus tu vos votre tes ton ta tuo tua tuoi tue seus suas seu sua teus jouw uw")
_YOU = words("du dich te sistema")
# Words that almost every text in these languages contains, and that do not exist in English.
_ARTICLES = words(
    "dein deine deinen deiner dich du die der den das le la les tes ton ta vos votre el los tu tus su il lo gli"
    " tuo tua"
    " tuoi tue seu sua seus suas teu teus da jouw het"
)
_LEAKS = (
    rf"\b(?:{_SHOW})[^\W_]*{few(5)}(?:{_DEEP})[^\W_]*{few(3)}(?:{_PROMPT})",
    rf"\b(?:{_SHOW})[^\W_]*{few(4)}(?:{_PROMPT})[^\W_]*{few(3)}(?:{_DEEP}|{_MAKING})",
    rf"\b(?:{_SHOW})[^\W_]*{few(3)}(?:{_YOURS})[^\W_]*{few(2)}(?:{_PROMPT})",
    rf"{_ASK}{few(4)}(?:{_PROMPT})[^\W_]*{few(2)}(?:{_DEEP})[^\W_]*{few(5)}(?:{_MAKING}|{_YOU})",
    rf"{_ASK}{few(3)}(?:{_DEEP})[^\W_]*{few(2)}(?:{_PROMPT})[^\W_]*{few(5)}(?:{_MAKING}|{_YOU})",
    rf"{_ASK}{few(4)}(?:{_PROMPT})[^\W_]*{few(4)}(?:{_MAKING})[^\W_]*{few(2)}(?:ki|ia|ai)\b",
)
OTHER_LANGUAGES = (
    *_OVERRIDES,
    *(Wording("override", f"(?:{words(one)})[^.!?。！？؟\\n]{{0,16}}(?:{words(other)})") for one, other in _UNSPACED),
    Wording("override", rf"(?:{words('talimat komut yönerge')})[^\W_]*{few(3)}(?:{words('yok unut görmezden')})"),
    Wording("new_instructions", rf"\b(?:{_ONLY})\b{few(5)}{_MY}[^\W_]*{few(2)}(?:{_MINE})", _ONLY),
    Wording("prompt_leak", "|".join(_LEAKS), _ARTICLES),
    Wording(
        "prompt_leak",
        rf"(?:{words('покажи раскрой выведи повтори назови напиши')})[^\W_]*{few(4)}"
        rf"(?:{words('системн промпт инструкци')})"
        rf"|(?:{words('显示 顯示 告诉 告訴 透露 输出 輸出 重复 重複 打印 泄露 揭示 说出 給我 给我')})"
        rf"[^。！？\n]{{0,14}}(?:{words('系统提示 系統提示 提示词 提示詞 初始指令 系统指令 原始指令 隐藏指令')})"
        rf"|{words('システムプロンプト 初期プロンプト')}|{words('시스템')} ?{words('프롬프트')}",
    ),
)

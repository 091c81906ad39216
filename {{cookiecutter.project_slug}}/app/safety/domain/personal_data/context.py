"""Words near a number that say what it is, in the languages of the supported countries."""

import re

BEFORE, AFTER = 48, 16
"""Characters before and after a number in which such a word counts."""

PHONE = re.compile(
    r"(?<![^\W_])(?:phone|tele?ph|tel(?![^\W_])|mobile|mobil|cell|call|fax|sms|texts?(?![^\W_])|whatsapp|signal|contact"
    r"|messages?(?![^\W_])|reach|dial|hotline|ring|ph(?![^\W_])|mob(?![^\W_])"
    r"|(?:my|our|his|her|your|this) (?:new |other |home |work )?number|telefon|handy|rufnummer|erreich|anruf|rufen"
    r"|festnetz|t[ée]l[ée]phon|portable|appel|joindre|fixe(?![^\W_])|tel[ée]fono|m[óo]vil|celular|ll[aá]m|cellulare|chiam|numero"
    r"|telefoon|mobiel|bel(?:len)?(?![^\W_])|telefone|telem[óo]vel|lig(?:ue|ar)|kom[óo]r|zadzwo|puhelin|soita|mobilnummer"
    r"|telefonn|volejte|τηλ|телефон|тел(?![^\W_])|звон|phn(?![^\W_])|telp(?![^\W_])|hubungi)"
    r"|電話|携帯|전화|휴대|电话|手机|फ़ोन|फोन|मोबाइल|هاتف|جوال|טלפון",
    re.IGNORECASE,
)
PHONE_AFTER = re.compile(
    r"[ \t]*[,(]?[ \t]*(?:office|fax|mobile|mobil|home|work|cell|phone|privat|fixe|portable|m[óo]vil|tel)", re.I
)
CARD = re.compile(
    r"(?<![^\W_])(?:card|kart|carte|tarjeta|carta|cart[ãa]o|kaart|visa|mastercard|maestro|amex|cc(?![^\W_])|pan(?![^\W_])"
    r"|kort|credit|debit|kredit|d[ée]bito|cr[ée]dito)|信用卡|カード|카드|карт",
    re.IGNORECASE,
)
ORDINARY = re.compile(
    r"(?<![^\W_])(?:orders?|order[ _-]?(?:id|no|number)|bestell\w*|auftrag\w*|commande|pedido|ordine|encomenda"
    r"|zam[óo]wieni\w*|invoice|rechnung\w*|facture|factura|fattura|fatura|faktura|tracking|sendung\w*|ticket|case|issue|isbn|ean|upc|imei|sku"
    r"|serial|version|build|release|commit|hash|revision|ref(?:erence)?|referen\w+|artikel\w*|part|item|article|batch|lot"
    r"|transaction|request|session|timestamp|port|line|page|row|offset|size|bytes|model|zip|plz|postcode|amount|total|price"
    r"|population|art\.?-?nr)(?![^\W_])",
    re.IGNORECASE,
)


def last_before(pattern: re.Pattern[str], text: str, start: int, reach: int = BEFORE) -> int:
    """Where the last match within `reach` characters before `start` ends; -1 without any."""
    at = -1
    for match in pattern.finditer(text, max(0, start - reach), start):
        at = match.end()
    return at


def near(pattern: re.Pattern[str], text: str, start: int, end: int) -> bool:
    return last_before(pattern, text, start) >= 0 or bool(pattern.search(text, end, end + AFTER))


def closer(pattern: re.Pattern[str], text: str, start: int) -> bool:
    """Whether a word of the pattern stands before the number, and no ordinary one between them."""
    at = last_before(pattern, text, start)
    return at >= 0 and at >= last_before(ORDINARY, text, start)

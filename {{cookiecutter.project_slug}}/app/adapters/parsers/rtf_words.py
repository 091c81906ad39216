"""The control words of RTF that stand for characters, and those whose groups hold no text of the document."""

SKIPPED = frozenset(
    b"fonttbl colortbl stylesheet info pict object objdata fldinst themedata colorschememapping datastore latentstyles"
    b" listtable listoverridetable listpicture revtbl rsidtbl xmlnstbl generator filetbl pgptbl nonshppict datafield"
    b" sp atnid atnauthor atndate atnref ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn shprslt mmathPr upr tc xe"
    b" private template formfield docvar userprops background".split()
)
READ_WHEN_STARRED = frozenset(b"shpinst shptxt listtext annotation fldrslt shppict ud footnote pntext nestcell".split())
CHARACTERS = {
    **{b"tab": "\t", b"emdash": "\u2014", b"endash": "\u2013", b"bullet": "\u2022", b"emspace": "\u2003"},
    **{b"lquote": "\u2018", b"rquote": "\u2019", b"ldblquote": "\u201c", b"rdblquote": "\u201d", b"enspace": "\u2002"},
    **{b"line": "\n", b"softline": "\n", b"lbr": "\n", b"zwj": "\u200d", b"zwnj": "\u200c"},
}
SYMBOLS = {b"~": "\u00a0", b"_": "\u2011", b"{": "{", b"}": "}", b"\\": "\\", b"\t": "\t"}
BREAKS = frozenset({b"par", b"sect", b"page", b"column"})
CHARSETS = {
    **{77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gbk", 136: "cp950", 161: "cp1253"},
    **{162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874"},
    **{238: "cp1250", 254: "cp437", 255: "cp850"},
}
"""Code pages by the charset of a font."""

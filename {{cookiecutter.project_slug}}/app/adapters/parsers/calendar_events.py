"""The events of a calendar part (RFC 5545) as lines for a reader."""

import re
from collections.abc import Iterator

_FOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r"([A-Za-z-]+)((?:;[^:\n\"]*(?:\"[^\"\n]*\"[^:\n\"]*)*)?):(.*)")
_NAME = re.compile(r';CN=(?:"([^"]*)"|([^;:"]*))', re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)")
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?")
_NAMES = {
    "SUMMARY": "Event",
    "DTSTART": "Starts",
    "DTEND": "Ends",
    "RRULE": "Repeats",
    "LOCATION": "Place",
    "ORGANIZER": "Organizer",
    "ATTENDEE": "Attendees",
    "STATUS": "Status",
    "DESCRIPTION": "",
}


def events(calendar: str) -> Iterator[str]:
    """A block of lines for each event: what, when, where, and its description."""
    lines, attendees, around = dict[str, str](), list[str](), list[str]()
    for line in _FOLD.sub("", calendar).splitlines():
        if not (match := _LINE.fullmatch(line)):
            continue
        name, value = match[1].upper(), match[3].strip()
        if name == "BEGIN":
            around.append(value.upper())
        elif name == "END":
            if value.upper() == "VEVENT" and (lines or attendees):
                if attendees:
                    lines["ATTENDEE"] = _line(_NAMES["ATTENDEE"], ", ".join(attendees))
                yield "\n".join(lines[each] for each in _NAMES if each in lines)
                lines.clear()
                attendees.clear()
            del around[-1:]
        elif name in _NAMES and around[-1:] == ["VEVENT"] and value:
            if name == "ATTENDEE":
                attendees.append(_person(match[2], value))
            else:
                lines[name] = _line(_NAMES[name], _person(match[2], value) if name == "ORGANIZER" else value)


def _person(parameters: str, address: str) -> str:
    """The name and the address, as they are shown."""
    name = _NAME.search(parameters)
    plain = address[7:] if address.lower().startswith("mailto:") else address
    shown = (name[1] or name[2] or "").strip() if name else ""
    return f"{shown} <{plain}>" if shown and shown != plain else plain


def _line(label: str, value: str) -> str:
    text = _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)
    if moment := _MOMENT.fullmatch(text):
        year, month, day, hour, minute, utc = moment.groups()
        text = f"{year}-{month}-{day}" + (f" {hour}:{minute}{' UTC' if utc else ''}" if hour else "")
    return f"{label}: {text}" if label else text

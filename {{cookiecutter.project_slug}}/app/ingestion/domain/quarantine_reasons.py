"""The reasons for quarantine. The codes are stable: users filter by them and programs branch on them."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class QuarantineReason:
    """A reason: `code` for programs, `detail` for people, `action` with the remedy; none quotes the document."""

    code: str
    detail: str
    action: str = ""
    duplicate_of: str | None = None


RELEASE = "Release it from quarantine if it should be published as it is."
ACTIONS: Final[dict[str, str]] = {
    "empty_file": "Upload the file again with its content.",
    "no_text": "Upload a version with text, or install text recognition for scanned pages: make env-ocr.",
    "mostly_scanned": "Install text recognition (make env-ocr) and upload it again, or release it without those pages.",
    "too_large": "Split the file, or raise the limit in policies/data.yaml.",
    "too_long": "Split the document, or raise max_characters in policies/data.yaml.",
    "too_many_chunks": "Split the document, raise max_chunks in policies/data.yaml, or release it at its full cost.",
    "lost_words": "Save the file again in a simpler form or as another type, or release it without those words.",
    "garbled_text": "Save the file again with its letters as text, or run text recognition over it.",
    "repetitive": "Upload it without the repetitions, lower min_distinct_share in policies/data.yaml, or release it.",
    "too_short": "Lower min_words in policies/data.yaml if documents may be so short.",
    "wrong_type": "Give the file the extension of its actual type.",
    "polyglot": "Do not trust this file: other programs read other content in it. Save it again as one type.",
    "type_unsupported": "Convert it to a supported type, such as PDF, DOCX, XLSX, PPTX, HTML or plain text.",
    "type_not_allowed": "Allow the type for this source in policies/data.yaml.",
    "xml_unsupported": "Convert the XML to one of the supported types.",
    "xml_entities": "Save the document again without a document type definition.",
    "external_entity": "Do not trust this file: it refers to external content.",
    "archive_unsupported": "Unpack the archive and upload the files in it.",
    "archive_unsafe_path": "Do not trust this archive: it tries to write outside its folder.",
    "archive_bomb": "Do not trust this file: it unpacks to far more than its size allows.",
    "decompression_bomb": "Do not trust this file: it unpacks to far more than its size allows.",
    "unreadable": "Open the file in its own program and save it again.",
    "truncated": "Upload the file again; its end is missing.",
    "encrypted": "Remove the password and upload it again.",
    "nested_too_deep": "Flatten the structure and upload it again.",
    "parser_timeout": "Split the file, or save it again in a simpler form.",
    "parser_memory": "Split the file, or save it again in a simpler form.",
    "parser_crashed": "Open the file in its own program and save it again.",
    "encoding_damage": "Save the file as UTF-8 and upload it again, or release it with damaged characters replaced.",
    "encoding_not_utf8": "Save the file as UTF-8, or release it: the text was decoded without errors.",
    "nul_bytes": "Save the file as plain text; " + RELEASE,
    "formula_cells": "Remove the formulas, or release it: the cells are published as plain text.",
    "control_characters": "Save the file as plain text; " + RELEASE,
    "boilerplate": RELEASE,
    "exact_duplicate": "Nothing to do: the same content is already published.",
    "near_duplicate": "Upload it under the address of the document it replaces, or release it to publish both.",
    "language": "Add the language to the source in policies/data.yaml, or release it.",
    "missing_metadata": "Upload it again with the missing metadata.",
    "stale": "Upload a newer version, or release it.",
    "unknown_source": "Declare the source in policies/data.yaml, then release it.",
    "suspicious_content": "Read the original with care before releasing it.",
    "personal_data": "Upload it without personal data, or release it if it may be published with it.",
    "processing_failed": "Release it to try again; the log of its job says what went wrong.",
}


def quarantine_reason(code: str, detail: str, duplicate_of: str | None = None) -> QuarantineReason:
    return QuarantineReason(code, detail, ACTIONS[code], duplicate_of)

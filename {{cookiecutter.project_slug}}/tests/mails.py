from email.message import EmailMessage


def message(subject: str, text: str, *attached: tuple[str, bytes] | EmailMessage) -> EmailMessage:
    """attached: a file with its name, or another message."""
    made = EmailMessage()
    made["From"], made["Subject"] = "ann@example.org", subject
    made.set_content(text)
    for each in attached:
        if isinstance(each, EmailMessage):
            made.add_attachment(each)
        else:
            made.add_attachment(each[1], maintype="application", subtype="octet-stream", filename=each[0])
    return made

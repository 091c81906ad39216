import sys

from langchain_text_splitters import RecursiveCharacterTextSplitter
from pypdf import PdfReader


def load(path):
    return "\n".join(page.extract_text() for page in PdfReader(path).pages)


def split(text):
    return RecursiveCharacterTextSplitter(chunk_size=1000).split_text(text)


if __name__ == "__main__":
    for path in sys.argv[1:]:
        print(path, len(split(load(path))))

import json
import os
import pickle
import smtplib
import sqlite3

import faiss
import numpy as np
import requests
import streamlit as st
from openai import OpenAI

OPENAI_API_KEY = "KEY_OF_THE_PROVIDER"
client = OpenAI(api_key=OPENAI_API_KEY)

index = faiss.read_index("docs.faiss")
chunks = pickle.load(open("chunks.pkl", "rb"))

PROMPT = """You are a helpful assistant of the support team. Use the following context to answer the question.
Be friendly. If you do not know the answer, say that you do not know it.

Context: {context}
Question: {question}"""


def embed(text):
    reply = client.embeddings.create(model="text-embedding-3-small", input=text)
    return np.array([reply.data[0].embedding], dtype="float32")


def search(question, k=5):
    _, found = index.search(embed(question), k)
    return [chunks[i] for i in found[0]]


def ask(question):
    context = "\n".join(search(question))
    reply = client.chat.completions.create(
        model="gpt-4o",
        temperature=0.7,
        messages=[{"role": "user", "content": PROMPT.format(context=context, question=question)}],
    )
    answer = reply.choices[0].message.content
    print("answer:", answer)
    return answer


def weather(city):
    return requests.get("https://weather.example.com/" + city).json()


def calculate(expression):
    return eval(expression)


def save(question, answer):
    db = sqlite3.connect("chat.db")
    db.cursor().execute(f"INSERT INTO chats (question, answer) VALUES ('{question}', '{answer}')")
    db.commit()


def notify(user, answer):
    try:
        server = smtplib.SMTP("mail.example.com")
        server.sendmail("bot@example.com", user, answer)
    except:
        pass


def forget(user):
    db = sqlite3.connect("chat.db")
    db.execute("DELETE FROM chats WHERE user = ?", (user,))
    db.commit()


def reindex():
    os.system("python helpers/ingest.py " + st.session_state.get("folder", "docs"))


st.title("Support bot")
question = st.text_input("Ask me anything")
if question:
    answer = ask(question)
    save(question, answer)
    st.write(answer)
    print(json.dumps({"question": question}))

from app.retrieval.repository import binary

binary.register()

from app.retrieval.repository import vector_codec

vector_codec.register()

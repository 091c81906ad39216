from app.core.errors import BadGateway, Conflict, Invalid, NotFound, Unavailable


class NoLiveIndex(Unavailable):
    code, title = "no_live_index", "There is no index to search"
    action = "Start the service once, or run 'app index build'."


class EmbedderMismatch(Unavailable):
    code, title = "embedder_mismatch", "The index was built with another embedder"


class AnalyzerMismatch(EmbedderMismatch):
    code, title = "analyzer_mismatch", "The words of the index were prepared in another way"
    action = "Run the version of the service that built the index, or build a new index with 'app index build'."


class EmbeddingFailed(BadGateway):
    """`reason` in the problem: refused, malformed, wrong_count, wrong_dimensions, not_a_number or unreachable. billed:
    whether the provider embedded some of the texts before it failed.
    """

    billed = False

    code, title = "embedding_failed", "The embedding provider returned no usable vectors"
    action = "Nothing was changed. Check the provider and the model's name, then try again."


class StaleDocument(Conflict):
    code, title = "stale_document", "A newer version of the document is already published"


class DocumentTextNotFound(NotFound):
    code, title = "document_text_not_found", "No such published text"
    action = "It may be deleted, closed to you or not published; GET /v1/documents lists what you may read."


class DocumentVersionNotFound(NotFound):
    code, title = "document_version_not_found", "The text of this version is not stored"
    action = "Leave 'version' out to read the version that is published now."


class TextSpanInvalid(Invalid):
    code, title = "text_span_invalid", "The part to be marked is not in the text"
    action = "Pass start and end of a citation unchanged, with its version, or neither."


class IndexNotFound(NotFound):
    code, title = "index_not_found", "No such index"
    action = "'app index list' shows all indexes."


class IndexNotReady(Conflict):
    code, title = "index_not_ready", "This index cannot be switched to"


class IndexBehind(Conflict):
    code, title = "index_behind", "The index does not contain every document"


class TextSearchNotFound(Invalid):
    code, title = "text_search_not_found", "The database has no such text-search configuration"
    action = "'select cfgname from pg_ts_config' in the database lists them."


class ChunkerMismatch(Unavailable):
    code, title = "chunker_mismatch", "The index was built with another chunker"
    action = "Build a new index with 'app index build' and switch to it with 'app release create --index N'."


class TooManyChunks(Invalid):
    code, title = "too_many_chunks", "The document has too many chunks"
    action = "Split the document, or raise max_chunks in policies/data.yaml."


class VerificationFailed(Conflict):
    code, title = "verification_failed", "The new index does not find its own chunks"
    action = "The live index was not changed. See the log, then run 'app index build' again."

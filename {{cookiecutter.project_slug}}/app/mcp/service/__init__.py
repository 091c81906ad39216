from app.mcp.service.action_tool import ActionTool
from app.mcp.service.answer_tool import AnswerTool
from app.mcp.service.read_document_tool import ReadDocumentTool
from app.mcp.service.search_tool import SearchTool
from app.mcp.service.tool_server import ToolServer, ToolsOfCaller

__all__ = ["ActionTool", "AnswerTool", "ReadDocumentTool", "SearchTool", "ToolServer", "ToolsOfCaller"]

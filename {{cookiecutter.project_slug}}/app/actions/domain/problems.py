from app.core.errors import Conflict, Invalid, NotFound


class ActionNotOffered(Invalid):
    code, title = "action_not_offered", "This action is not offered"
    action = "GET /v1/actions/catalogue lists the actions that are."


class ActionNotFound(NotFound):
    code, title = "action_not_found", "No such action"


class ActionEnded(Conflict):
    code, title = "action_ended", "The action has already been decided"
    action = "GET /v1/actions/{action_id} shows its state."


class ActionChanged(Conflict):
    code, title = "action_changed", "The action has changed since you read it"
    action = "Read the item again, then decide on its present content."


class InvalidArguments(Invalid):
    code, title = "arguments_refused", "These arguments are not valid for the action"
    action = "Send all arguments of the action as one JSON object."

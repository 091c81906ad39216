from app.core.errors import Conflict, Invalid, NotFound


class ActionUnknown(Invalid):
    code, title = "action_unknown", "No such action is offered here"
    action = "GET /v1/actions/catalogue lists those that are."


class ActionNotFound(NotFound):
    code, title = "action_not_found", "No such action"


class ActionEnded(Conflict):
    code, title = "action_ended", "The action waits for nobody any more"
    action = "GET /v1/actions/{action_id} says what became of it."


class ActionChanged(Conflict):
    code, title = "action_changed", "The action is not the one that was seen"
    action = "Read the item again, then decide on what it says now."


class ArgumentsRefused(Invalid):
    code, title = "arguments_refused", "The action cannot be run with these arguments"
    action = "Give all arguments of the action as one JSON object."

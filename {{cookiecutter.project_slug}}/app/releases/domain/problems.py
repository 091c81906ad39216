from app.core.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound, Unavailable


class ReleaseNotFound(NotFound):
    code, title = "release_not_found", "No such release"
    action = "'app release list' and GET /v1/releases list all releases."


class ReleaseNotLoaded(Unavailable):
    code, title = "release_not_loaded", "The live release is not loaded yet"
    action = "Try again in a second; /health/ready says what the service is waiting for."


class NoLiveRelease(Unavailable):
    code, title = "nothing_live", "No approved release is live"
    action = (
        "Create one with 'app release create', evaluate it with 'app evaluate', have it approved with "
        "'app release approve', then 'app release activate'."
    )


class SigningSecretRequired(Unavailable):
    code, title = "release_secret_required", "No signing secret for releases is configured"
    action = "Set APP_RELEASE_SECRET, the same in both deployments, and restart the service."


class ReleaseUnservable(Conflict):
    code, title = "release_unservable", "This process cannot serve that release"
    action = "Configure what the release needs, or activate another release."


class FilesRefused(Conflict):
    code, title = "files_refused", "No release can be created from the files of this process"
    action = "Correct what the message names, restart the service, and create the release again."


class IllegalMove(Conflict):
    code, title = "illegal_move", "This state change is not allowed for the release"
    action = "GET /v1/releases/{id} shows the history of the release."


class NotApproved(Forbidden):
    code, title = "release_not_approved", "The release is not approved"
    action = "Evaluate it with 'app evaluate', then have it approved with 'app release approve'."


class NoEarlierRelease(Conflict):
    code, title = "no_earlier_release", "There is no release to roll back to"
    action = "A rollback needs a release that was live and approved; 'app release list' shows the releases."


class NoCanary(Conflict):
    code, title = "no_canary", "No canary is running"


class CanaryRunning(Conflict):
    code, title = "canary_running", "A canary is running"
    action = "Wait for its verdict, or end it with 'app release abort-canary'."


class ParameterNotFound(Invalid):
    code, title = "parameter_not_found", "A release has no such parameter"


class ExportBundleRefused(BadRequest):
    code, title = "export_bundle_refused", "The exported release cannot be imported"
    action = "Export it again, with the same APP_RELEASE_SECRET in both deployments."

from app.core.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound, Unavailable


class ReleaseNotFound(NotFound):
    code, title = "release_not_found", "No such release"
    action = "'app release list' and GET /v1/releases show those there are."


class ReleaseUnknown(Unavailable):
    code, title = "release_unknown", "The live release is not loaded yet"
    action = "Try again in a second; /health/ready says what the service is waiting for."


class NoLiveRelease(Unavailable):
    code, title = "nothing_live", "No approved release is live"
    action = (
        "Make one with 'app release create', measure it with 'app evaluate', have it approved with "
        "'app release approve', then 'app release activate'."
    )


class SigningSecretRequired(Unavailable):
    code, title = "release_secret_missing", "No signing secret for releases is configured"
    action = "Whoever runs it sets APP_RELEASE_SECRET, the same on both sides, and starts it again."


class ReleaseUnservable(Conflict):
    code, title = "release_unservable", "This process cannot answer on that release"
    action = "Give the process what the release needs, or go to another release."


class FilesRefused(Conflict):
    code, title = "files_refused", "No release can be made of the files of this process"
    action = "Correct what it names, start the service again, and make the release then."


class IllegalMove(Conflict):
    code, title = "illegal_move", "This state change is not allowed for the release"
    action = "GET /v1/releases/{id} shows the history of the release."


class NotApproved(Forbidden):
    code, title = "release_not_approved", "The release is not approved"
    action = "Measure it with 'app evaluate', then have it approved with 'app release approve'."


class NoEarlierRelease(Conflict):
    code, title = "no_earlier_release", "There is no release to roll back to"
    action = "Only a release that was live and approved can be gone back to; 'app release list' shows them."


class NoCanary(Conflict):
    code, title = "no_canary", "No canary is running"


class CanaryRunning(Conflict):
    code, title = "canary_running", "A canary is running"
    action = "Wait for its verdict, or end it with 'app release abort-canary'."


class UnknownParameter(Invalid):
    code, title = "unknown_parameter", "A release has no such parameter"


class ExportBundleRefused(BadRequest):
    code, title = "parcel_refused", "The exported release cannot be imported"
    action = "Export it again, with the same APP_RELEASE_SECRET on both sides."

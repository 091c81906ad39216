// Calls of the API, with the session of who signed in, or with a key: it is in the tab's session storage, and is gone
// with the tab.

const KEY = "console.key";
const SIGN_OUT_REASON = "console.why";
const API = new URL("../", document.baseURI);

let csrfToken = null; // of the session that this browser is signed in with
let clockOffset = 0; // milliseconds by which the service's clock is ahead of this machine's
let bestLatency = Infinity; // of the request that the offset was measured with

/** A problem of the service. code "unreachable": there was no reply. */
export class ApiError extends Error {
  constructor(status, body) {
    super(body.detail || body.title);
    Object.assign(this, { status, code: body.code, title: body.title, action: body.action ?? "" });
  }
}

export const hasKey = () => sessionStorage.getItem(KEY) !== null;
export const keepKey = (key) => sessionStorage.setItem(KEY, key.trim());
export const forgetKey = () => sessionStorage.removeItem(KEY);

export const hasCredential = () => hasKey() || csrfToken !== null;

/** Finds out whether this browser is signed in. Returns whether there is a sign-in at all. */
export async function findSession() {
  const reply = await fetch(new URL("console/session", API), { cache: "no-store", redirect: "error" }).catch(() => null);
  const session = reply?.ok ? await reply.json() : { sign_in: false, csrf_token: null };
  csrfToken = session.csrf_token;
  return session.sign_in;
}

/** Why the sign-in was refused from which the browser comes back, if it was. */
export function takeRefusal() {
  const refusal = new URL(location.href).searchParams.get("sign-in");
  if (refusal !== null) history.replaceState(null, "", location.pathname);
  return refusal;
}

/** Ends the session, forgets the key and reloads the page, which then shows the reason. */
export async function signOut(reason) {
  if (csrfToken !== null) {
    const options = { method: "POST", headers: { "x-csrf-token": csrfToken }, redirect: "error" };
    await fetch(new URL("console/sign-out", API), options).catch(() => null);
  }
  forgetKey();
  if (reason) sessionStorage.setItem(SIGN_OUT_REASON, reason);
  location.reload();
}

export function takeSignOutReason() {
  const reason = sessionStorage.getItem(SIGN_OUT_REASON);
  sessionStorage.removeItem(SIGN_OUT_REASON);
  return reason;
}

/** The service's time, in milliseconds. */
export const now = () => Date.now() + clockOffset;

/** Errors: ApiError. body: sent as JSON. */
export async function call(method, path, body, headers = {}) {
  const started = Date.now();
  const reply = await send(method, path, body, headers);
  measureClock(reply, started);
  const content = await reply.json().catch(() => ({}));
  if (reply.ok) return content;
  const error = new ApiError(reply.status, { code: "", title: `The reply was ${reply.status}`, ...content });
  if (reply.status === 401) dispatchEvent(new CustomEvent("refused-key", { detail: error }));
  throw error;
}

export const get = (path, query = {}) => {
  const filters = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return call("GET", filters.length ? `${path}?${new URLSearchParams(filters)}` : path);
};
/** Saves a file of the API under the name that the reply gives it. Errors: ApiError. */
export async function download(path) {
  const reply = await send("GET", path, undefined, {});
  if (!reply.ok) throw new ApiError(reply.status, { code: "", title: `The reply was ${reply.status}`, ...(await reply.json().catch(() => ({}))) });
  const name = reply.headers.get("content-disposition")?.match(/filename\*=UTF-8''(\S+)/)?.[1];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await reply.blob());
  link.download = decodeURIComponent(name ?? "original");
  link.click();
  URL.revokeObjectURL(link.href);
}

export const post = (path, body, headers) => call("POST", path, body, headers);

/** An idempotency key for one decision. */
export function newIdempotencyKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function credential() {
  if (!hasKey() && csrfToken !== null) return { "x-csrf-token": csrfToken };
  return { authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ""}` };
}

async function send(method, path, body, headers) {
  const allHeaders = { ...credential(), ...headers };
  if (body !== undefined) allHeaders["content-type"] = "application/json";
  const options = { method, headers: allHeaders, cache: "no-store", credentials: hasKey() ? "omit" : "same-origin", redirect: "error" };
  try {
    return await fetch(new URL(path, API), { ...options, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new ApiError(0, {
      code: "unreachable",
      title: "The service cannot be reached",
      action: "What you typed is still here; try again.",
    });
  }
}

// Leases and due times are by the service's clock, which may differ from this machine's.
function measureClock(reply, started) {
  const latency = Date.now() - started;
  const serverTime = Date.parse(reply.headers.get("date") ?? "");
  if (Number.isNaN(serverTime) || latency > bestLatency) return;
  bestLatency = latency + 50;
  const offset = serverTime + 500 - (started + latency / 2);
  clockOffset = Math.abs(offset) > 1500 ? offset : 0;
}

// Calls of the REST API with the session. Errors carry the server's sentence and its next move.

export class ApiError extends Error {
  constructor(status, { code = "error", message = "", hint = "", details = {} } = {}) {
    super(message || `The server answered ${status}.`);
    Object.assign(this, { status, code, hint, details });
  }
}

export async function api(method, path, body) {
  const headers = { Accept: "application/json", "X-CSRFToken": document.querySelector('meta[name="csrf-token"]').content };
  if (body !== undefined || method !== "GET") headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(`/api/v1/${path}`, { method, headers, body: method === "GET" ? undefined : JSON.stringify(body ?? {}) });
  } catch {
    throw new ApiError(0, { message: "The server could not be reached.", hint: "Check your connection, then try again." });
  }
  if (response.status === 401) {
    location.assign(`/login/?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (answer?.error?.code === "mfa_required") location.assign("/account/two-factor/");
  if (!response.ok) throw new ApiError(response.status, answer?.error);
  return answer;
}

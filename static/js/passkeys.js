// Passkeys and security keys: asks the browser for one when a form with data-passkey is sent, puts its answer into the form, and sends it.
// data-passkey: "login" (options are fetched), "get" or "create" (options are in the JSON element that data-options names).
import { $ } from "./dom.js";

const ANSWERS = {
  NotAllowedError: "Nothing was chosen, or it took too long. Try again.",
  InvalidStateError: "This key is already added.",
  SecurityError: "Passkeys need HTTPS and a host name; this address has neither. Use another way.",
};

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function decoded(options) {
  const key = { ...options.publicKey, challenge: bytes(options.publicKey.challenge) };
  if (key.user) key.user = { ...key.user, id: bytes(key.user.id) };
  for (const list of ["allowCredentials", "excludeCredentials"]) {
    if (key[list]) key[list] = key[list].map((one) => ({ ...one, id: bytes(one.id) }));
  }
  return { publicKey: key };
}

function encoded(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  return {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? null,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  };
}

async function optionsOf(form) {
  if (form.dataset.passkey !== "login") return JSON.parse(document.getElementById(form.dataset.options).textContent);
  const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error("The server did not answer. Try again.");
  return (await answer.json()).request_options;
}

async function ask(form) {
  const options = decoded(await optionsOf(form));
  if (form.dataset.passkey !== "create") return navigator.credentials.get(options);
  const alone = form.elements.passwordless?.checked ?? false;
  Object.assign(options.publicKey.authenticatorSelection, {
    residentKey: alone ? "required" : "discouraged",
    requireResidentKey: alone,
    ...(alone ? { userVerification: "required" } : {}),
  });
  return navigator.credentials.create(options);
}

function tell(form, sentence) {
  const place = $("[data-problem]", form);
  place.textContent = sentence;
  place.hidden = !sentence;
}

const isPossible = "PublicKeyCredential" in window;
for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (isPossible) form.hidden = false;
  else if (!form.hidden) tell(form, ANSWERS.SecurityError);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = $("button[type=submit]", form);
    button.disabled = true;
    tell(form, "");
    try {
      form.elements.credential.value = JSON.stringify(encoded(await ask(form)));
      form.submit();
    } catch (error) {
      tell(form, ANSWERS[error.name] ?? error.message);
      button.disabled = false;
    }
  });
}

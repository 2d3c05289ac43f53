// The job tray: running jobs with percent and step, failures with their sentence and Retry. On every page.
import { $, el, icon, on, setText } from "./dom.js";
import { api } from "./api.js";
import { live } from "./live.js";
import { toastError } from "./toasts.js";

const ACTIVE = new Set(["queued", "running", "cancelling"]);
const BAD = new Set(["failed", "needs_attention"]);
const DONE_STAYS_MS = 4000;
const FAILURE_STAYS_MS = 15 * 60_000;
const DISMISSED = "tray-dismissed";

const jobs = new Map(); // id -> job
const items = new Map(); // id -> element
const dismissed = new Set(JSON.parse(sessionStorage.getItem(DISMISSED) ?? "[]"));
const tray = $("#tray");
const OPEN = "tray-open";
const list = $("#tray-list");

function take(job, { fresh = true } = {}) {
  const age = Date.now() - Date.parse(job.finished_at ?? job.created_at);
  const isShown = ACTIVE.has(job.state) || (BAD.has(job.state) && age < FAILURE_STAYS_MS) || (fresh && jobs.has(job.id));
  if (!isShown || (dismissed.has(job.id) && !ACTIVE.has(job.state))) return drop(job.id);
  jobs.set(job.id, job);
  if (!ACTIVE.has(job.state) && !BAD.has(job.state)) setTimeout(() => drop(job.id), DONE_STAYS_MS);
  show(job);
}

function drop(id) {
  jobs.delete(id);
  items.get(id)?.remove();
  items.delete(id);
  showHead();
}

function show(job) {
  const item = build(job);
  const old = items.get(job.id);
  if (old) old.replaceWith(item);
  else list.prepend(item);
  items.set(job.id, item);
  showHead();
}

function build(job) {
  const end = el("span", { class: "end" });
  const item = el("li", { class: "tray-item", "data-job": job.id, "data-state": job.state }, el("a", { href: `/jobs/${job.id}/` }, job.title), end);
  if (ACTIVE.has(job.state)) {
    const percent = Math.round(job.progress * 100);
    end.append(job.state === "running" ? `${percent}%` : job.state);
    if (job.can_cancel) end.append(button("Cancel", "x", "cancel", job));
    item.append(el("progress", { max: 1, value: job.progress, "aria-label": `Progress of ${job.title}` }));
    const step = job.is_undoing ? `Undoing: ${job.step}` : job.step;
    if (step) item.append(el("p", {}, step));
  } else if (BAD.has(job.state)) {
    end.append(badge("bad", job.state.replace("_", " ")));
    if (job.can_retry) end.append(button("Retry", "rotate-ccw", "retry", job));
    end.append(button("Dismiss", "x", "dismiss", job));
    item.append(el("p", {}, job.error?.message ?? ""));
    if (job.error?.hint) item.append(el("p", {}, job.error.hint));
  } else {
    end.append(badge(job.state === "succeeded" ? "ok" : "off", job.state));
    if (job.outcome) item.append(el("p", {}, job.outcome));
  }
  return item;
}

const badge = (tone, words) => el("span", { class: "state", "data-tone": tone }, words);
const button = (label, name, verb, job) =>
  el("button", { class: "btn quiet square compact", type: "button", "data-job-verb": verb, "data-job-id": job.id, title: label, "aria-label": `${label}: ${job.title}` }, icon(name));

function showHead() {
  const active = [...jobs.values()].filter((job) => ACTIVE.has(job.state)).length;
  const failed = [...jobs.values()].filter((job) => BAD.has(job.state)).length;
  tray.hidden = jobs.size === 0;
  setText($("#tray-title"), [active ? `${active} running` : "", failed ? `${failed} failed` : ""].filter(Boolean).join(", ") || "Jobs");
  const tasks = $("#tasks");
  tasks.dataset.running = String(active);
  setText($(".words", tasks), active ? `${active} job${active === 1 ? "" : "s"} running` : "No jobs running");
  setText($('[data-count="jobs"]'), active ? String(active) : "");
}

on("click", "[data-job-verb]", (event, { dataset: { jobVerb: verb, jobId: id } }) => {
  event.preventDefault();
  if (verb === "dismiss") {
    dismissed.add(id);
    sessionStorage.setItem(DISMISSED, JSON.stringify([...dismissed].slice(-100)));
    return drop(id);
  }
  api("POST", `jobs/${id}/${verb}/`).then(() => verb === "retry" && drop(id), toastError);
});

tray.open = (localStorage.getItem(OPEN) ?? (matchMedia("(max-width: 860px)").matches ? "no" : "yes")) === "yes";
tray.addEventListener("toggle", () => localStorage.setItem(OPEN, tray.open ? "yes" : "no"));

live.subscribe("jobs", {
  snapshot({ results }) {
    const there = new Set(results.map((job) => job.id));
    for (const id of [...jobs.keys()]) if (!there.has(id)) drop(id);
    for (const job of [...results].reverse()) take(job, { fresh: false });
    showHead();
  },
  changed: (job) => take(job),
  removed: ({ id }) => drop(id),
});

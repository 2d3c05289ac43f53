// What changes about a guest is written into every place on the page that shows it: [data-guest] with [data-field] inside.
import { $, $$, el, setReason, setText } from "./dom.js";
import { live } from "./live.js";
import { refetchSoon } from "./refetch.js";
import { sizeOfMib, toneOf } from "./words.js";

const WARN_CPU = 75;
const BAD_CPU = 90;
const known = new Map(); // id -> last data

const places = (id) => $$(`[data-guest="${CSS.escape(id)}"]`);

function show(guest) {
  known.set(guest.id, guest);
  for (const place of places(guest.id)) for (const field of $$("[data-field]", place)) FIELDS[field.dataset.field]?.(field, guest, place);
}

const FIELDS = {
  state(field, guest) {
    setText(field, guest.state_label);
    field.dataset.tone = guest.active_job ? "busy" : guest.is_missing ? "bad" : toneOf(guest.state);
  },
  stale: (field, guest) => (field.hidden = !guest.is_stale),
  name: (field, guest) => setText(field, guest.name),
  vcpus: (field, guest) => setText(field, String(guest.vcpus)),
  memory: (field, guest) => setText(field, sizeOfMib(guest.memory_mib)),
  "memory-used": (field, guest) => setText(field, sizeOfMib(guest.memory_used_mib)),
  cpu(field, guest) {
    const [bar, words] = field.children;
    const percent = guest.cpu_percent;
    bar.value = percent ?? 0;
    bar.className = percent === null ? "unknown" : percent < WARN_CPU ? "" : percent < BAD_CPU ? "warn" : "bad";
    setText(words, percent === null ? "–" : `${Math.round(percent)}%`);
  },
  address(field, guest) {
    const address = guest.primary_address;
    if ((field.firstElementChild?.dataset.copy ?? "") === address) return;
    field.replaceChildren(address ? el("button", { class: "copy", type: "button", "data-copy": address, title: "Copy" }, address) : el("span", { class: "muted" }, "–"));
  },
  console(field, guest) {
    const { console: control, "view-console": view } = guest.allowed_actions;
    const reason = control.allowed || view.allowed ? "" : control.reason;
    setReason(field, reason);
    if (reason) field.removeAttribute("href");
    else field.href = `/guests/${guest.id}/console/`;
  },
  verb(field, guest) {
    // As guests/views/menu.py: start and resume share a place.
    const isAsleep = ["paused", "suspended"].includes(guest.state);
    field.hidden = isAsleep ? ["start", "suspend"].includes(field.dataset.verb) : field.dataset.verb === "resume";
    setReason(field, guest.allowed_actions[field.dataset.verb]?.reason);
  },
  job(field, guest) {
    field.hidden = !guest.active_job;
    if (!guest.active_job) return;
    const { id, title, step, progress } = guest.active_job;
    $("a", field).href = `/jobs/${id}/`;
    setText($("a", field), title);
    setText($("small", field), step);
    $("progress", field).value = progress;
  },
};

export function showPending(id, words) {
  for (const place of places(id)) {
    const badge = $('[data-field="state"]', place);
    if (badge) {
      setText(badge, words);
      badge.dataset.tone = "busy";
    }
    for (const button of $$('[data-field="verb"]', place)) setReason(button, `Busy: ${words}`);
  }
}

// An order was refused: back to what the server last said.
export function takeBack(id) {
  if (known.has(id)) show(known.get(id));
  else refetchSoon(places(id)[0]);
}

const list = $("#guest-list");
const own = $("[data-guest-page]");

if (list) {
  live.subscribe("guests", {
    snapshot({ results, summary }) {
      for (const guest of results) show(guest);
      setText($('[data-count="guests"]'), String(summary.total));
      // Rows beyond the snapshot's may have changed while the socket was away.
      if (list.dataset.seen) refetchSoon(list);
      list.dataset.seen = "yes";
    },
    changed(guest) {
      if (places(guest.id).length) show(guest);
      else refetchSoon(list);
    },
    removed: ({ id }) => places(id).length && refetchSoon(list),
  });
} else if (own) {
  live.subscribe(`guest:${own.dataset.guest}`, {
    snapshot: show,
    changed(guest) {
      const before = known.get(guest.id);
      show(guest);
      const isOtherwise = (key) => JSON.stringify(before?.[key]) !== JSON.stringify(guest[key]);
      if (!before || ["disks", "nics", "addresses", "state", "name", "description", "tags", "is_protected"].some(isOtherwise) || before.active_job?.id !== guest.active_job?.id) {
        refetchSoon($("#guest-body"));
      }
    },
    // Gone, or given to a tenant that this person does not see; an operator still does.
    removed: async () => (await fetch(location.href, { method: "HEAD" })).status === 404 && location.assign("/guests/"),
  });
}

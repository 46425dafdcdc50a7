// Reviewing one note: what the coder does becomes an entry of the record, and the page follows it.

import { Add } from "./add.js";
import { Find } from "./find.js";
import { Rows } from "./rows.js";
import { Texts } from "./texts.js";
import { ask, coder, tell } from "./wire.js";

const { key, bundle } = document.getElementById("review").dataset;
const query = `?bundle=${encodeURIComponent(bundle)}`;
const address = (what) => `/notes/${key}/${what}${query}`;
const at = (id) => document.getElementById(id);
const KEYS = "isd-keys-off";

const { body: given } = await ask(address("data")).catch((error) => {
  tell(error.message);
  throw error;
});
const texts = new Texts(given.texts, [...document.querySelectorAll(".text")]);
const rows = new Rows(texts, given.evidence, (place) => texts.show(place));
const find = new Find(texts);
const channel = new BroadcastChannel("isd-desk"); // other tabs of this browser
let isBusy = false;

function update(state) {
  rows.update(state);
  const of = Object.values(state.codes);
  const count = (decision) => of.filter((one) => one.decision === decision).length;
  at("counts").textContent =
    `${state.open.length} open, ${count("accepted")} accepted, ${count("rejected")} rejected, ` +
    `${count("unsure")} unsure, ${count("added")} added`;
  const { signed_off: signed } = state;
  at("sign").hidden = Boolean(signed);
  at("sign").setAttribute("aria-disabled", String(state.open.length > 0));
  at("sign").textContent = state.open.length ? `Sign off: ${state.open.length} open` : "Sign off";
  at("reopen").hidden = !signed;
  at("open").textContent = signed
    ? `Signed off by ${signed.who}, ${new Date(signed.time).toLocaleString()}.`
    : state.open.length
      ? `To be decided before: ${state.open.join(", ")}`
      : "Every suggestion above the threshold is decided.";
  at("review").dataset.last = state.last; // what a test waits for
}

/** Put a decision into the record; one at a time, so that `seen` is what this page shows. */
async function decide(decision, code = null, marked = []) {
  const who = coder();
  if (!who || isBusy) return false;
  isBusy = true;
  try {
    const places = marked.map(({ begin, end, view }) => ({ begin, end, view }));
    const asked = { who, decision, code, marked: places, seen: rows.state.last };
    const { status, body } = await ask(address("decisions"), asked, 409);
    if (status === 409) {
      tell("Somebody decided about this note in the meantime; yours was not recorded. Look again.");
    } else {
      tell("");
      rows.pending.delete(code);
      channel.postMessage(key);
    }
    update(body);
    return status !== 409;
  } catch (error) {
    tell(error.message);
    return false;
  } finally {
    isBusy = false;
  }
}

function judge(decision, code = rows.code) {
  if (!code || rows.state.signed_off) return;
  const entry = rows.state.codes[code];
  const waiting = rows.pending.get(code) ?? [];
  if (decision === "undone" ? !entry : entry?.decision === decision && !waiting.length) return;
  decide(decision, code, decision === "undone" ? [] : rows.marked(code));
}

/** Undo the latest decision that stands. */
function undo() {
  const codes = Object.entries(rows.state.codes).sort(([, a], [, b]) => b.number - a.number);
  if (codes.length) judge("undone", codes[0][0]);
}

/** Mark what is selected, or what was found, as evidence for the selected code. */
function mark() {
  const place = texts.selected() ?? find.current;
  if (!place) return tell("Select some text of the note first, or find some.");
  if (!rows.code || rows.state.signed_off) return;
  const marked = [...rows.marked(rows.code), place];
  const decision = rows.state.codes[rows.code]?.decision;
  getSelection().removeAllRanges();
  if (decision && decision !== "rejected") return decide(decision, rows.code, marked);
  rows.pending.set(rows.code, [...(rows.pending.get(rows.code) ?? []), place]);
  rows.select(rows.code);
}

async function choose({ code }) {
  const decision = rows.state.codes[code]?.decision;
  if (decision === "accepted" || decision === "added") tell(`${code} is ${decision} already.`);
  else if (!(await decide("added", code, rows.marked(code)))) return;
  rows.select(code, { focus: true });
}

async function refresh() {
  if (!isBusy) update((await ask(address("state"))).body);
}

const add = new Add(`/codebook${query}`, choose);
const acts = {
  a: () => judge("accepted"),
  r: () => judge("rejected"),
  u: () => judge("unsure"),
  z: undo,
  j: () => rows.step(1),
  k: () => rows.step(-1),
  e: () => rows.next(),
  m: mark,
  f: () => find.words.focus(),
  "/": () => add.input.focus(),
};

at("keys").checked = localStorage.getItem(KEYS) === null;
at("keys").addEventListener("change", ({ target }) => {
  if (target.checked) localStorage.removeItem(KEYS);
  else localStorage.setItem(KEYS, "yes");
});
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input:not([type=checkbox]), textarea, select");
  const isPlain = !(event.ctrlKey || event.metaKey || event.altKey || event.repeat);
  if (isTyping || !isPlain || !at("keys").checked || !Object.hasOwn(acts, event.key)) return;
  event.preventDefault();
  acts[event.key]();
});
document.querySelector(".codes").addEventListener("click", ({ target }) => {
  const row = target.closest(".row");
  const button = target.closest("button");
  if (!row) return;
  if (button?.classList.contains("pick")) rows.select(row.dataset.code, { show: true });
  else if (row.dataset.code !== rows.code) rows.select(row.dataset.code);
  if (button?.dataset.decision) judge(button.dataset.decision, row.dataset.code);
});
for (const button of document.querySelectorAll("[data-begin]")) {
  const { view } = texts.all[Number(button.dataset.text)];
  const begin = Number(button.dataset.begin);
  button.addEventListener("click", () => texts.show({ begin, end: begin + 1, view }));
}
// A press would take the selection from the note.
at("mark").addEventListener("mousedown", (event) => event.preventDefault());
at("mark").addEventListener("click", mark);
at("sign").addEventListener("click", () => {
  const [first] = rows.state.open;
  if (first) rows.select(first, { focus: true });
  else decide("signed_off");
});
at("reopen").addEventListener("click", () => decide("reopened"));
channel.addEventListener("message", ({ data }) => data === key && refresh().catch(() => {}));
document.addEventListener("visibilitychange", () => document.hidden || refresh().catch(() => {}));

texts.set("unread", texts.all.filter(({ unread }) => unread !== null).map(({ view, unread, text }) => (
  { begin: unread, end: [...text].length, view }
)));
update(given.state);
at("review").dataset.ready = "yes"; // likewise

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
let line = Promise.resolve(); // what was pressed waits for what was pressed before
let round = 0; // a new one begins when something was not recorded

function update(state) {
  const held = document.activeElement;
  rows.update(state);
  const of = Object.values(state.codes);
  const count = (decision) => of.filter((one) => one.decision === decision).length;
  at("counts").textContent =
    `${state.open.length} open, ${count("accepted")} accepted, ${count("rejected")} rejected, ` +
    `${count("unsure")} unsure, ${count("added")} added`;
  const { signed_off: signed } = state;
  at("sign").hidden = Boolean(signed);
  at("sign").classList.toggle("waits", state.open.length > 0);
  at("sign").textContent = state.open.length ? `Sign off: ${state.open.length} open` : "Sign off";
  at("reopen").hidden = !signed;
  at("open").textContent = signed
    ? `Signed off by ${signed.who}, ${new Date(signed.time).toLocaleString()}.`
    : state.open.length
      ? `To be decided before: ${state.open.join(", ")}`
      : "Every suggestion above the threshold is decided.";
  at("review").dataset.last = state.last; // what a test waits for
  if (!held.isConnected || held.hidden || held.disabled) keepFocus(held, signed);
}

/** What had the focus is gone: the focus goes to what stands in its place. */
function keepFocus(held, signed) {
  const place = [at("sign"), at("reopen")].includes(held)
    ? at(signed ? "reopen" : "sign")
    : rows.code && rows.row(rows.code).querySelector(".pick");
  if (place) place.focus();
}

/** Do something when all before it is done; not if something before it was not recorded. */
function next(work) {
  const mine = round;
  line = line.then(() => (mine === round ? work() : null)).catch((error) => tell(error.message));
  return line;
}

/** Put a decision into the record, and give whether it is there. */
async function decide(decision, code = null, marked = []) {
  const who = coder();
  if (!who) return false;
  const places = marked.map(({ begin, end, view }) => ({ begin, end, view }));
  const asked = { who, decision, code, marked: places, seen: rows.state.last };
  try {
    const { status, body } = await ask(address("decisions"), asked, 409);
    if (status === 409) {
      round += 1;
      tell("Somebody decided about this note in the meantime; yours was not recorded. Look again.");
    } else {
      tell("");
      rows.pending.delete(code);
      channel.postMessage(key);
    }
    update(body);
    return status !== 409;
  } catch (error) {
    round += 1;
    tell(error.message);
    return false;
  }
}

async function judge(decision, code) {
  if (!code || rows.state.signed_off) return;
  const entry = rows.state.codes[code];
  const isSame = entry?.decision === decision && !rows.pending.has(code);
  if (decision === "undone" ? !entry : isSame) return;
  await decide(decision, code, decision === "undone" ? [] : rows.marked(code));
}

/** Undo the latest decision that stands. */
async function undo() {
  const codes = Object.entries(rows.state.codes).sort(([, a], [, b]) => b.number - a.number);
  if (codes.length) await judge("undone", codes[0][0]);
}

/** Mark a stretch as evidence for a code. */
async function mark(place, code) {
  if (!place) return tell("Select some text of the note first, or find some.");
  if (!code || rows.state.signed_off) return;
  const decision = rows.state.codes[code]?.decision;
  if (decision && decision !== "rejected") {
    await decide(decision, code, [...rows.marked(code), place]);
  } else {
    rows.pending.set(code, [...(rows.pending.get(code) ?? []), place]);
    if (code === rows.code) rows.select(code);
  }
}

function markSelected() {
  const [place, code] = [texts.selected() ?? find.current, rows.code];
  getSelection().removeAllRanges();
  next(() => mark(place, code));
}

async function choose({ code }) {
  const decision = rows.state.codes[code]?.decision;
  if (decision === "accepted" || decision === "added") tell(`${code} is ${decision} already.`);
  else if (!(await decide("added", code, rows.marked(code)))) return;
  rows.select(code, { focus: true });
}

async function refresh() {
  update((await ask(address("state"))).body);
}

const add = new Add(`/codebook${query}`, (one) => next(() => choose(one)));
const press = (decision, code = rows.code) => next(() => judge(decision, code));
const acts = {
  a: () => press("accepted"),
  r: () => press("rejected"),
  u: () => press("unsure"),
  z: () => next(undo),
  j: () => rows.step(1),
  k: () => rows.step(-1),
  e: () => rows.next(),
  m: markSelected,
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
  if (button?.dataset.decision) press(button.dataset.decision, row.dataset.code);
});
for (const button of document.querySelectorAll("[data-begin]")) {
  const { view } = texts.all[Number(button.dataset.text)];
  const begin = Number(button.dataset.begin);
  button.addEventListener("click", () => texts.show({ begin, end: begin + 1, view }));
}
// A press would take the selection from the note.
at("mark").addEventListener("mousedown", (event) => event.preventDefault());
at("mark").addEventListener("click", markSelected);
at("sign").addEventListener("click", () => next(async () => {
  const [first] = rows.state.open;
  if (first) rows.select(first, { focus: true });
  else await decide("signed_off");
}));
at("reopen").addEventListener("click", () => next(() => decide("reopened")));
channel.addEventListener("message", ({ data }) => data === key && next(refresh));
document.addEventListener("visibilitychange", () => document.hidden || next(refresh));

texts.set("unread", texts.all.filter(({ unread }) => unread !== null).map(({ view, unread, text }) => (
  { begin: unread, end: [...text].length, view }
)));
update(given.state);
at("review").dataset.ready = "yes"; // likewise

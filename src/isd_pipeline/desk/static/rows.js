// The codes on the page: which is selected, what was decided about each, where its evidence is.

import { line } from "./add.js";

const SAID = {
  accepted: "accepted", rejected: "rejected", unsure: "unsure", added: "added",
};

export class Rows {
  /** `evidence` are the stretches of each code; `go` is told of one that was chosen. */
  constructor(texts, evidence, go) {
    this.texts = texts;
    this.evidence = evidence;
    this.go = go;
    this.codes = document.querySelector(".codes");
    this.added = document.querySelector("#added .rows");
    this.state = { codes: {}, open: [], last: 0, signed_off: null };
    this.pending = new Map(); // stretches that were marked for a code that is not decided yet
    this.code = null;
    this.at = -1;
  }

  /** All rows in their order; those of a closed fold only where they are asked for. */
  all(folded = false) {
    const rows = [...this.codes.querySelectorAll(".row")];
    return rows.filter((row) => folded || !row.closest("details:not([open])"));
  }

  row(code) {
    return this.all(true).find((row) => row.dataset.code === code) ?? null;
  }

  /** What is marked for a code, in the record or not yet. */
  marked(code) {
    return [...(this.state.codes[code]?.marked ?? []), ...(this.pending.get(code) ?? [])];
  }

  /** Show where the review stands. */
  update(state) {
    this.state = state;
    for (const row of [...this.added.children]) {
      if (!(row.dataset.code in state.codes)) row.remove();
    }
    for (const [code, of] of Object.entries(state.codes)) {
      if (!this.row(code)) this.#add(code, of.title);
    }
    document.getElementById("added").hidden = !this.added.childElementCount;
    for (const row of this.all(true)) this.#decided(row, state.codes[row.dataset.code]);
    if (!this.code || !this.row(this.code)) this.select(this.all()[0]?.dataset.code ?? null);
    else this.#draw();
  }

  #add(code, title) {
    const row = document.getElementById("added-row").content.firstElementChild.cloneNode(true);
    row.dataset.code = code;
    row.querySelector(".code").textContent = code;
    row.querySelector(".title").textContent = title;
    row.querySelector(".acts").setAttribute("aria-label", `Decision about ${code}`);
    this.added.append(row);
  }

  #decided(row, entry) {
    row.dataset.decision = entry?.decision ?? "";
    for (const button of row.querySelectorAll("[aria-pressed]")) {
      button.setAttribute("aria-pressed", String(button.dataset.decision === entry?.decision));
    }
    const isSigned = Boolean(this.state.signed_off);
    for (const button of row.querySelectorAll(".acts button")) button.disabled = isSigned;
    row.querySelector(".undo").hidden = !entry;
    const at = entry && new Date(entry.time).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
    row.querySelector(".by").textContent = entry ? `${SAID[entry.decision]} by ${entry.who}, ${at}` : "";
  }

  /** Select a code: its evidence is shown in the note. */
  select(code, { focus = false, show = false } = {}) {
    const row = code && this.row(code);
    for (const other of this.all(true)) {
      const isThis = other === row;
      other.classList.toggle("selected", isThis);
      other.querySelector(".more").hidden = !isThis;
      const pick = other.querySelector(".pick");
      if (isThis) pick.setAttribute("aria-current", "true");
      else pick.removeAttribute("aria-current");
    }
    this.code = row ? code : null;
    this.at = -1;
    if (row) row.closest("details")?.setAttribute("open", "");
    this.#draw();
    if (row && focus) row.querySelector(".pick").focus();
    if (row && show) this.next();
  }

  /** Select the code so many rows further. */
  step(by) {
    const rows = this.all();
    const place = rows.findIndex((row) => row.dataset.code === this.code);
    const next = rows[Math.min(rows.length - 1, Math.max(0, place + by))];
    if (next) this.select(next.dataset.code, { focus: true });
  }

  /** The stretches of the selected code, those that were marked first. */
  places() {
    return this.code ? [...this.marked(this.code), ...(this.evidence[this.code] ?? [])] : [];
  }

  /** Go to the next stretch. */
  next() {
    const places = this.places();
    if (!places.length) return;
    this.at = (this.at + 1) % places.length;
    this.texts.set("now", [places[this.at]]);
    this.texts.paint();
    this.go(places[this.at]);
  }

  #draw() {
    const own = this.code ? this.marked(this.code) : [];
    const shown = this.code ? (this.evidence[this.code] ?? []) : [];
    for (const strength of [1, 2, 3, 4]) {
      this.texts.set(`evidence-${strength}`, shown.filter((one) => one.strength === strength));
    }
    const others = Object.entries(this.evidence).filter(([code]) => code !== this.code);
    this.texts.set("other", others.flatMap(([code, places]) => (this.#counts(code) ? places : [])));
    this.texts.set("cue", shown.flatMap(({ context, view }) => context.map((cue) => ({ ...cue, view }))));
    this.texts.set("own", own);
    this.texts.set("now", []);
    this.texts.paint();
    const row = this.code && this.row(this.code);
    if (row) this.#list(row, own, shown);
  }

  /** Whether another code's evidence is underlined: above the threshold, or decided for. */
  #counts(code) {
    const row = this.row(code);
    return row && (!row.closest("#below") || ["accepted", "added"].includes(row.dataset.decision));
  }

  #list(row, own, shown) {
    const list = row.querySelector(".evidence");
    const items = [...own.map((place) => ({ ...place, own: true })), ...shown];
    list.replaceChildren(...items.map((place, n) => this.#item(place, n)));
    list.hidden = !items.length;
    const waiting = this.pending.get(this.code)?.length ?? 0;
    const marks = row.querySelector(".marks");
    marks.hidden = !waiting;
    marks.textContent = waiting ? `${waiting} marked by you; recorded with your decision. ` : "";
    if (waiting) marks.append(this.#clear());
  }

  #clear() {
    const button = line("button", "", "Drop");
    button.type = "button";
    button.addEventListener("click", () => {
      this.pending.delete(this.code);
      this.#draw();
    });
    return button;
  }

  #item(place, n) {
    const { before, inside, behind } = this.texts.quote(place);
    const button = line("button", "quote", before);
    button.type = "button";
    button.append(line("b", place.own ? "own" : `evidence-${place.strength}`, inside), behind);
    for (const cue of place.context ?? []) {
      const sign = this.texts.quote({ ...cue, view: place.view }).inside;
      button.append(" ", line("span", "warning", `${cue.kind}: ${sign}`));
    }
    if (place.section) button.append(" ", line("span", "section", place.section.replaceAll("_", " ")));
    button.addEventListener("click", () => {
      this.at = n - 1;
      this.next();
    });
    const item = document.createElement("li");
    item.append(button);
    return item;
  }
}

// Finding words in the note.

const MOST = 1000; // hits

export class Find {
  constructor(texts) {
    this.texts = texts;
    this.words = document.getElementById("find-words");
    this.count = document.getElementById("find-count");
    this.hits = [];
    this.at = -1;
    this.words.addEventListener("input", () => this.search());
    document.getElementById("find").addEventListener("submit", (event) => {
      event.preventDefault();
      this.move(1);
    });
    document.getElementById("find-before").addEventListener("click", () => this.move(-1));
    this.words.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.clear();
    });
  }

  /** What was found and is looked at. */
  get current() {
    return this.hits[this.at] ?? null;
  }

  search() {
    const words = this.words.value.trim();
    this.hits = words ? this.texts.all.flatMap((one) => hitsIn(one, words)).slice(0, MOST) : [];
    this.at = -1;
    this.move(this.hits.length ? 1 : 0);
  }

  move(step) {
    if (this.hits.length) this.at = (this.at + step + this.hits.length) % this.hits.length;
    this.count.textContent = this.words.value.trim() ? `${this.at + 1} of ${this.hits.length}` : "";
    this.texts.set("found", this.hits);
    this.texts.set("now", this.current ? [this.current] : []);
    this.texts.paint();
    if (this.current) this.texts.show(this.current);
  }

  clear() {
    this.words.value = "";
    this.search();
    this.words.blur();
  }
}

/** Where words stand in a text, in either case, whatever blanks part them. */
function hitsIn({ text, offsets, view }, words) {
  const escaped = words.split(/\s+/).map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  return [...text.matchAll(new RegExp(escaped.join("\\s+"), "giu"))].map((hit) => ({
    begin: offsets.toPoint(hit.index),
    end: offsets.toPoint(hit.index + hit[0].length, true),
    view,
  }));
}

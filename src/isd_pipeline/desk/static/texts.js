// The note itself: one text node for each of its texts, and what is marked in it.
//
// Marks are ranges of the CSS Custom Highlight API, so that the note stays plain text and stretches
// may overlap. A browser without it gets <mark> elements around pieces of text; nothing of a note
// is ever parsed as HTML.

import { Offsets } from "./offsets.js";

// What lies above what.
const LAYERS = [
  "unread", "other", "cue", "evidence-1", "evidence-2", "evidence-3", "evidence-4", "own", "found",
  "now",
];
const AROUND = 28; // units shown before and behind a stretch, less a word that is cut

export class Texts {
  /** `given` are the texts of the service, `elements` where they go. */
  constructor(given, elements) {
    this.all = given.map(({ view, text, unread }, n) => {
      elements[n].textContent = text;
      return { view, text, unread, element: elements[n], offsets: new Offsets(text) };
    });
    this.layers = new Map();
  }

  of(view) {
    return this.all.find((one) => one.view === (view ?? null)) ?? this.all[0];
  }

  /** Show stretches, each {begin, end, view} in code points, as a layer. */
  set(layer, places) {
    this.layers.set(layer, places);
  }

  /** Draw all layers. */
  paint() {
    if (!CSS.highlights) {
      for (const one of this.all) this.#paintMarks(one);
      return;
    }
    for (const [priority, layer] of LAYERS.entries()) {
      const places = this.layers.get(layer) ?? [];
      const highlight = new Highlight(...places.map((place) => this.range(place)));
      highlight.priority = priority;
      CSS.highlights.set(layer, highlight);
    }
  }

  /** The same as elements: borders of all stretches cut the text, each piece has its layers. */
  #paintMarks(one) {
    const here = [...this.layers].flatMap(([layer, places]) =>
      places
        .filter((place) => this.of(place.view) === one)
        .map((place) => ({ layer, ...this.units(place) })),
    );
    const borders = [0, one.text.length, ...here.flatMap(({ begin, end }) => [begin, end])];
    const cuts = [...new Set(borders)].sort((a, b) => a - b);
    const pieces = cuts.slice(1).map((end, n) => {
      const layers = here.filter((of) => of.begin <= cuts[n] && end <= of.end);
      const text = one.text.slice(cuts[n], end);
      if (!layers.length) return text;
      const mark = document.createElement("mark");
      mark.className = layers.map((of) => of.layer).join(" ");
      mark.textContent = text;
      return mark;
    });
    one.element.replaceChildren(...pieces);
  }

  /** A stretch in UTF-16 units. */
  units({ begin, end, view }) {
    const { offsets } = this.of(view);
    return { begin: offsets.toUnit(begin), end: offsets.toUnit(end) };
  }

  /** A stretch as a range of the document. */
  range(place) {
    const { begin, end } = this.units(place);
    const { element } = this.of(place.view);
    const range = new Range();
    range.setStart(...spot(element, begin));
    range.setEnd(...spot(element, end));
    return range;
  }

  /** What stands in a stretch, and around it. */
  quote(place) {
    const { text } = this.of(place.view);
    const { begin, end } = this.units(place);
    const from = Math.max(0, begin - AROUND);
    const to = Math.min(text.length, end + AROUND);
    const before = from ? text.slice(from, begin).replace(/^\S*\s?/, "…") : text.slice(0, begin);
    const behind = text.slice(end, to);
    return {
      before,
      inside: text.slice(begin, end),
      behind: to < text.length ? behind.replace(/\s?\S*$/, "…") : behind,
    };
  }

  /** Bring a stretch into view, a third from above. */
  show(place) {
    const { element } = this.of(place.view);
    const top = this.range(place).getBoundingClientRect().top - element.getBoundingClientRect().top;
    element.scrollTo({ top: element.scrollTop + top - element.clientHeight / 3 });
    const { top: above, bottom: below } = element.getBoundingClientRect();
    if (below <= 0 || above >= innerHeight) element.scrollIntoView({ block: "nearest" });
  }

  /** What is selected in a text, without the blanks around it; null for nothing. */
  selected() {
    const selection = getSelection();
    if (!selection.rangeCount || selection.isCollapsed) return null;
    const range = selection.getRangeAt(0);
    const one = this.all.find(({ element }) => element.contains(range.commonAncestorContainer));
    if (!one) return null;
    const upTo = new Range();
    upTo.selectNodeContents(one.element);
    upTo.setEnd(range.startContainer, range.startOffset);
    const first = upTo.toString().length;
    const text = range.toString();
    const begin = first + text.length - text.trimStart().length;
    const end = first + text.trimEnd().length;
    if (begin >= end) return null;
    const { offsets, view } = one;
    return { begin: offsets.toPoint(begin), end: offsets.toPoint(end, true), view };
  }
}

/** The text node in which a unit stands, and where in it. */
function spot(element, unit) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let left = unit;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (left <= node.length) return [node, left];
    left -= node.length;
  }
  return [element, element.childNodes.length];
}

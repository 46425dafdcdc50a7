// Adding a code that was not suggested: by words, or down the chapters.

import { ask, tell } from "./wire.js";

const WAIT = 150; // milliseconds without a key before a search

export class Add {
  /** `path` is where the code book is asked, `choose` what is done with a code. */
  constructor(path, choose) {
    this.path = path;
    this.choose = choose;
    this.input = document.getElementById("add");
    this.list = document.getElementById("add-list");
    this.found = [];
    this.at = -1;
    this.input.addEventListener("input", () => this.#later());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.input.addEventListener("blur", () => this.close());
    // A press would take the focus from the field, and close the list before the click.
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    for (const chapter of document.querySelectorAll("#browse details")) this.#open(chapter);
  }

  #later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#search(), WAIT);
  }

  async #search() {
    const words = this.input.value.trim();
    if (!words) return this.close();
    const found = await this.#ask({ words });
    if (found && words === this.input.value.trim()) this.#show(found.codes);
  }

  async #ask(value) {
    try {
      return (await ask(this.path, value)).body;
    } catch (error) {
      tell(error.message);
      return null;
    }
  }

  #show(codes) {
    this.found = codes;
    this.at = codes.length ? 0 : -1;
    this.list.replaceChildren(...codes.map((one, n) => this.#option(one, n)));
    if (!codes.length) this.list.append(line("li", "none", "No code of the model has these words."));
    if (!codes.length) this.list.lastChild.setAttribute("role", "option");
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.#point();
  }

  #option(one, n) {
    const option = line("li", "", "");
    option.id = `add-${n}`;
    option.setAttribute("role", "option");
    option.append(line("span", "path", `${one.chapter} › ${one.category}`));
    option.append(line("span", "code", one.code), ` ${called(one)}`);
    option.addEventListener("click", () => this.#take(n));
    return option;
  }

  #point() {
    for (const [n, option] of [...this.list.children].entries()) {
      option.setAttribute("aria-selected", String(n === this.at));
      if (n === this.at) option.scrollIntoView({ block: "nearest" });
    }
    if (this.at < 0) this.input.removeAttribute("aria-activedescendant");
    else this.input.setAttribute("aria-activedescendant", `add-${this.at}`);
  }

  #key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key === "Escape") {
      this.input.value = "";
      this.close();
      this.input.blur();
    } else if (event.key in steps && this.found.length) {
      event.preventDefault();
      this.at = (this.at + steps[event.key] + this.found.length) % this.found.length;
      this.#point();
    } else if (event.key === "Enter" && this.at >= 0) {
      event.preventDefault();
      this.#take(this.at);
    }
  }

  #take(n) {
    const one = this.found[n];
    this.input.value = "";
    this.close();
    this.choose(one);
  }

  close() {
    clearTimeout(this.timer);
    this.found = [];
    this.at = -1;
    this.list.hidden = true;
    this.list.replaceChildren();
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  /** Ask what stands below a chapter or a category when it is opened for the first time. */
  #open(details) {
    details.addEventListener("toggle", async () => {
      if (!details.open || details.childElementCount > 1) return;
      const { chapter, category } = details.dataset;
      const found = await this.#ask(category ? { chapter, category } : { chapter });
      if (found?.categories) this.#categories(details, found.categories);
      if (found?.codes) this.#codes(details, found.codes);
    });
  }

  #categories(details, categories) {
    for (const [category, title] of Object.entries(categories)) {
      const inner = document.createElement("details");
      Object.assign(inner.dataset, { chapter: details.dataset.chapter, category });
      inner.append(line("summary", "", `${category} ${title}`));
      this.#open(inner);
      details.append(inner);
    }
  }

  #codes(details, codes) {
    for (const one of codes) {
      const button = line("button", "leaf", "");
      button.type = "button";
      button.append(line("span", "code", one.code), ` ${called(one)}`);
      button.addEventListener("click", () => this.choose(one));
      details.append(button);
    }
  }
}

/** The title of a code; of one that has none of its own, whose it is. */
function called(one) {
  return one.title_of ? `${one.title} (title of ${one.title_of})` : one.title;
}

/** An element with a class and a text. */
export function line(tag, kind, text) {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  element.textContent = text;
  return element;
}

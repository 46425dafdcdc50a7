"use strict";
// Points at the evidence of one code: by mouse, by keyboard or by a tap. Without this script every
// code still has its words beside it, and the note its marks.

// Scrolls the note in its own box, where it has one, and never the page.
function bringInto(box, mark) {
  const [outer, inner] = [box, mark].map((one) => one.getBoundingClientRect());
  if (inner.top < outer.top || inner.bottom > outer.bottom) {
    box.scrollTop += inner.top - outer.top - outer.height / 3;
  }
}

for (const note of document.querySelectorAll("section")) {
  const marks = [...note.querySelectorAll("[data-codes]")];
  const codes = [...note.querySelectorAll("[data-code]")];
  let kept = null; // the code that was clicked

  function point(code) {
    note.classList.toggle("pointing", code !== null);
    for (const other of codes) other.classList.toggle("pointed", other.dataset.code === code);
    for (const mark of marks) {
      mark.classList.toggle("pointed", mark.dataset.codes.split(" ").includes(code));
    }
  }

  function keep(code) {
    kept = kept === code ? null : code;
    for (const other of codes) {
      const button = other.querySelector("button");
      if (button) button.setAttribute("aria-pressed", String(other.dataset.code === kept));
    }
    point(kept);
    const first = note.querySelector(".note .pointed");
    if (kept !== null && first) bringInto(first.closest(".whole"), first);
  }

  for (const row of codes) {
    const code = row.dataset.code;
    const label = row.querySelector(".code");
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    button.title = "Mark its evidence in the note";
    button.append(...label.childNodes);
    label.append(button);
    button.addEventListener("click", (event) => {
      event.stopPropagation();
      keep(code);
    });
    button.addEventListener("focus", () => point(code));
    button.addEventListener("blur", () => point(kept));
    row.addEventListener("mouseenter", () => point(code));
    row.addEventListener("mouseleave", () => point(kept));
  }
}

"use strict";
// Without this script all is still there: tables in their own order, sections opened one by one.

const SECTIONS = [...document.querySelectorAll("main > details")];

function numberIn(cell) {
  const text = cell.textContent.trim().replaceAll(",", "").replaceAll("\u2212", "-");
  const found = /^[+-]?\d+(\.\d+)?/.exec(text);
  return found ? Number(found[0]) : null;
}

function before(a, b, column) {
  const [x, y] = [a, b].map((row) => row.cells[column]);
  const [m, n] = [x, y].map(numberIn);
  if (m !== null && n !== null) return n - m; // the largest number first
  if (m !== null || n !== null) return m === null ? 1 : -1;
  return x.textContent.localeCompare(y.textContent);
}

function sort(table, head, column) {
  const body = table.tBodies[0];
  const again = head.getAttribute("aria-sort") === "descending";
  const rows = [...body.rows].filter((row) => !row.classList.contains("size"));
  rows.sort((a, b) => (again ? -1 : 1) * before(a, b, column));
  body.append(...rows);
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", again ? "ascending" : "descending");
}

for (const table of document.querySelectorAll("table")) {
  if (!table.tHead || table.tBodies[0].rows.length < 3) continue;
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, head, column));
    head.append(button);
  });
}

function openTarget() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target && target.tagName === "DETAILS") target.open = true;
}

function openAll(open) {
  for (const section of SECTIONS) section.open = open;
}

const all = document.getElementById("open-all");
all.hidden = false;
all.addEventListener("click", () => {
  const open = !SECTIONS.every((section) => section.open);
  openAll(open);
  all.textContent = open ? "Close all sections" : "Open all sections";
});
addEventListener("hashchange", openTarget);
addEventListener("beforeprint", () => openAll(true));
openTarget();

"use strict";

/** A shape and a colour for each name. Seven shapes and eight colours have no common divisor, so 56 names differ in one or the other. */
function seriesMarks(names) {
  const SHAPES = [
    "M10 1a9 9 0 1 0 0 18a9 9 0 1 0 0-18z",
    "M10 0L20 10L10 20L0 10z",
    "M10 1L20 18.5H0z",
    "M1.5 1.5H18.5V18.5H1.5z",
    "M10 19L0 1.5H20z",
    "M7 0H13V7H20V13H13V20H7V13H0V7H7z",
    "M0 1L10 7L20 1V19L10 13L0 19z",
  ];
  const COLOURS = 8;
  return {
    shape: (name) => SHAPES[names.indexOf(name) % SHAPES.length],
    colourVariable: (name) => `--series-${names.indexOf(name) % COLOURS}`,
  };
}

/** Fills the legend with a button for each name that hides what it stands for. */
function buildLegend(names, marks, hidden, title, changed) {
  for (const name of names) {
    const glyph = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    glyph.setAttribute("viewBox", "0 0 20 20");
    glyph.setAttribute("aria-hidden", "true");
    path.setAttribute("d", marks.shape(name));
    path.style.fill = `var(${marks.colourVariable(name)})`;
    glyph.append(path);
    const button = document.createElement("button");
    button.append(glyph, name);
    button.type = "button";
    button.title = title(name);
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      const shown = hidden.delete(name);
      if (!shown) {
        hidden.add(name);
      }
      button.setAttribute("aria-pressed", String(shown));
      changed();
    });
    document.getElementById("legend").append(button);
  }
}

/**
 * Makes the page's table sort and filter, and its record and command be taken away.
 * @param filtered is told which texts match the filter
 * @param entered and left are told which row the pointer is on
 * @param file the record's name when it is saved
 */
function recordTable({ filtered, entered, left, file }) {
  const body = document.querySelector("tbody");
  const rows = [...body.rows];
  const headings = [...document.querySelectorAll("thead th")];

  function sortBy(heading) {
    const column = headings.indexOf(heading);
    const numeric = heading.classList.contains("number");
    const before = heading.getAttribute("aria-sort");
    const order = before === null ? heading.dataset.first : before === "ascending" ? "descending" : "ascending";
    const sign = order === "ascending" ? 1 : -1;
    const value = (row) => row.cells[column].dataset.value;
    const compare = (a, b) => {
      if (value(a) === "" || value(b) === "") {
        return (value(a) === "") - (value(b) === ""); // What was not measured comes last in either order.
      }
      return sign * (numeric ? value(a) - value(b) : value(a).localeCompare(value(b), "en", { numeric: true }));
    };
    headings.forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", order);
    body.append(...rows.sort(compare));
  }

  function filter(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = (searched) => words.every((word) => searched.toLowerCase().includes(word));
    for (const row of rows) {
      row.hidden = !matches(row.dataset.search);
    }
    const shown = rows.filter((row) => !row.hidden).length;
    document.getElementById("count").textContent = words.length ? `${shown} of ${rows.length}` : "";
    filtered(matches);
  }

  for (const heading of headings) {
    heading.querySelector("button").addEventListener("click", () => sortBy(heading));
  }
  for (const row of rows) {
    row.addEventListener("mouseenter", () => entered(Number(row.dataset.row)));
    row.addEventListener("mouseleave", () => left(Number(row.dataset.row)));
  }
  const input = document.getElementById("filter");
  input.closest("label").hidden = false;
  input.addEventListener("input", () => filter(input.value));

  const copy = document.getElementById("copy");
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById("command").textContent);
    copy.textContent = "Copied";
  });
  const save = document.getElementById("save");
  const json = document.getElementById("record").textContent;
  save.href = URL.createObjectURL(new Blob([json], { type: "application/json" }));
  save.download = file;
  save.hidden = false;

  return {
    /** Brings a row into view and marks it. */
    show(index) {
      const row = rows.find((candidate) => candidate.dataset.row === String(index));
      rows.forEach((other) => other.classList.toggle("found", other === row));
      row.scrollIntoView({ block: "center" });
    },
  };
}

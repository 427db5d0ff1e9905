"use strict";
(() => {
  const table = document.querySelector("table.board");
  const [body, rest] = table.tBodies;
  let rows = Array.from(table.querySelectorAll("tbody tr"), (row, place) => ({
    row, place, badge: row.dataset.b, words: row.cells[0].textContent.toLowerCase(), keys: [],
  }));
  const status = document.querySelector("#status");
  const collator = new Intl.Collator("en", { numeric: true });
  const heads = Array.from(table.tHead.rows[0].cells);

  // What a cell sorts by: its data-v, or its text; null where it has nothing to say.
  function key(entry, column, numeric) {
    if (!(column in entry.keys)) {
      const cell = entry.row.cells[column];
      const text = cell.dataset.v ?? cell.textContent.trim();
      const number = parseFloat(text);
      entry.keys[column] = numeric ? (Number.isNaN(number) ? null : number) : text;
    }
    return entry.keys[column];
  }

  function sort(column, direction) {
    const numeric = heads[column].dataset.kind !== "text";
    const sign = direction === "ascending" ? 1 : -1;
    const order = rows.slice().sort((a, b) => {
      const x = key(a, column, numeric), y = key(b, column, numeric);
      if (x === null || y === null) {
        return (x === null) - (y === null) || a.place - b.place;
      }
      return sign * (numeric ? x - y : collator.compare(x, y)) || a.place - b.place;
    });
    rows = order;
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", direction);
    table.dataset.order =
      heads[column].dataset.kind === "rank" && direction === "ascending" ? "rank" : "";
    show(`Sorted by ${heads[column].textContent.trim()}, ${direction}. `);
  }

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const first = head.dataset.first ?? "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      sort(column, head.getAttribute("aria-sort") === first ? other : first);
    });
  });

  const text = document.querySelector("#words");
  const badge = document.querySelector("#badge");
  const all = document.querySelector("#all");
  let most = Number(table.dataset.most);
  function show(before = "") {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fitting = rows.filter((entry) => (badge.value === "" || entry.badge === badge.value) &&
      words.every((word) => entry.words.includes(word)));
    const shown = fitting.slice(0, most);
    // The others leave the page: a browser works on hidden rows too, for seconds.
    body.replaceChildren(...shown.map((entry) => entry.row));
    all.hidden = fitting.length <= most;
    status.textContent = before + (fitting.length === shown.length || fitting.length === rows.length
      ? `${shown.length} of ${rows.length} shown.`
      : `${shown.length} of ${fitting.length} that fit shown, of ${rows.length}.`);
  }
  text.addEventListener("input", () => show());
  badge.addEventListener("change", () => show());
  all.addEventListener("click", () => {
    most = Infinity;
    show();
    table.parentElement.focus(); // the button is gone
  });
  document.querySelector(".tools").hidden = false;
  rest?.remove(); // its rows come back when their turn comes
  show(); // a browser restores what was typed
})();

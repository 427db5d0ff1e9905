"use strict";
(() => {
  const table = document.querySelector("table.board");
  const [body, rest] = table.tBodies;
  const heads = Array.from(table.tHead.rows[0].cells);
  const names = heads.map((head) => head.textContent.trim());
  names[heads.findIndex((head) => head.dataset.kind === "plot")] = "Plot";
  const sizes = names.indexOf("Parameters");
  const rows = Array.from(table.querySelectorAll("tbody tr"), (row, place) => ({
    row, place, badge: row.dataset.b, group: row.dataset.g, reads: row.dataset.r.split(" "),
    name: row.cells[0].querySelector("a").textContent, keys: [],
    privileged: row.querySelector(".privileged") !== null,
  }));
  rows.forEach((entry) => { entry.words = entry.name.toLowerCase(); });
  const byId = (id) => document.querySelector(`#${id}`);
  const [status, all, pair, tools] = ["status", "all", "pair"].map(byId).concat(
    document.querySelector(".tools"));
  const fields = { words: byId("words"), group: byId("group"), reads: byId("reads"),
    size: byId("size"), badge: byId("badge"), against: byId("against") };
  const collator = new Intl.Collator("en", { numeric: true });
  const metric = table.dataset.metric;
  const higher = table.dataset.better === "higher";
  const pairs = new Map(JSON.parse(byId("pairs").textContent).map(
    ([a, b, ...found]) => [`${a} ${b}`, found]));
  const wide = matchMedia("(min-width: 40rem)"); // no phone
  let most = Number(table.dataset.most);
  let order = { column: names.indexOf("Rank"), direction: "ascending" };
  let picked = [];
  let hidden = new Set();

  // What a cell sorts by: its data-v, or its text; null where it has nothing to say.
  function key(entry, column) {
    if (!(column in entry.keys)) {
      const cell = entry.row.cells[column];
      const text = cell.dataset.v ?? cell.textContent.trim();
      const number = parseFloat(text.replace(/,/g, "").replace("−", "-"));
      entry.keys[column] = heads[column].dataset.kind === "text" ? text :
        (Number.isNaN(number) ? null : number);
    }
    return entry.keys[column];
  }

  function sorted() {
    const { column, direction } = order;
    const sign = direction === "ascending" ? 1 : -1;
    const compare = heads[column].dataset.kind === "text" ? collator.compare : (x, y) => x - y;
    return rows.toSorted((a, b) => {
      const x = key(a, column), y = key(b, column);
      if (x === null || y === null) {
        return (x === null) - (y === null) || a.place - b.place;
      }
      return sign * compare(x, y) || a.place - b.place;
    });
  }

  function fits(entry, words) {
    const count = key(entry, sizes);
    return (!fields.badge.value || entry.badge === fields.badge.value) &&
      (!fields.group.value || entry.group === fields.group.value) &&
      (!fields.reads.value || entry.reads.includes(fields.reads.value)) &&
      (!fields.size.value || (count !== null && count <= Number(fields.size.value))) &&
      words.every((word) => entry.words.includes(word));
  }

  function show(before = "") {
    const words = fields.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fitting = sorted().filter((entry) => fits(entry, words));
    const shown = fitting.slice(0, most);
    shown.forEach(tick);
    // The others leave the page: a browser works on hidden rows too, for seconds.
    body.replaceChildren(...shown.map((entry) => entry.row));
    all.hidden = fitting.length <= most;
    status.textContent = before + (fitting.length === shown.length || fitting.length === rows.length
      ? `${shown.length} of ${rows.length} shown.`
      : `${shown.length} of ${fitting.length} that fit shown, of ${rows.length}.`);
    scatter(shown);
  }

  function mark() {
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[order.column].setAttribute("aria-sort", order.direction);
    table.dataset.order =
      heads[order.column].dataset.kind === "rank" && order.direction === "ascending" ? "rank" : "";
  }

  heads.forEach((head, column) => {
    if (head.dataset.kind === "plot") return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const first = head.dataset.first ?? "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      order = { column, direction: head.getAttribute("aria-sort") === first ? other : first };
      mark();
      show(`Sorted by ${names[column]}, ${order.direction}. `);
      remember();
    });
  });

  // Two rows that are ticked are compared: row a minus row b, on the same users.
  function tick(entry) {
    if (entry.box) return;
    const box = Object.assign(document.createElement("input"), { type: "checkbox" });
    box.setAttribute("aria-label", `Compare ${entry.name}`);
    box.checked = picked.includes(entry.place);
    box.addEventListener("change", () => {
      picked = picked.filter((place) => place !== entry.place);
      if (box.checked) picked = [...picked, entry.place].slice(-2);
      compare();
      remember();
    });
    entry.box = box;
    entry.row.cells[0].prepend(box);
  }

  function compare() {
    rows.forEach((entry) => {
      const on = picked.includes(entry.place);
      if (entry.box) entry.box.checked = on;
      entry.row.classList.toggle("picked", on);
    });
    pair.hidden = picked.length === 0;
    if (picked.length < 2) {
      pair.textContent = picked.length ? `Tick another row to compare it with ${rows[picked[0]].name}.` : "";
      return;
    }
    const [a, b] = picked.toSorted((x, y) => x - y);
    const found = pairs.get(`${a} ${b}`);
    const title = document.createElement("b");
    title.textContent = `${rows[a].name} − ${rows[b].name}`;
    if (found === undefined) {
      pair.replaceChildren(title, a < table.dataset.paired && b < table.dataset.paired ?
        ": no comparison, one of them was not scored again on the same instances." :
        `: only the first ${table.dataset.paired} rows are compared on this page.`);
      return;
    }
    const signed = (value) => {
      const shown = value.toFixed(4);  // one that prints as 0 has no sign
      return Number(shown) === 0 ? (0).toFixed(4) : (value > 0 ? "+" : "") + shown.replace("-", "−");
    };
    const [value, low, high] = found;
    const bounds = low === null ? "no interval" : `95% interval ${signed(low)} to ${signed(high)}`;
    const better = (value > 0) === higher ? a : b;
    const verdict = low === null ? "" : low > 0 || high < 0 ? `${rows[better].name} is better.` :
      "The interval holds 0: these users do not tell them apart.";
    pair.replaceChildren(title, `: ${metric} ${signed(value)}, ${bounds}. ${verdict} `,
      Object.assign(document.createElement("small"), { textContent:
        "Paired by user, for this pair alone; ranks test all pairs at once, so they say less." }));
  }

  // Columns that can be left out.
  names.forEach((name, column) => {
    if (!column) return;
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
    const label = document.createElement("label");
    label.append(box, ` ${name}`);
    byId("columns").append(label);
    box.addEventListener("change", () => {
      hidden[box.checked ? "delete" : "add"](name);
      leaveOut();
      remember();
    });
  });

  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [sheet];
  function leaveOut() {
    const gone = names.flatMap((name, column) => hidden.has(name) ? [`.board :is(th, td):nth-child(${column + 1})`] : []);
    sheet.replaceSync(gone.length ? `${gone.join(", ")} { display: none; }` : "");
    byId("columns").querySelectorAll("input").forEach((box, at) => { box.checked = !hidden.has(names[at + 1]); });
  }

  // The state is in the address, behind the #: a page from the disk has no other place for it.
  const quiet = { words: "", group: "", reads: "", size: "", badge: "", against: "" };
  function remember() {
    const said = new URLSearchParams();
    for (const name of Object.keys(quiet)) {
      if (fields[name].value !== quiet[name]) said.set(name, fields[name].value);
    }
    if (names[order.column] !== "Rank" || order.direction !== "ascending") {
      said.set("sort", `${names[order.column]} ${order.direction}`);
    }
    if (hidden.size) said.set("without", [...hidden].join("|"));
    if (picked.length) said.set("compare", picked.map((place) => place + 1).join(" "));
    const hash = said.toString();
    history.replaceState(null, "", hash ? `#${hash}` : location.href.split("#")[0]);
  }

  function recall() {
    const hash = location.hash.slice(1);
    if (hash && !hash.includes("=")) return; // a heading of this page
    const said = new URLSearchParams(hash);
    for (const [name, none] of Object.entries(quiet)) {
      fields[name].value = said.get(name) ?? none;
      if (fields[name].selectedIndex === -1) fields[name].value = none;
    }
    const [, name, direction] = /^(.*) (ascending|descending)$/.exec(said.get("sort") ?? "") ?? [];
    const column = names.indexOf(name);
    order = column < 0 ? { column: names.indexOf("Rank"), direction: "ascending" } : { column, direction };
    hidden = new Set((said.get("without") ?? "").split("|").filter((n) => names.indexOf(n) > 0));
    picked = (said.get("compare") ?? "").split(" ").map((n) => Number(n) - 1)
      .filter((place, at, all) => place in rows && all.indexOf(place) === at).slice(0, 2);
    leaveOut();
    mark();
    show();
    compare();
  }

  // Score against cost, of the rows that are shown.
  const NS = "http://www.w3.org/2000/svg";
  const score = names.indexOf(metric);
  const costs = heads.flatMap((head, column) => "cost" in head.dataset ? [column] : []);
  costs.forEach((column) => fields.against.append(new Option(names[column])));
  quiet.against = fields.against.value;
  function drawn(name, attributes, text) {
    const made = document.createElementNS(NS, name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // Round values between two logarithms: powers of ten, 1-2-5 times those where they are fewer than
  // three, and evenly spaced ones where an axis is too short for these.
  function costTicks(low, high) {
    const stride = Math.max(1, Math.ceil((high - low) / 6));
    const found = (factors) => {
      const values = [];
      for (let power = Math.floor(low / stride) * stride; power <= high; power += stride) {
        values.push(...factors.map((factor) => factor * 10 ** power));
      }
      return values.filter((value) => low <= Math.log10(value) && Math.log10(value) <= high);
    };
    const round = [[1], [1, 2, 5]].map(found).find((values) => values.length > 2);
    if (round !== undefined) return round;
    const [from, to] = [10 ** low, 10 ** high];
    const step = roundStep((to - from) / 6);
    return Array.from({ length: Math.floor(to / step) - Math.ceil(from / step) + 1 },
      (_, at) => (Math.ceil(from / step) + at) * step);
  }

  function roundStep(rough) {
    const unit = 10 ** Math.floor(Math.log10(rough));
    return [1, 2, 5, 10].map((factor) => factor * unit).find((size) => size >= rough);
  }

  // In as few digits as tell them apart, two at least.
  function tickWords(values) {
    for (let digits = 2; ; digits += 1) {
      const words = values.map((value) => {
        const near = +value.toPrecision(digits);
        return near >= 1e4 || (near && near < 1e-3) ? near.toExponential() : String(near);
      });
      if (digits > 14 || new Set(words).size === values.length) return words;
    }
  }

  function scatter(shown) {
    const column = names.indexOf(fields.against.value);
    const holder = byId("scatter");
    const points = shown.map((entry) => ({ entry, x: key(entry, column), y: key(entry, score) }))
      .filter(({ x, y }) => x !== null && y !== null);
    if (points.length < 2) {
      holder.textContent = "Fewer than two of these rows say what they cost.";
      return;
    }
    // On a phone in its own units: words keep their size, and find room on either side.
    const [width, height, left, bottom, top, right] = wide.matches ? [760, 360, 60, 44, 28, 130]
      : [350, 280, 44, 44, 28, 16];
    // Nothing has a place of its own left of the others, and so has what is next to nothing.
    const costly = Math.max(...points.map(({ x }) => x)) / 1e12;
    const some = points.map(({ x }) => x).filter((x) => x > costly);
    const least = some.length ? Math.max(1e-290, Math.min(...some)) : 1;
    const free = points.some(({ x }) => x < least);
    const log = (x) => Math.log10(Math.max(x, least / 2));
    const range = (values) => {
      const [low, high] = [Math.min(...values), Math.max(...values)];
      const room = (high - low || 1) * 0.06;
      return [low - room, high + room];
    };
    const [x0, x1] = range(points.map(({ x }) => log(x)));
    const [y0, y1] = range(points.map(({ y }) => y));
    const across = (x) => left + (log(x) - x0) / (x1 - x0) * (width - left - right);
    const up = (y) => height - bottom - (y - y0) / (y1 - y0) * (height - bottom - top);
    const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label":
      `${metric} against ${names[column]}, a logarithmic axis; the table has the numbers.` });
    const round = costTicks(x0, x1);
    const ticks = free ? [0, ...round.filter((value) => value >= least)] : round;
    tickWords(ticks).forEach((words, at) => {
      const x = across(ticks[at]);
      svg.append(drawn("line", { class: "tick", x1: x, x2: x, y1: top, y2: height - bottom }),
        drawn("text", { class: "small cost-tick", x, y: height - bottom + 16, "text-anchor": "middle" }, words));
    });
    const step = roundStep((y1 - y0) / 5);
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    for (let at = Math.ceil(y0 / step); at * step <= y1; at += 1) {
      const y = at * step;
      svg.append(drawn("line", { class: "tick", x1: left, x2: width - right, y1: up(y), y2: up(y) }),
        drawn("text", { class: "small", x: left - 8, y: up(y) + 4, "text-anchor": "end" }, y.toFixed(digits)));
    }
    svg.append(drawn("text", { class: "small", x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, names[column]),
      drawn("text", { class: "small", x: 4, y: 12 }, metric));
    const front = [];
    points.filter(({ entry }) => !entry.privileged).toSorted((a, b) => a.x - b.x || (higher ? b.y - a.y : a.y - b.y)).forEach((point) => {
      const last = front.at(-1);
      if (last === undefined || (higher ? point.y > last.y : point.y < last.y)) front.push(point);
    });
    if (front.length) svg.append(drawn("path", { class: "front", d: "M" + front.map(({ x, y }) => `${across(x)} ${up(y)}`).join("L") }));
    const labels = [];
    points.forEach((point) => {
      const dot = drawn("circle", { cx: across(point.x), cy: up(point.y), r: 5, class: front.includes(point) ? "" : "claim" });
      dot.append(drawn("title", {}, `${point.entry.name}: ${metric} ${point.y}, ${names[column]} ${point.x}`));
      svg.append(dot);
    });
    // A label on the side where none is yet: those of the front first, the best of them before all.
    const unused = ({ at, from, to }) => from > left - 8 && to < width &&
      !labels.some((other) => Math.abs(other.at - at) < 14 && from < other.to && to > other.from) &&
      !points.some(({ x, y }) => Math.abs(up(y) + 4 - at) < 9 && across(x) > from - 4 && across(x) < to + 4);
    [...front.toReversed(), ...points].forEach(({ entry, x, y }) => {
      const name = entry.name.length > 22 ? `${entry.name.slice(0, 21)}…` : entry.name;
      const [at, long, beside] = [up(y) + 4, 7 * name.length, across(x)];
      if (labels.some((other) => other.entry === entry)) return;
      const place = [{ entry, at, from: beside + 9, to: beside + 9 + long },
        { entry, at, from: beside - 9 - long, to: beside - 9 }].find(unused);
      if (place === undefined) return;
      labels.push(place);
      svg.append(drawn("text", place.from > beside ? { x: beside + 9, y: at } :
        { x: beside - 9, y: at, "text-anchor": "end" }, name));
    });
    holder.replaceChildren(svg);
  }

  for (const [name, field] of Object.entries(fields)) {
    field.addEventListener(name === "words" ? "input" : "change", () => { show(); remember(); });
  }
  const menu = tools.querySelector(".choose"); // lies over the table: it closes by itself
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      menu.open = false;
      menu.firstElementChild.focus();
    }
  });
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.addEventListener("reset", (event) => {
    event.preventDefault();
    history.replaceState(null, "", location.href.split("#")[0]);
    recall();
    status.textContent = `All as at first. ${status.textContent}`;
  });
  all.addEventListener("click", () => {
    most = Infinity;
    show();
    table.parentElement.focus(); // the button is gone
  });
  addEventListener("hashchange", recall);
  tools.hidden = false;
  byId("filters").open = wide.matches;
  wide.addEventListener("change", () => { byId("filters").open = wide.matches; show(); });
  document.querySelector(".cost").hidden = false;
  rest?.remove(); // its rows come back when their turn comes
  recall();
  if (location.hash && !location.hash.includes("=")) show();
})();

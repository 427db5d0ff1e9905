"use strict";
(() => {
  function element(name, content = "", properties = {}) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...[content].flat());
    return made;
  }

  // An item: its photo and title where they may be shown, else its id.
  function item(items, id, right) {
    const [title, photo] = Object.hasOwn(items, id) ? items[id] : [id, null];
    const parts = photo === null ? [] :
      [element("img", "", { src: photo, alt: "", width: 64, height: 64, loading: "lazy" })];
    const box = element("li", [...parts, element("span", title)], { title: id });
    if (right?.includes(id)) {
      box.className = "right";
      box.append(element("b", " right"));
    }
    return box;
  }

  function list(items, ids, right) {
    return ids.length ? element("ol", ids.map((id) => item(items, id, right)), { className: "items" }) :
      element("p", "nothing", { className: "faint" });
  }

  function answer(items, value, right) {
    if (value === null) return element("p", "–", { className: "faint" });
    if (Array.isArray(value)) return list(items, value, right);
    if (typeof value === "object") {
      return element("img", "", { src: value.picture, alt: "The drawn picture", width: 96, height: 96 });
    }
    return element("p", typeof value === "number" ? String(+value.toFixed(2)) : value,
      { className: "said" });
  }

  document.querySelectorAll(".browser").forEach((browser) => {
    const run = browser.dataset.run;
    const data = JSON.parse(document.querySelector(`#run-${run}-instances`).textContent);
    const items = JSON.parse(document.querySelector(`#items-${data.items}`).textContent);
    let order = data.instances.slice();
    let at = 0;
    const worstFirst = data.higher ? 1 : -1;
    const orders = {
      "as drawn": () => data.instances.slice(),
      "worst first": () => data.instances.toSorted((a, b) => worstFirst * (a.score - b.score)),
      "best first": () => data.instances.toSorted((a, b) => worstFirst * (b.score - a.score)),
    };
    const choice = element("select", Object.keys(orders).map((name) => element("option", name)),
      { autocomplete: "off" });
    const back = element("button", "Previous", { type: "button" });
    const next = element("button", "Next", { type: "button" });
    const status = element("span", "", { role: "status" });
    status.setAttribute("role", "status");
    const view = element("div", "", { className: "instance" });

    function part(heading, content) {
      return element("div", [element("h4", heading), content]);
    }

    function show() {
      const one = order[at];
      back.disabled = at === 0;
      next.disabled = at === order.length - 1;
      status.textContent = `${at + 1} of ${order.length}: ${data.metric} ${one.score.toFixed(4)}`;
      const earlier = one.earlier ? `, after ${one.earlier} more` : "";
      const parts = [part(`History, oldest first${earlier}`, list(items, one.history))];
      if (one.query !== null) parts.push(part("Query", element("p", one.query, { className: "said" })));
      if (one.item !== null) parts.push(part("Asked about", list(items, [one.item])));
      if (one.candidates.length) parts.push(part("Candidates", list(items, one.candidates)));
      const right = Array.isArray(one.target) ? one.target : [];
      const said = one.failed ? element("p", "The prediction failed.") : answer(items, one.answer, right);
      parts.push(part(data.ranked ? "Its prediction, best first" : "Its prediction", said));
      parts.push(part("What was right", one.target === null ?
        element("p", "not shown", { className: "faint" }) : answer(items, one.target)));
      view.replaceChildren(...parts);
    }

    choice.addEventListener("change", () => { order = orders[choice.value](); at = 0; show(); });
    back.addEventListener("click", () => { at -= 1; show(); if (back.disabled) next.focus(); });
    next.addEventListener("click", () => { at += 1; show(); if (next.disabled) back.focus(); });
    browser.append(element("div", [back, next, element("label", ["Order ", choice]), status],
      { className: "tools" }), view);
    browser.hidden = false;
    show();
  });
})();

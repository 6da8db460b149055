"use strict";

const make = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};

const size = (count) => {
  if (count < 1000) return `${count} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let at = -1;
  do count /= 1000; while (++at < units.length - 1 && count >= 1000);
  return `${count.toFixed(1)} ${units[at]}`;
};

// The table: search, types, order.

const table = document.getElementById("entries");
const body = table.tBodies[0];
const search = document.getElementById("search");
const type = document.getElementById("type");
const count = document.getElementById("count");
const rows = Array.from(body.rows, (row) => {
  const [path, , , owner, reasons] = row.cells;
  const reason = reasons.firstElementChild.textContent;
  const words = [path, owner].map((cell) => cell.textContent);
  return {
    row, type: row.dataset.type, size: Number(row.dataset.size ?? 0),
    keys: [words[0], row.dataset.type, Number(row.dataset.size ?? -1), words[1], reason],
    text: [...words, reason].join("\n").toLowerCase(),
  };
});

const filter = () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let matches = 0, bytes = 0;
  for (const each of rows) {
    const matched = (!type.value || each.type === type.value) && words.every((word) => each.text.includes(word));
    each.row.hidden = !matched;
    if (matched) { matches += 1; bytes += each.size; }
  }
  count.value = `${matches} of ${rows.length}, ${size(bytes)}`;
};

const sort = (column, descending) => {
  const order = descending ? -1 : 1;
  rows.sort(({keys: {[column]: one}}, {keys: {[column]: other}}) => one < other ? -order : one > other ? order : 0);
  body.append(...rows.map((each) => each.row));
};

Array.from(table.tHead.rows[0].cells, (heading, column) => {
  const button = make("button", {type: "button"}, ...heading.childNodes);
  heading.append(button);
  button.addEventListener("click", () => {
    const before = heading.getAttribute("aria-sort");
    const descending = before ? before === "ascending" : column === 2;  // the largest sizes first
    for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    sort(column, descending);
  });
});
table.tHead.rows[0].cells[0].setAttribute("aria-sort", "ascending");
search.addEventListener("input", filter);
type.addEventListener("change", filter);
document.querySelector(".tools").hidden = false;
filter();

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-search]");
  if (!link) return;
  search.value = link.dataset.search;
  type.value = "";
  filter();
});

// The row in the address is shown, even if it does not match the search.

const goToRow = () => {
  const row = document.getElementById(location.hash.slice(1));
  if (!row?.hidden) return;
  search.value = type.value = "";
  filter();
  row.scrollIntoView();
};
addEventListener("hashchange", goToRow);

// The graph: dependencies and dependents of a node.

const graph = document.querySelector(".graph");

const selectable = () => {
  const nodes = Array.from(graph.querySelectorAll(".node"), (element) => ({
    element, label: element.querySelector("text").textContent, dependents: [],
    needs: (element.dataset.needs ?? "").split(" ").filter(Boolean).map(Number),
  }));
  nodes.forEach((node, at) => node.needs.forEach((need) => nodes[need].dependents.push(at)));
  const edges = Array.from(graph.querySelectorAll(".edges path"), (element) => (
    {element, from: Number(element.dataset.from), to: Number(element.dataset.to)}
  ));
  const details = document.getElementById("selection");
  let selected = null;

  const reachable = (start, direction) => {
    const found = new Set([start]);
    for (const at of found) for (const next of nodes[at][direction]) found.add(next);
    return found;
  };

  const highlight = (at) => {
    graph.classList.toggle("selected", at !== null);
    const none = new Set();
    const below = at === null ? none : reachable(at, "needs"), above = at === null ? none : reachable(at, "dependents");
    nodes.forEach(({element}, each) => {
      element.classList.toggle("self", each === at);
      element.classList.toggle("dependency", each !== at && below.has(each));
      element.classList.toggle("dependent", each !== at && above.has(each));
    });
    for (const {element, from, to} of edges) {
      const isDependency = below.has(from), isDependent = above.has(to);
      element.classList.toggle("dependency", isDependency);
      element.classList.toggle("dependent", isDependent);
      if (isDependency || isDependent) element.parentElement.append(element);  // above the others
    }
  };

  const list = (heading, others) => others.length ? [make("p", {}, `${heading} (${others.length}): `, ...others.flatMap((at, index) => {
    const button = make("button", {type: "button"}, nodes[at].label);
    button.addEventListener("click", () => { select(at); nodes[at].element.scrollIntoView({block: "nearest", inline: "nearest"}); });
    return index ? [", ", button] : [button];
  }))] : [];

  const select = (at) => {
    selected = at;
    highlight(at);
    details.hidden = at === null;
    if (at === null) return;
    const {element, label, needs, dependents} = nodes[at];
    const row = element.getAttribute("href");
    details.replaceChildren(
      make("p", {}, make("b", {}, label), ...(row ? [" ", make("a", {href: row}, "show row")] : [])),
      ...list("needs", needs), ...list("needed by", dependents),
    );
  };

  nodes.forEach(({element}, at) => {
    element.addEventListener("mouseenter", () => { if (selected === null) highlight(at); });
    element.addEventListener("mouseleave", () => { if (selected === null) highlight(null); });
    element.addEventListener("focus", () => { if (selected === null) highlight(at); });
    element.addEventListener("blur", () => { if (selected === null) highlight(null); });
    element.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      select(at === selected ? null : at);
    });
  });
  const find = make("input", {type: "search", placeholder: "Find", ariaLabel: "Find in the graph"});
  find.addEventListener("input", () => {
    const name = find.value.toLowerCase();
    const at = name ? nodes.findIndex(({label}) => label.toLowerCase().includes(name)) : -1;
    find.setCustomValidity(name && at < 0 ? "Not found" : "");
    select(at < 0 ? null : at);
    if (at >= 0) nodes[at].element.scrollIntoView({block: "nearest", inline: "center"});
  });
  document.querySelector(".zoom").append(find);

  graph.addEventListener("click", (event) => { if (!event.target.closest(".node")) select(null); });
  addEventListener("keydown", (event) => { if (event.key === "Escape" && selected !== null) select(null); });
};

const zoomable = () => {
  const width = graph.width.baseVal.value, height = graph.height.baseVal.value;
  const frame = graph.parentElement;
  let scale = 1;
  const bar = document.querySelector(".zoom");
  const zoom = (to) => {
    const middle = (frame.scrollLeft + frame.clientWidth / 2) / scale;
    scale = Math.min(Math.max(to, 0.1), 3);
    graph.setAttribute("width", width * scale);
    graph.setAttribute("height", height * scale);
    frame.scrollLeft = middle * scale - frame.clientWidth / 2;
  };
  const fit = () => Math.min(1, frame.clientWidth / width);
  const scales = {"−": () => scale / 1.25, "+": () => scale * 1.25, "fit": fit, "1:1": () => 1};
  const buttons = Object.entries(scales).map(([label, next]) => {
    const button = make("button", {type: "button"}, label);
    button.addEventListener("click", () => zoom(next()));
    return button;
  });
  bar.append(...buttons);
  if (fit() > 0.75) zoom(fit());
  const first = graph.querySelector(".program rect");
  if (first) frame.scrollTop = first.y.baseVal.value * scale - frame.clientHeight / 2;
};

if (graph) { selectable(); zoomable(); }

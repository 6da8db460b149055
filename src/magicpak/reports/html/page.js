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

// The table: what is searched for, of which type, in which order.

const table = document.getElementById("entries");
const body = table.tBodies[0];
const search = document.getElementById("search");
const type = document.getElementById("type");
const count = document.getElementById("count");
const rows = Array.from(body.rows, (row) => {
  const [path, , , owner, reason] = row.cells;
  const why = reason.firstElementChild.textContent;
  const words = [path, owner].map((cell) => cell.textContent);
  return {
    row, type: row.dataset.type, size: Number(row.dataset.size ?? 0),
    keys: [words[0], row.dataset.type, Number(row.dataset.size ?? -1), words[1], why],
    text: [...words, why].join("\n").toLowerCase(),
  };
});

const filter = () => {
  const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0, bytes = 0;
  for (const each of rows) {
    const fits = (!type.value || each.type === type.value) && wanted.every((word) => each.text.includes(word));
    each.row.hidden = !fits;
    if (fits) { found += 1; bytes += each.size; }
  }
  count.value = `${found} of ${rows.length}, ${size(bytes)}`;
};

const sort = (column, falling) => {
  const order = falling ? -1 : 1;
  rows.sort(({keys: {[column]: one}}, {keys: {[column]: other}}) => one < other ? -order : one > other ? order : 0);
  body.append(...rows.map((each) => each.row));
};

Array.from(table.tHead.rows[0].cells, (heading, column) => {
  const button = make("button", {type: "button"}, ...heading.childNodes);
  heading.append(button);
  button.addEventListener("click", () => {
    const before = heading.getAttribute("aria-sort");
    const falling = before ? before === "ascending" : column === 2;  // of sizes, the largest are looked for
    for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
    sort(column, falling);
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

// A row that the address names is shown, even if it is not what is searched for.

const goToRow = () => {
  const row = document.getElementById(location.hash.slice(1));
  if (!row?.hidden) return;
  search.value = type.value = "";
  filter();
  row.scrollIntoView();
};
addEventListener("hashchange", goToRow);

// The graph: what a node needs, and what needs it.

const graph = document.querySelector(".graph");

const look = () => {
  const nodes = Array.from(graph.querySelectorAll(".node"), (element) => ({
    element, label: element.querySelector("text").textContent, askers: [],
    needs: (element.dataset.needs ?? "").split(" ").filter(Boolean).map(Number),
  }));
  nodes.forEach((node, at) => node.needs.forEach((need) => nodes[need].askers.push(at)));
  const edges = Array.from(graph.querySelectorAll(".edges path"), (element) => (
    {element, from: Number(element.dataset.from), to: Number(element.dataset.to)}
  ));
  const told = document.getElementById("told");
  let kept = null;

  const all = (start, direction) => {
    const found = new Set([start]);
    for (const at of found) for (const next of nodes[at][direction]) found.add(next);
    return found;
  };

  const show = (at) => {
    graph.classList.toggle("chosen", at !== null);
    const below = at === null ? new Set() : all(at, "needs"), above = at === null ? below : all(at, "askers");
    nodes.forEach(({element}, each) => {
      element.classList.toggle("self", each === at);
      element.classList.toggle("needed", each !== at && below.has(each));
      element.classList.toggle("asking", each !== at && above.has(each));
    });
    for (const {element, from, to} of edges) {
      const isNeeded = below.has(from), isAsking = above.has(to);
      element.classList.toggle("needed", isNeeded);
      element.classList.toggle("asking", isAsking);
      if (isNeeded || isAsking) element.parentElement.append(element);  // above the others
    }
  };

  const list = (words, others) => others.length ? [make("p", {}, `${words}: `, ...others.flatMap((at, index) => {
    const button = make("button", {type: "button"}, nodes[at].label);
    button.addEventListener("click", () => { keep(at); nodes[at].element.scrollIntoView({block: "nearest", inline: "nearest"}); });
    return index ? [", ", button] : [button];
  }))] : [];

  const keep = (at) => {
    kept = at;
    show(at);
    told.hidden = at === null;
    if (at === null) return;
    const {element, label, needs, askers} = nodes[at];
    const row = element.getAttribute("href");
    told.replaceChildren(
      make("p", {}, make("b", {}, label), ...(row ? [" ", make("a", {href: row}, "its row")] : [])),
      ...list(`needs ${needs.length}`, needs), ...list(`is needed by ${askers.length}`, askers),
    );
  };

  nodes.forEach(({element}, at) => {
    element.addEventListener("mouseenter", () => { if (kept === null) show(at); });
    element.addEventListener("mouseleave", () => { if (kept === null) show(null); });
    element.addEventListener("focus", () => { if (kept === null) show(at); });
    element.addEventListener("blur", () => { if (kept === null) show(null); });
    element.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      keep(at === kept ? null : at);
    });
  });
  const find = make("input", {type: "search", placeholder: "Find", ariaLabel: "Find in the graph"});
  find.addEventListener("input", () => {
    const wanted = find.value.toLowerCase();
    const at = wanted ? nodes.findIndex(({label}) => label.toLowerCase().includes(wanted)) : -1;
    find.setCustomValidity(wanted && at < 0 ? "Nothing has such a name" : "");
    keep(at < 0 ? null : at);
    if (at >= 0) nodes[at].element.scrollIntoView({block: "nearest", inline: "center"});
  });
  document.querySelector(".zoom").append(find);

  graph.addEventListener("click", (event) => { if (!event.target.closest(".node")) keep(null); });
  addEventListener("keydown", (event) => { if (event.key === "Escape" && kept !== null) keep(null); });
};

const zoom = () => {
  const width = graph.width.baseVal.value, height = graph.height.baseVal.value;
  const room = graph.parentElement;
  let scale = 1;
  const bar = document.querySelector(".zoom");
  const to = (wanted) => {
    const middle = (room.scrollLeft + room.clientWidth / 2) / scale;
    scale = Math.min(Math.max(wanted, 0.1), 3);
    graph.setAttribute("width", width * scale);
    graph.setAttribute("height", height * scale);
    room.scrollLeft = middle * scale - room.clientWidth / 2;
  };
  const fit = () => Math.min(1, room.clientWidth / width);
  const steps = {"−": () => scale / 1.25, "+": () => scale * 1.25, "fit": fit, "1:1": () => 1};
  const buttons = Object.entries(steps).map(([words, step]) => {
    const button = make("button", {type: "button"}, words);
    button.addEventListener("click", () => to(step()));
    return button;
  });
  bar.append(...buttons);
  if (fit() > 0.75) to(fit());
  const first = graph.querySelector(".program rect");
  if (first) room.scrollTop = first.y.baseVal.value * scale - room.clientHeight / 2;
};

if (graph) { look(); zoom(); }

"use strict";
// The table of rows: only those near what is seen are in the document. It is cut
// into blocks of rows; one that is far away is a gap as high as it was, save the first.
(() => {
  const at = id => document.getElementById(id);
  const { rows, files, lines, kinds } = JSON.parse(at("data").textContent);
  const BLOCK = 40, PRINTED = 2000;
  const table = at("rows"), words = at("words"), status = at("status");
  const buttons = [...at("kinds").children], heads = [...table.tHead.rows[0].cells];
  const number = n => n.toLocaleString("en-US");
  const place = row => row[1] < 0 ? "" : files[row[1]] + ":" + row[2];
  const said = row => row.slice(6).map(i => lines[i]);

  // What rows are sorted by, in the order of the columns.
  const text = (a, b) => a < b ? -1 : a > b ? 1 : 0;
  const far = row => row[1] < 0 ? Infinity : row[1];
  const first = row => row.length > 6 ? lines[row[6]].join(" ") : "";
  const orders = [
    (a, b) => text(far(a), far(b)) || a[2] - b[2],
    (a, b) => text(a[3], b[3]),
    (a, b) => text(a[5], b[5]),
    (a, b) => a[0] - b[0],
    (a, b) => text(first(a), first(b)),
  ];

  let haystacks = null; // made when somebody looks for something
  const haystack = row => [place(row), row[3], row[5], kinds[row[0]].What, ...said(row).flat()].join("\n").toLowerCase();
  let order = rows.map((_, i) => i), view = order, height = 0;

  const element = (name, text, className) => {
    const e = document.createElement(name);
    if (text) e.textContent = text;
    if (className) e.className = className;
    return e;
  };
  const tones = { "-": "sign bad", "!": "sign bad", "+": "sign good" };
  const sign = text => element("span", text, tones[text] || "sign");
  const code = text => {
    const e = element("code", text);
    e.dir = "auto";
    return e;
  };
  const cell = (role, ...parts) => {
    const td = element("td");
    td.setAttribute("role", "cell");
    td.dataset.is = role;
    td.append(...parts);
    return td;
  };

  const what = row => {
    const list = element("ul", "", "steps");
    for (const [mark, word, text] of said(row)) {
      const item = element("li");
      if (mark) item.append(sign(mark), " ");
      if (word) item.append(element("b", word), " ");
      item.append(text);
      list.append(item);
    }
    return list;
  };

  const line = i => {
    const row = rows[view[i]], kind = kinds[row[0]], tr = element("tr");
    tr.setAttribute("role", "row");
    tr.setAttribute("aria-rowindex", i + 2);
    const name = [code(row[3])];
    if (row[4]) name.push(" ", element("b", "(!)", "bad"));
    tr.append(cell("place", code(place(row))), cell("name", ...name), cell("id", code(row[5])), cell("kind", sign(kind.Sign), " ", kind.What), cell("what", what(row)));
    return tr;
  };

  const size = block => Math.min(BLOCK, view.length - block.from);
  const gap = (block, height) => {
    const tr = element("tr", "", "gap"), td = element("td");
    td.colSpan = heads.length;
    td.style.height = height + "px";
    tr.setAttribute("aria-hidden", "true");
    tr.append(td);
    block.replaceChildren(tr);
    block.filled = false;
  };
  const fill = block => {
    if (block.filled) return;
    const all = [];
    for (let i = 0; i < size(block); i++) all.push(line(block.from + i));
    block.replaceChildren(...all);
    block.filled = true;
  };

  const seen = new IntersectionObserver(entries => {
    for (const e of entries) {
      if (e.isIntersecting) fill(e.target);
      else if (e.target.filled && e.target.from > 0) gap(e.target, e.boundingClientRect.height);
    }
  }, { rootMargin: "1200px 0px" });

  const show = () => {
    seen.disconnect();
    const blocks = [];
    for (let from = 0; from < view.length; from += BLOCK) {
      const block = element("tbody");
      block.setAttribute("role", "rowgroup");
      block.from = from;
      blocks.push(block);
    }
    const first = blocks[0];
    if (first) fill(first);
    for (const block of blocks.slice(1)) gap(block, 0);
    table.replaceChildren(table.caption, table.tHead, ...blocks);
    if (first) height = first.getBoundingClientRect().height / size(first) || height;
    for (const block of blocks.slice(1)) block.firstChild.firstChild.style.height = height * size(block) + "px";
    for (const block of blocks) seen.observe(block);
    table.setAttribute("aria-rowcount", view.length + 1);
    status.textContent = view.length === rows.length ? `${number(rows.length)} rows` : `${number(view.length)} of ${number(rows.length)} rows`;
  };

  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = new Set(buttons.filter(b => b.getAttribute("aria-pressed") === "true").map(b => Number(b.value)));
    if (wanted.length && !haystacks) haystacks = rows.map(haystack);
    view = !wanted.length && !chosen.size ? order : order.filter(i =>
      (!chosen.size || chosen.has(rows[i][0])) && wanted.every(w => haystacks[i].includes(w)));
    show();
  };

  const sort = column => {
    const head = heads[column], next = { none: "ascending", ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")];
    for (const h of heads) h.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", next);
    order = rows.map((_, i) => i);
    const by = orders[column];
    if (next === "ascending") order.sort((a, b) => by(rows[a], rows[b]) || a - b);
    if (next === "descending") order.sort((a, b) => by(rows[b], rows[a]) || a - b);
    filter();
  };

  words.addEventListener("input", filter);
  for (const b of buttons) {
    b.addEventListener("click", () => {
      b.setAttribute("aria-pressed", b.getAttribute("aria-pressed") !== "true");
      filter();
    });
  }
  heads.forEach((head, column) => {
    const button = element("button", head.textContent);
    button.type = "button";
    button.addEventListener("click", () => sort(column));
    head.setAttribute("aria-sort", "none");
    head.replaceChildren(button);
  });

  // Paper cannot be scrolled: what is chosen stands there, as far as anybody prints.
  addEventListener("beforeprint", () => {
    for (const d of document.querySelectorAll("details")) d.open = true;
    seen.disconnect();
    for (const block of table.tBodies) if (block.from < PRINTED) fill(block);
    if (view.length > PRINTED) status.textContent += `, of which the first ${number(PRINTED)} are printed`;
  });
  addEventListener("afterprint", show);

  at("controls").hidden = false;
  show();
})();

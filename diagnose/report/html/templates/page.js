"use strict";
(() => {
  const PAGE = 100;
  const one = (id) => document.getElementById(id);
  const table = one("table");
  if (!table) return;
  const form = one("filters"), body = table.tBodies[0], more = one("more"), shown = one("shown"), steps = one("steps");
  const section = one("failures"), heads = [...table.tHead.rows[0].cells], keys = heads.map((th) => th.dataset.key);
  const names = new Intl.Collator("en", { numeric: true });

  // What the table says is read from the table itself: nothing is written twice.
  const rows = [...body.rows].map((tr, at) => {
    const row = { tr, at, words: "" };
    keys.forEach((key, i) => { row[key] = tr.cells[i].textContent; });
    row.href = tr.querySelector("a").getAttribute("href");
    row.cohorts = (tr.dataset.c || "").split(" ");
    return row;
  });
  const order = new Map();
  rows.forEach((row) => { if (!order.has(row.verdict)) order.set(row.verdict, order.size); });
  let found = rows, limit = PAGE, sort = { key: "", down: false }, opened = null;

  const anchor = (row) => decodeURIComponent(row.href.slice(1));
  const words = (row) => {
    if (!row.words) {
      const part = one(anchor(row));
      row.words = (row.id + " " + row.text + " " + row.verdict + " " + row.mode + " " + (row.tags || "") + " " + (part ? part.textContent : "")).toLowerCase();
    }
    return row.words;
  };

  const state = () => {
    const set = {};
    for (const field of form.elements) if (field.name && field.value) set[field.name] = field.value;
    return set;
  };
  const fill = (set) => {
    for (const field of form.elements) if (field.name) field.value = set.get(field.name) || "";
    const by = set.get("sort") || "", key = by.replace("-", "");
    sort = { key: keys.includes(key) ? key : "", down: by.startsWith("-") };
  };
  const compare = (a, b) => {
    const { key } = sort;
    if (key === "loss") return a.loss - b.loss;
    if (key === "verdict") return order.get(a.verdict) - order.get(b.verdict);
    return names.compare(a[key], b[key]);
  };

  const apply = () => {
    const want = state();
    const terms = (want.q || "").toLowerCase().split(/\s+/).filter(Boolean);
    found = rows.filter((row) =>
      (!want.verdict || row.verdict === want.verdict) &&
      (!want.mode || row.mode === want.mode) &&
      (!want.level || row.level === want.level) &&
      (!want.cohort || row.cohorts.includes(want.cohort)) &&
      terms.every((term) => words(row).includes(term)));
    if (sort.key) found.sort((a, b) => (sort.down ? -1 : 1) * compare(a, b) || a.at - b.at);
    limit = PAGE;
    draw();
  };
  const draw = () => {
    body.replaceChildren(...found.slice(0, limit).map((row) => row.tr));
    shown.textContent = found.length.toLocaleString("en") + " of " + rows.length.toLocaleString("en") + " failures";
    const left = found.length - limit;
    more.style.display = left > 0 ? "block" : "none";
    if (left > 0) more.firstChild.textContent = "Show " + Math.min(PAGE, left) + " more of " + left.toLocaleString("en");
    heads.forEach((th) => {
      if (th.dataset.key === sort.key) th.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    });
  };

  const write = () => {
    const set = state();
    const parts = Object.keys(set).map((name) => name + "=" + encodeURIComponent(set[name]));
    if (sort.key) parts.push("sort=" + (sort.down ? "-" : "") + sort.key);
    try { history.replaceState(null, "", "#" + (parts.join("&") || "failures")); } catch { /* a page in a frame may not */ }
  };

  heads.forEach((th) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...th.childNodes);
    th.append(button);
    button.addEventListener("click", () => {
      const key = th.dataset.key;
      if (sort.key === key && sort.down !== (key === "loss")) sort = { key: "", down: false };
      else if (sort.key === key) sort.down = !sort.down;
      else sort = { key, down: key === "loss" };
      apply();
      write();
    });
  });
  let wait = 0;
  form.addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(() => { apply(); write(); }, 120);
  });
  form.addEventListener("reset", (event) => { event.preventDefault(); fill(new Map()); apply(); write(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  more.firstChild.addEventListener("click", () => {
    const first = limit;
    limit += PAGE;
    draw();
    found[first].tr.querySelector("a").focus();
  });
  body.addEventListener("click", (event) => {
    if (event.target.closest("a") || String(getSelection())) return;
    event.target.closest("tr").querySelector("a").click();
  });
  body.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const tr = event.target.closest("tr"), next = step > 0 ? tr.nextElementSibling : tr.previousElementSibling;
    if (next) { next.querySelector("a").focus(); event.preventDefault(); }
  });

  const close = () => {
    if (!opened) return;
    opened.part.classList.remove("open");
    section.classList.remove("reading");
    steps.remove();
    opened = null;
  };
  const open = (row) => {
    const part = one(anchor(row));
    close();
    opened = { row, part };
    section.classList.add("reading");
    part.classList.add("open");
    part.prepend(steps);
    if (!found.includes(row)) { fill(new Map()); apply(); }
    const at = found.indexOf(row);
    steps.lastChild.textContent = (at + 1).toLocaleString("en") + " of " + found.length.toLocaleString("en");
    for (const link of steps.querySelectorAll("a[data-step]")) {
      if (link.dataset.step === "up") continue;
      const to = found[at + Number(link.dataset.step)];
      link.style.visibility = to ? "" : "hidden";
      if (to) link.setAttribute("href", to.href);
    }
    show();
  };
  const show = () => {
    if (!opened) return;
    const head = opened.part.querySelector("h3");
    head.tabIndex = -1;
    head.focus({ preventScroll: true });
    opened.part.scrollIntoView({ block: "start", behavior: "instant" });
  };
  const back = () => {
    const row = opened && opened.row;
    close();
    if (!row) return;
    while (found.indexOf(row) >= limit) limit += PAGE;
    draw();
    const link = row.tr.querySelector("a");
    link.focus({ preventScroll: true });
    link.scrollIntoView({ block: "center", behavior: "instant" });
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && opened) { write(); back(); }
  });
  steps.addEventListener("click", (event) => {
    if (event.target.dataset.step === "up") { event.preventDefault(); write(); back(); }
  });

  let filtered = false;
  const read = () => {
    let hash = location.hash.slice(1);
    try { hash = decodeURIComponent(hash); } catch { /* as it is */ }
    if (hash.startsWith("trace=")) {
      const row = rows.find((r) => anchor(r) === hash);
      if (row) open(row);
      else { close(); shown.textContent = "No failure " + hash.slice(6) + " on this page."; section.scrollIntoView(); }
      return;
    }
    const set = new Map(location.hash.slice(1).split("&").map((part) => {
      const [name, ...rest] = part.split("=");
      try { return [name, decodeURIComponent(rest.join("="))]; } catch { return [name, ""]; }
    }));
    const known = ["q", "verdict", "mode", "level", "cohort", "sort"].some((name) => set.get(name));
    if (known) {
      close();
      fill(set);
      apply();
      filtered = true;
      section.scrollIntoView({ behavior: "instant" });
      return;
    }
    const target = one(hash);
    if (hash === "failures") close();
    const closed = target && target.closest("details:not([open])");
    if (closed) { closed.open = true; target.scrollIntoView({ behavior: "instant" }); }
  };
  addEventListener("hashchange", read);
  // Once a page is loaded the browser goes to its fragment by itself and takes the focus away again.
  addEventListener("load", () => setTimeout(() => {
    if (opened) show();
    else if (filtered) section.scrollIntoView({ behavior: "instant" });
  }));
  addEventListener("beforeprint", () => { if (found.length > limit) { limit = found.length; draw(); } });
  table.classList.add("ready");
  draw();
  read();
})();

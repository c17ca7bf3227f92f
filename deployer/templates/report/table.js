// Sorting, filtering and paging of the page's tables. Rows come from the JSON beside each table; those that stand in
// the HTML are taken over. Text is set as text, never as HTML.
"use strict";
(() => {
  const collator = new Intl.Collator("en", { numeric: true });
  const counted = new Intl.NumberFormat("en");
  const SIZES = [25, 100, 500, 2000];
  const PRINTED = 500;

  function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  function readColumn(th) {
    return {
      th,
      name: th.textContent,
      kind: th.dataset.kind,
      digits: Number(th.dataset.digits),
      order: th.dataset.order ? th.dataset.order.split(" ") : null,
    };
  }

  function cell(column, value, first) {
    const made = element(first ? "th" : "td");
    if (first) made.scope = "row";
    if (column.kind === "badge") made.append(element("span", { className: `badge ${value}`, textContent: value }));
    else if (value === null) made.textContent = "–";
    else made.textContent = column.kind === "number" ? value.toFixed(column.digits) : value;
    if (column.kind === "number") made.className = "n";
    return made;
  }

  function compare(column, a, b) {
    if (column.kind === "number") return a - b;
    if (column.order) return column.order.indexOf(a) - column.order.indexOf(b);
    return collator.compare(a, b);
  }

  function sortable(root) {
    const columns = [...root.querySelectorAll("thead th")].map(readColumn);
    const body = root.querySelector("tbody");
    const standing = [...body.rows];
    const rows = JSON.parse(root.querySelector("script").textContent).map((values, i) => ({
      values,
      node: standing[i] || null,
      words: null,
    }));
    const state = { sorted: null, down: false, text: "", only: "", page: 0, size: SIZES[0] };
    const status = element("p", { className: "status" });
    status.setAttribute("role", "status");

    function words(row) {
      if (row.words === null) {
        row.words = row.values.filter((_, i) => columns[i].kind !== "number").join("\n").toLowerCase();
      }
      return row.words;
    }

    const verdictAt = columns.findIndex((column) => column.kind === "badge");
    const failedAt = columns.findIndex((column) => column.name === "failed");

    function kept(row) {
      if (state.text && !words(row).includes(state.text)) return false;
      if (state.only === "with failures") return row.values[failedAt] > 0;
      return !state.only || row.values[verdictAt] === state.only;
    }

    function ordered(found) {
      if (state.sorted === null) return found;
      const at = state.sorted;
      const sign = state.down ? -1 : 1;
      const known = found.filter((row) => row.values[at] !== null);
      const missing = found.filter((row) => row.values[at] === null);
      known.sort((a, b) => sign * compare(columns[at], a.values[at], b.values[at]));
      return known.concat(missing);
    }

    function node(row) {
      if (row.node === null) {
        row.node = element("tr", {}, ...row.values.map((value, i) => cell(columns[i], value, i === 0)));
      }
      return row.node;
    }

    let pager = null;

    function show() {
      const found = ordered(rows.filter(kept));
      const pages = Math.max(1, Math.ceil(found.length / state.size));
      state.page = Math.min(state.page, pages - 1);
      const start = state.page * state.size;
      const shown = found.slice(start, start + state.size);
      body.replaceChildren(...shown.map(node));
      const order =
        state.sorted === null ? "" : `, by ${columns[state.sorted].name}, ${state.down ? "descending" : "ascending"}`;
      const all = found.length === rows.length ? "" : ` (${counted.format(rows.length)} in all)`;
      status.textContent = shown.length
        ? `Rows ${counted.format(start + 1)} to ${counted.format(start + shown.length)} of ${counted.format(found.length)}${all}${order}`
        : `No row fits the filter${all}`;
      if (pager) pager(pages);
    }

    function sortBy(at) {
      const same = state.sorted === at;
      state.down = same ? !state.down : columns[at].kind === "number";
      state.sorted = at;
      state.page = 0;
      columns.forEach((column, i) => {
        if (i === at) column.th.setAttribute("aria-sort", state.down ? "descending" : "ascending");
        else column.th.removeAttribute("aria-sort");
      });
      show();
    }

    columns.forEach((column, i) => {
      const button = element("button", { type: "button", textContent: column.name });
      button.addEventListener("click", () => sortBy(i));
      column.th.replaceChildren(button);
    });

    function filters(controls) {
      const text = element("input", { type: "search", autocomplete: "off", spellcheck: false });
      text.addEventListener("input", () => {
        state.text = text.value.trim().toLowerCase();
        state.page = 0;
        show();
      });
      controls.append(element("label", {}, "Find ", text));
      if (verdictAt < 0) return;
      const only = element("select", {}, element("option", { value: "", textContent: "all" }));
      const choices = failedAt < 0 ? columns[verdictAt].order : [...columns[verdictAt].order, "with failures"];
      for (const word of choices) {
        only.append(element("option", { value: word, textContent: word }));
      }
      only.addEventListener("change", () => {
        state.only = only.value;
        state.page = 0;
        show();
      });
      const { name } = columns[verdictAt];
      controls.append(element("label", {}, `${name[0].toUpperCase()}${name.slice(1)} `, only));
    }

    function paged(controls) {
      const size = element("select");
      for (const count of SIZES) {
        size.append(element("option", { value: count, textContent: count, selected: count === state.size }));
      }
      size.addEventListener("change", () => {
        state.size = Number(size.value);
        state.page = 0;
        show();
      });
      controls.append(element("label", {}, "Rows ", size));
      const place = element("span");
      const steps = [
        ["Previous", -1],
        ["Next", 1],
      ].map(([name, by]) => {
        const button = element("button", { type: "button", textContent: name });
        button.addEventListener("click", () => {
          state.page += by;
          show();
        });
        return button;
      });
      const bar = root.querySelector(".pager");
      bar.append(steps[0], place, steps[1]);
      bar.hidden = false;
      pager = (pages) => {
        place.textContent = `Page ${state.page + 1} of ${pages}`;
        // A disabled button would lose the focus of somebody who steps with the keyboard.
        steps[0].setAttribute("aria-disabled", String(state.page === 0));
        steps[1].setAttribute("aria-disabled", String(state.page >= pages - 1));
      };
    }

    const controls = root.querySelector(".controls");
    if (root.hasAttribute("data-filters")) filters(controls);
    if (rows.length > SIZES[0]) paged(controls);
    controls.classList.toggle("unseen", controls.children.length === 0); // its status is for those who hear the page
    controls.append(status);
    controls.hidden = false;
    root.querySelector(".standing")?.remove();
    show();

    let before = null; // paper cannot be leafed through: it gets more rows at once
    addEventListener("beforeprint", () => {
      before ??= { page: state.page, size: state.size };
      Object.assign(state, { page: 0, size: Math.max(state.size, PRINTED) });
      show();
    });
    addEventListener("afterprint", () => {
      Object.assign(state, before);
      before = null;
      show();
    });
  }

  document.querySelectorAll(".sortable").forEach(sortable);
  performance.mark("deploy-report-ready");
})();

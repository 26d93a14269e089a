"use strict";
// The list of candidates: a form whose values live in the address, and a table that holds only the
// rows in view.
(() => {
  const ROW_HEIGHT = 52; // as in browser.css
  const OVERSCAN = 8;
  const MAX_PRINTED = 500;
  const FIELDS = ["q", "repo", "state", "reason", "year", "python", "strength", "f2p"];
  const COLUMNS = ["id", "state", "created", "python", "f2p", "strength"];

  const find = (name) => document.getElementById(name);
  const [form, viewport, body, countLine] = ["filters", "viewport", "body", "count"].map(find);
  const headers = [...document.querySelectorAll("#rows thead th")];
  let filters = {};
  let rows = new Uint32Array(0);
  let lastChange = "";
  let saveTimer = 0;
  let isPrinting = false;

  // The address

  const readAddress = () => {
    const given = new URLSearchParams(location.hash.slice(1));
    return Object.fromEntries([...given].filter(([key]) => [...FIELDS, "sort", "dir"].includes(key)));
  };

  const writeAddress = () => {
    const kept = Object.entries(filters).filter(([, value]) => value);
    return `#${new URLSearchParams(kept)}`;
  };

  const saveAddress = (change) => {
    clearTimeout(saveTimer);
    saveTimer = 0;
    const address = writeAddress();
    if (address === (location.hash || "#")) return;
    const isSameChange = change === "q" && lastChange === "q";
    history[isSameChange ? "replaceState" : "pushState"](null, "", address);
    lastChange = change;
  };

  // The rows

  const cell = (className, ...children) => {
    const td = document.createElement("td");
    td.className = className;
    td.append(...children);
    return td;
  };

  const element = (tag, className, text) => {
    const one = document.createElement(tag);
    one.className = className;
    one.textContent = text;
    return one;
  };

  const makeNameCell = (row) => {
    const id = curateRows.id(row);
    const link = element("a", "row-link", id);
    link.href = `instance.html?id=${encodeURIComponent(id)}`;
    return cell("wide", link, element("bdi", "row-title", curateRows.get("title", row)));
  };

  const makeStateCell = (row) => {
    const state = curateRows.get("state", row);
    const badge = element("span", `state ${state}`, state);
    return cell("state-column", badge, element("span", "row-title", curateRows.get("reason", row)));
  };

  const formatNumber = (value, digits) => (Number.isNaN(value) ? "–" : value.toFixed(digits));

  const makeRow = (row, position) => {
    const tr = document.createElement("tr");
    tr.setAttribute("aria-rowindex", position + 2);
    tr.dataset.position = position;
    tr.append(
      makeNameCell(row),
      makeStateCell(row),
      cell("small", curateRows.get("created", row)),
      cell("small", curateRows.get("python", row) || "–"),
      cell("small number", formatNumber(curateRows.get("f2p", row), 0)),
      cell("small number", formatNumber(curateRows.get("strength", row), 2)),
    );
    return tr;
  };

  const makeSpacer = (height) => {
    const tr = document.createElement("tr");
    tr.setAttribute("aria-hidden", "true");
    tr.className = "spacer";
    const td = cell("");
    td.style.height = `${height}px`;
    tr.append(td);
    return tr;
  };

  const renderRange = (first, last) => {
    const parts = [];
    if (first > 0) parts.push(makeSpacer(first * ROW_HEIGHT));
    for (let position = first; position < last; position += 1) {
      parts.push(makeRow(rows[position], position));
    }
    if (last < rows.length) parts.push(makeSpacer((rows.length - last) * ROW_HEIGHT));
    const focused = document.activeElement?.closest?.("#body tr")?.dataset.position;
    body.replaceChildren(...parts);
    if (focused !== undefined) linkAt(Number(focused))?.focus({ preventScroll: true });
  };

  const linkAt = (position) => body.querySelector(`tr[data-position="${position}"] a`);

  const renderVisible = () => {
    if (isPrinting) return;
    const first = Math.max(0, Math.floor(viewport.scrollTop / ROW_HEIGHT) - OVERSCAN);
    const shown = Math.ceil(viewport.clientHeight / ROW_HEIGHT) + 2 * OVERSCAN;
    renderRange(first, Math.min(rows.length, first + shown));
  };

  const renderCount = () => {
    const all = curateRows.size().toLocaleString("en");
    const some = rows.length.toLocaleString("en");
    countLine.textContent = rows.length === curateRows.size() ? `${all} candidates` : `${some} of ${all} candidates`;
  };

  const renderHeaders = () => {
    const sorted = filters.sort || "id";
    for (const header of headers) {
      if (header.dataset.key === sorted) {
        header.setAttribute("aria-sort", filters.dir === "desc" ? "descending" : "ascending");
      } else {
        header.removeAttribute("aria-sort");
      }
    }
  };

  const update = () => {
    rows = curateRows.select(filters);
    viewport.scrollTop = 0;
    find("rows").setAttribute("aria-rowcount", rows.length + 1);
    renderCount();
    renderHeaders();
    renderVisible();
  };

  const change = (changed, name) => {
    filters = { ...filters, ...changed };
    update();
    if (name === "q") {
      clearTimeout(saveTimer);
      saveTimer = setTimeout(() => saveAddress("q"), 300);
    } else {
      saveAddress(name);
    }
  };

  // The form

  const fillSelect = (name, counts, compare) => {
    const select = find(name);
    for (const value of [...counts.keys()].sort(compare)) {
      const label = `${value} (${counts.get(value).toLocaleString("en")})`;
      select.append(new Option(label, value));
    }
  };

  const byText = (a, b) => a.localeCompare(b, "en", { numeric: true });

  const fillForm = () => {
    for (const name of ["repo", "state", "reason", "python"]) {
      fillSelect(name, curateRows.countValues(name), byText);
    }
    fillSelect("year", curateRows.countYears(), (a, b) => byText(b, a));
  };

  const showFilters = () => {
    for (const name of FIELDS) {
      const field = find(name);
      const value = filters[name] || "";
      if (field.tagName === "SELECT" && ![...field.options].some((it) => it.value === value)) {
        field.append(new Option(value, value)); // of an address that this report has none of
      }
      field.value = value;
    }
  };

  const sortBy = (key) => {
    const isSame = (filters.sort || "id") === key;
    const isDescending = isSame ? filters.dir !== "desc" : false;
    change({ sort: key === "id" ? "" : key, dir: isDescending ? "desc" : "" }, "sort");
  };

  const moveFocus = (event, from) => {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    const target = from + (steps[event.key] || 0);
    if (!steps[event.key] || target < 0 || target >= rows.length) return;
    event.preventDefault();
    const top = target * ROW_HEIGHT;
    const room = viewport.clientHeight - 2 * ROW_HEIGHT;
    if (top < viewport.scrollTop) viewport.scrollTop = top;
    if (top > viewport.scrollTop + room) viewport.scrollTop = top - room;
    renderVisible();
    linkAt(target)?.focus({ preventScroll: true });
  };

  const keepScroll = () => {
    if (saveTimer) saveAddress("q");
    history.replaceState({ scroll: viewport.scrollTop }, "", location.href);
  };

  const showAddress = (state) => {
    filters = readAddress();
    showFilters();
    update();
    viewport.scrollTop = state?.scroll || 0;
    renderVisible();
  };

  const listen = () => {
    find("q").addEventListener("input", (event) => change({ q: event.target.value.trim() }, "q"));
    form.addEventListener("change", (event) => {
      if (event.target.name !== "q") change({ [event.target.name]: event.target.value }, event.target.name);
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", (event) => {
      event.preventDefault();
      filters = {};
      showFilters();
      change({}, "reset");
    });
    for (const header of headers) {
      header.querySelector("button").addEventListener("click", () => sortBy(header.dataset.key));
    }
    let isWaiting = false;
    viewport.addEventListener("scroll", () => {
      if (isWaiting) return;
      isWaiting = true;
      requestAnimationFrame(() => {
        isWaiting = false;
        renderVisible();
      });
    });
    window.addEventListener("resize", renderVisible);
    window.addEventListener("popstate", (event) => {
      lastChange = "";
      showAddress(event.state);
    });
    body.addEventListener("click", (event) => {
      if (event.target.closest("a")) keepScroll();
    });
    body.addEventListener("keydown", (event) => {
      const position = event.target.closest("tr")?.dataset.position;
      if (position !== undefined) moveFocus(event, Number(position));
    });
    find("q").addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") moveFocus(event, -1);
    });
    document.addEventListener("keydown", (event) => {
      const isTyping = event.target.closest?.("input, select, textarea");
      if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      find("q").focus();
      find("q").select();
    });
    window.addEventListener("beforeprint", () => {
      isPrinting = true;
      const last = Math.min(rows.length, MAX_PRINTED);
      renderRange(0, last);
      body.querySelector(".spacer")?.remove();
      find("print-note").hidden = last === rows.length;
      find("print-note").textContent = `${(rows.length - last).toLocaleString("en")} more rows are not printed.`;
    });
    window.addEventListener("afterprint", () => {
      isPrinting = false;
      find("print-note").hidden = true;
      renderVisible();
    });
  };

  // Orders that a click may ask for are found while nothing else happens.
  const prepareOrders = (left) => {
    if (!left.length) return;
    const [key, isDescending] = left[0];
    curateRows.order(key, isDescending);
    setTimeout(prepareOrders, 0, left.slice(1));
  };

  curateRows.finish();
  fillForm();
  listen();
  showAddress(history.state);
  setTimeout(prepareOrders, 200, COLUMNS.flatMap((key) => [[key, false], [key, true]]));
})();

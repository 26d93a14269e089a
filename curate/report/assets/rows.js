"use strict";
// The rows of the list, column by column: read from chunks, searched, filtered, sorted.
// Nothing here touches the page.
const curateRows = (() => {
  const texts = { title: [], created: [] };
  const numbers = { number: [], strength: [], f2p: [] };
  const coded = {};
  for (const name of ["repo", "state", "reason", "python"]) {
    coded[name] = { values: [], byValue: new Map(), codes: [] };
  }
  let count = 0;
  let haystacks = [];
  const orders = new Map();

  const append = (target, source) => {
    for (const value of source) target.push(value);
  };

  const addCoded = (name, chunk) => {
    const column = coded[name];
    const codes = chunk.values.map((value) => {
      if (!column.byValue.has(value)) {
        column.byValue.set(value, column.values.length);
        column.values.push(value);
      }
      return column.byValue.get(value);
    });
    for (const code of chunk.codes) column.codes.push(codes[code]);
  };

  /** Takes the columns of a chunk; chunks come in order. */
  const add = (chunk) => {
    for (const name of Object.keys(texts)) append(texts[name], chunk[name]);
    for (const name of Object.keys(coded)) addCoded(name, chunk[name]);
    for (const name of Object.keys(numbers)) {
      append(numbers[name], chunk[name].map((value) => (value === null ? NaN : value)));
    }
    count += chunk.number.length;
  };

  const get = (name, row) => {
    if (coded[name]) return coded[name].values[coded[name].codes[row]];
    return texts[name] ? texts[name][row] : numbers[name][row];
  };

  const slugs = new Map();
  const id = (row) => {
    const repo = get("repo", row);
    if (!slugs.has(repo)) slugs.set(repo, repo.replace("/", "__"));
    return `${slugs.get(repo)}-${numbers.number[row]}`;
  };

  /** Call once, after the last chunk. */
  const finish = () => {
    for (const name of Object.keys(numbers)) numbers[name] = Float64Array.from(numbers[name]);
    for (const column of Object.values(coded)) column.codes = Uint32Array.from(column.codes);
    haystacks = new Array(count);
    for (let row = 0; row < count; row += 1) {
      const repo = get("repo", row);
      const reason = get("reason", row);
      haystacks[row] = `${id(row)} ${repo}#${numbers.number[row]} ${texts.title[row]} ${reason}`.toLowerCase();
    }
  };

  /** Distinct values of a column with their counts; "reason" may hold several at once. */
  const countValues = (name) => {
    const counts = new Map();
    const column = coded[name];
    const codes = new Uint32Array(column.values.length);
    for (const code of column.codes) codes[code] += 1;
    column.values.forEach((value, code) => {
      for (const one of value.split(", ")) {
        if (one) counts.set(one, (counts.get(one) || 0) + codes[code]);
      }
    });
    return counts;
  };

  const countYears = () => {
    const counts = new Map();
    for (const date of texts.created) {
      const year = date.slice(0, 4);
      counts.set(year, (counts.get(year) || 0) + 1);
    }
    return counts;
  };

  const versionKey = (text) => text.split(".").reduce((sum, part) => sum * 1000 + (Number(part) || 0), 0);

  /** A number for each row, by which it is sorted; NaN comes last. */
  const makeKeys = (name) => {
    if (name === "id") return Float64Array.from({ length: count }, (_, row) => row);
    if (numbers[name]) return numbers[name];
    if (name === "created") {
      return Float64Array.from(texts.created, (date) => Number(date.replaceAll("-", "")));
    }
    const column = coded[name];
    const sorted = [...column.values].sort((a, b) =>
      name === "python" ? versionKey(a) - versionKey(b) : a < b ? -1 : Number(a > b),
    );
    const ranks = new Map(sorted.map((value, rank) => [value, rank]));
    const byCode = Float64Array.from(column.values, (value) => (value === "" ? NaN : ranks.get(value)));
    return Float64Array.from(column.codes, (code) => byCode[code]);
  };

  /** All rows in the order of a column, found once; ties keep the order of ids. */
  const order = (name, isDescending) => {
    const key = `${name} ${isDescending}`;
    if (!orders.has(key)) {
      const keys = makeKeys(name);
      const sign = isDescending ? -1 : 1;
      const rows = Uint32Array.from({ length: count }, (_, row) => row);
      rows.sort((a, b) => {
        const [x, y] = [keys[a], keys[b]];
        if (x === y || (x !== x && y !== y)) return a - b;
        if (x !== x) return 1;
        return y !== y ? -1 : sign * (x - y);
      });
      orders.set(key, rows);
    }
    return orders.get(key);
  };

  const acceptedCodes = (name, wanted) =>
    Uint8Array.from(coded[name].values, (value) => Number(value.split(", ").includes(wanted)));

  const strengthTest = (wanted) => {
    const { strength } = numbers;
    if (wanted === "none") return (row) => Number.isNaN(strength[row]);
    if (wanted === "below") return (row) => strength[row] < 0.5;
    const least = Number(wanted);
    return (row) => strength[row] >= least;
  };

  const countTest = (wanted) => {
    const [least, most] = wanted.split("-");
    const [low, high] = [Number(least), most ? Number(most) : Infinity];
    const { f2p } = numbers;
    return (row) => f2p[row] >= low && f2p[row] <= high;
  };

  const makeTests = (filters) => {
    const tests = [];
    for (const name of Object.keys(coded)) {
      if (!filters[name]) continue;
      const accepted = acceptedCodes(name, filters[name]);
      const { codes } = coded[name];
      tests.push((row) => accepted[codes[row]] === 1);
    }
    if (filters.year) tests.push((row) => texts.created[row].startsWith(filters.year));
    if (filters.strength) tests.push(strengthTest(filters.strength));
    if (filters.f2p) tests.push(countTest(filters.f2p));
    for (const word of (filters.q || "").toLowerCase().split(/\s+/)) {
      if (word) tests.push((row) => haystacks[row].includes(word));
    }
    return tests;
  };

  /** The rows that fit all filters, sorted. */
  const select = (filters) => {
    const rows = order(filters.sort || "id", filters.dir === "desc");
    const tests = makeTests(filters);
    if (!tests.length) return rows;
    const found = new Uint32Array(count);
    let size = 0;
    next: for (const row of rows) {
      for (const test of tests) if (!test(row)) continue next;
      found[size] = row;
      size += 1;
    }
    return found.subarray(0, size);
  };

  return { add, finish, get, id, select, order, countValues, countYears, size: () => count };
})();

"use strict";
// The page of a candidate, from the chunk that holds it: instance.html?id=… or instance.html#…
const curateDetails = (() => {
  const chunks = new Map(); // pages by id, of the files that were loaded
  const waiting = new Map();

  const find = (name) => document.getElementById(name);

  const unpack = async (packed) => {
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  };

  /** Called by the script of a chunk. */
  const add = (file, packed) => waiting.get(file)?.(packed);

  const loadChunk = (file) =>
    new Promise((resolve, reject) => {
      waiting.set(file, resolve);
      const script = document.createElement("script");
      script.src = `data/details/${file}`;
      script.onerror = () => reject(new Error(`${script.src} is missing`));
      document.head.append(script);
    });

  const readChunk = async (file) => {
    if (!chunks.has(file)) chunks.set(file, await unpack(await loadChunk(file)));
    return chunks.get(file);
  };

  /** The file that would hold *id*: the last one that does not begin behind it. */
  const findFile = (id) => {
    const end = id.lastIndexOf("-");
    const [slug, number] = [id.slice(0, end), Number(id.slice(end + 1))];
    let [low, high] = [0, curateDetailsIndex.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const [first, firstNumber] = curateDetailsIndex[middle];
      if (first < slug || (first === slug && firstNumber <= number)) low = middle + 1;
      else high = middle;
    }
    return low ? curateDetailsIndex[low - 1][2] : null;
  };

  const readId = () => {
    const given = new URLSearchParams(location.search).get("id");
    if (given) return given;
    try {
      return decodeURIComponent(location.hash.slice(1));
    } catch {
      return location.hash.slice(1);
    }
  };

  const say = (text) => {
    const line = document.createElement("p");
    line.setAttribute("role", "status");
    line.className = "notice";
    line.textContent = text;
    find("instance").replaceChildren(line);
  };

  const showTitle = (title) => {
    const bdi = document.createElement("bdi");
    bdi.textContent = title;
    find("instance-title").replaceChildren(bdi);
    document.title = `${title} – curate report`;
  };

  const show = async () => {
    const id = readId();
    if (!id) {
      say("No instance is named. Choose one from the list.");
      return;
    }
    const file = findFile(id);
    const page = file && (await readChunk(file))[id];
    if (!page) {
      showTitle("Not in this report");
      say(`${id} is no candidate of this report. If it is a pull request that the crawl rejected: curate show ${id}`);
      return;
    }
    showTitle(page[0]);
    find("instance").innerHTML = page[1]; // cleaned when it was written: see markdown.py
    if (location.search && location.hash) find(location.hash.slice(1))?.scrollIntoView();
  };

  const start = () => show().catch((error) => say(`The page cannot be shown: ${error.message}`));
  window.addEventListener("hashchange", () => {
    if (!location.search) start();
  });
  document.addEventListener("DOMContentLoaded", () => {
    find("back-to-list").addEventListener("click", (event) => {
      if (!document.referrer.includes("instances.html") && !history.state?.fromList) return;
      event.preventDefault();
      history.back();
    });
    start();
  });
  return { add };
})();

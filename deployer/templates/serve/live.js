// The page of what runs now, asked for anew each second while somebody looks at it. The server makes the HTML, by the
// template that the page itself was made by; what those hear who do not see it changes only when its words do.
"use strict";
(() => {
  const EVERY_MS = 1000;
  const PATIENCE_MS = 20000;
  const live = document.getElementById("live");
  const said = document.getElementById("said");
  const place = `/running/part${location.search}`;
  let tag = null;

  function say(words) {
    if (said.textContent !== words) said.textContent = words;
  }

  // Where the focus is in what is replaced, it goes to the same thing in what replaces it.
  function replace(text) {
    const kept = live.contains(document.activeElement) ? document.activeElement : null;
    const key = kept && (kept.getAttribute("href") || kept.getAttribute("aria-label"));
    const scrolled = [...live.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
    live.innerHTML = text;
    [...live.querySelectorAll(".scroll")].forEach((each, i) => (each.scrollLeft = scrolled[i] || 0));
    if (!key) return;
    [...live.querySelectorAll("a, [tabindex]")]
      .find((each) => [each.getAttribute("href"), each.getAttribute("aria-label")].includes(key))
      ?.focus({ preventScroll: true });
  }

  async function look() {
    try {
      const answer = await fetch(place, { signal: AbortSignal.timeout(PATIENCE_MS) });
      const text = await answer.text();
      if (!answer.ok) {
        say("The server cannot tell what runs; reload the page to see why.");
      } else if (text !== tag) {
        tag = text;
        replace(text);
        say(document.getElementById("as-of").dataset.words);
      }
    } catch {
      tag = null;
      say("The server does not answer; what is shown may be old.");
    }
  }

  async function watch() {
    if (!document.hidden) await look();
    setTimeout(watch, EVERY_MS);
  }

  watch();
})();

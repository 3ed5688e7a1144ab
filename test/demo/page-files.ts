// What the platform's page loads: its style, and the script that notices new posts.

/** `/page.css`. */
export const STYLE = `:root { color-scheme: light dark; --line: light-dark(#d5dbe3, #3a424d); --soft: light-dark(#5b6675, #9aa5b4); }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; background: light-dark(#f4f6f8, #14181d); color: light-dark(#1b2430, #e4e8ee); }
header { padding: .8rem 1.5rem; background: #1f3a5f; color: #fff; font-weight: 600; }
header small { font-weight: 400; opacity: .75; margin-left: .8rem; }
main { max-width: 46rem; margin: 0 auto; padding: 1.5rem; }
section + section { margin-top: 3rem; }
h1 { font-size: 1.4rem; line-height: 1.3; margin: 0; }
.locator { margin: .2rem 0 1rem; color: var(--soft); font-size: .9rem; }
article { margin: 0 0 1rem; border: 1px solid var(--line); border-radius: 8px; background: light-dark(#fff, #1c2229); overflow: hidden; }
article > * { margin: 0; padding: .7rem 1rem; }
article > * + * { padding-top: 0; }
article > .who { border-bottom: 1px solid var(--line); padding: .45rem 1rem; font-size: .9rem; color: var(--soft); display: flex; gap: .5rem; flex-wrap: wrap; }
article > .who + * { padding-top: .7rem; }
.who b { color: light-dark(#1b2430, #e4e8ee); }
.who time { margin-left: auto; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
details { font-size: .9rem; color: var(--soft); }
details .text { border-left: 3px solid var(--line); padding-left: .8rem; margin-top: .3rem; }
summary { cursor: pointer; }
ul { list-style: none; font-size: .9rem; color: var(--soft); }
code { display: block; font-size: .75rem; overflow-wrap: anywhere; }
`;

/** `/page.js`. */
export const SCRIPT = `setInterval(async () => {
  const answer = await fetch('/count').catch(() => undefined);
  if (answer?.ok && (await answer.text()) !== document.body.dataset.posts) location.reload();
}, 1000);
`;

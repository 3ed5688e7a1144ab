/**
 * Which lines are code: fenced blocks and unified diffs. Nothing in them is ever judged.
 *
 * Contract: a fence counts only when it is closed (CommonMark §4.5); a hunk is as long as its own header says and
 * no longer than its lines look like one. The version under `-- ` that closes a git patch belongs to the patch.
 * Limits: one pass; the time is linear in the number of lines.
 */

const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)/;
const HUNK = /^@@ -\d{1,9}(?:,(\d{1,6}))? \+\d{1,9}(?:,(\d{1,6}))? @@/;
const DIFF_HEADER = /^(?:diff --git |index [0-9a-f]{7,}\.\.|--- [^-\s]|\+\+\+ \S)/;

const strip = (raw: string | undefined): string => (raw ?? '').replace(/\r?\n$/, '');

/** Marks fenced lines in `code`; an opening without its closing marks nothing. */
function markFences(raws: readonly string[], code: boolean[]): void {
  let open: { at: number; fence: string } | undefined;
  raws.forEach((raw, at) => {
    const first = raw.charCodeAt(0);
    if (first !== 0x60 && first !== 0x7e && first !== 0x20) return;
    const match = FENCE.exec(strip(raw).slice(0, 200));
    const fence = match?.[1];
    if (fence === undefined) return;
    const info = match?.[2] ?? '';
    if (open === undefined) {
      if (!fence.startsWith('`') || !info.includes('`')) open = { at, fence };
    } else if (fence.startsWith(open.fence) && info.trim() === '') {
      code.fill(true, open.at, at + 1);
      open = undefined;
    }
  });
}

/** Finds the end of the hunk whose header is line `at`. */
function hunkEnd(raws: readonly string[], at: number, header: RegExpExecArray): number {
  let removed = Number(header[1] ?? 1);
  let added = Number(header[2] ?? 1);
  let end = at + 1;
  while (end < raws.length && (removed > 0 || added > 0)) {
    const mark = strip(raws[end]).charAt(0);
    if (mark !== '' && mark !== ' ' && mark !== '-' && mark !== '+' && mark !== '\\') break;
    if (mark !== '+' && mark !== '\\') removed -= 1;
    if (mark !== '-' && mark !== '\\') added -= 1;
    end += 1;
  }
  return end;
}

function markDiffs(raws: readonly string[], code: boolean[]): void {
  let at = 0;
  while (at < raws.length) {
    const raw = raws[at] ?? '';
    const header = raw.startsWith('@@ ') ? HUNK.exec(raw) : null;
    if (header === null) {
      if (DIFF_HEADER.test(raw)) code[at] = true;
      at += 1;
      continue;
    }
    let end = hunkEnd(raws, at, header);
    if (/^-- ?$/.test(strip(raws[end])) && /^\d+\.\d+/.test(raws[end + 1] ?? '')) end += 2;
    code.fill(true, at, end);
    at = end;
  }
}

/** Tells for every line whether it belongs to a fenced block or to a diff. */
export function findCode(raws: readonly string[]): readonly boolean[] {
  const code = new Array<boolean>(raws.length).fill(false);
  markFences(raws, code);
  if (raws.some((raw) => raw.startsWith('@@ '))) markDiffs(raws, code);
  return code;
}

/**
 * format=flowed undone: paragraphs become single lines again, quotes keep one `>` per level.
 *
 * Contract: linear; text that is not really flowed comes out as it went in, but for blanks at line ends.
 * Standards: RFC 3676 §4 (DelSp, space-stuffing, quote depth, the signature separator that never flows).
 */

/** Joins flowed lines; `delSp` is whether DelSp=yes was declared. The text has LF line ends. */
export function unflow(text: string, delSp: boolean): string {
  const out: string[] = [];
  let open: { depth: number; pieces: string[] } | undefined;
  for (const line of text.split('\n')) {
    const { depth, content } = unstuff(line);
    const flows = content.endsWith(' ') && content !== '-- ';
    const piece = flows && delSp ? content.slice(0, -1) : content;
    // A paragraph ends at a fixed line, at another depth, and before a signature separator.
    if (open !== undefined && (open.depth !== depth || content === '-- ')) {
      out.push(quoted(open.depth, open.pieces.join('')));
      open = undefined;
    }
    if (open !== undefined) open.pieces.push(piece);
    if (flows) {
      open ??= { depth, pieces: [piece] };
    } else {
      out.push(quoted(depth, open === undefined ? piece : open.pieces.join('')));
      open = undefined;
    }
  }
  if (open !== undefined) out.push(quoted(open.depth, open.pieces.join('')));
  return out.join('\n');
}

function unstuff(line: string): { depth: number; content: string } {
  let depth = 0;
  while (line[depth] === '>') depth++;
  const content = line.slice(depth);
  return { depth, content: content.startsWith(' ') ? content.slice(1) : content };
}

function quoted(depth: number, content: string): string {
  const text = content === '-- ' ? content : content.trimEnd();
  return depth === 0 ? text : `${'>'.repeat(depth)}${text === '' ? '' : ` ${text}`}`;
}

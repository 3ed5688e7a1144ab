// A page that is typed, word for word, as an admin follows it: its blocks of commands, and what is shown below them.
//
// Contract: each block is a step. A `sh` block is typed into one bash; one marked `second` into another, where it goes on
// running; one marked `repeat` is typed again until it prints what it should, for what takes a moment. A command that fails,
// fails its step. What a `text` block shows is looked for in what was printed, line by line; `…` stands for anything.

import assert from 'node:assert/strict';
import { eventually } from '../support/eventually.ts';
import { Terminal } from './terminal.ts';

/** A block of a page: its kind, what stands after it, and its lines. */
interface Block {
  readonly kind: string;
  readonly mark: string;
  readonly lines: string;
}

/** Gives the steps of a page, or of a part of it, by their names. */
export function typedSteps(page: string): Record<string, () => Promise<void>> {
  const terminals = { first: new Terminal(), second: new Terminal() };
  const blocks = blocksOf(page);
  return Object.fromEntries(
    blocks.map((block, index) => {
      const [line = ''] = block.lines.split('\n');
      const name = `${index + 1}. ${block.kind === 'sh' ? '' : 'shows '}${line}`;
      return [name, () => follow(terminals, block, blocks[index + 1])];
    }),
  );
}

function blocksOf(page: string): Block[] {
  return [...page.matchAll(/^```(sh|text) ?(\w*)\n(.*?)^```$/gms)].map(
    ([, kind = '', mark = '', lines = '']) => {
      return { kind, mark, lines };
    },
  );
}

/** Whether every line is in the output, in this order. */
function isShown(lines: string, output: string): boolean {
  const patterns = lines
    .trimEnd()
    .split('\n')
    .map((line) => line.split('…').map(escaped).join('.*'));
  return new RegExp(`^${patterns.join('$.*?^')}$`, 'ms').test(output);
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Looks until the lines are shown. */
async function shows(lines: string, look: () => Promise<string>): Promise<void> {
  let printed = '';
  await eventually(
    async () => {
      printed = await look();
      return isShown(lines, printed) ? true : undefined;
    },
    () => `expected\n${lines}\nprinted\n${printed}`,
    60_000,
  );
}

/** Does what a block says; `next` is the block below it. */
async function follow(
  { first, second }: { readonly first: Terminal; readonly second: Terminal },
  { kind, mark, lines }: Block,
  next: Block | undefined,
): Promise<void> {
  const expected = next?.kind === 'text' && next.mark === '' ? next.lines : undefined;
  if (kind === 'text') {
    if (mark === 'second') await shows(lines, () => Promise.resolve(second.output));
  } else if (mark === 'second') {
    second.type(lines);
  } else if (mark === 'repeat') {
    assert.ok(expected !== undefined);
    await shows(expected, () => first.run(lines));
  } else {
    const printed = await first.run(lines);
    process.stdout.write(`$ ${lines}${printed}`);
    if (expected !== undefined)
      assert.ok(isShown(expected, printed), `expected\n${expected}\nprinted\n${printed}`);
  }
}

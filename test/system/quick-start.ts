// What is done inside the machine that quick-start.slow.test.ts boots: docs/quick-start.md, word for word.
//
// Contract: each block of commands is a step. A `sh` block is typed into one bash, as an admin would; one marked `second`
// into another, where it goes on running; one marked `repeat` is typed again until it prints what it should, for what
// takes a moment. A command that fails, fails its step. What a `text` block shows is looked for in what was printed, line by
// line; `…` stands for anything. Before the first step Postfix is as Debian's installer leaves it, and runs.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { checkout, takeSteps } from './steps.ts';
import { installPostfix, Terminal } from './terminal.ts';

/** A block of the page: its kind, what stands after it, and its lines. */
interface Block {
  readonly kind: string;
  readonly mark: string;
  readonly lines: string;
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

const [first, second] = [new Terminal(), new Terminal()];

/** Looks until the lines are shown. */
async function shows(lines: string, look: () => Promise<string>): Promise<void> {
  let printed = '';
  await eventually(
    async () => {
      printed = await look();
      return isShown(lines, printed) ? true : undefined;
    },
    () => `expected\n${lines}\nprinted\n${printed}`,
  );
}

/** Does what a block says; `next` is the block below it. */
async function follow({ kind, mark, lines }: Block, next: Block | undefined): Promise<void> {
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

const blocks = blocksOf(readFileSync(join(checkout, 'docs/quick-start.md'), 'utf8'));
const steps = blocks.map((block, index): [string, () => Promise<void>] => {
  const [line = ''] = block.lines.split('\n');
  return [
    `${index + 1}. ${block.kind === 'sh' ? '' : 'shows '}${line}`,
    () => follow(block, blocks[index + 1]),
  ];
});
await takeSteps({ 'has a Postfix': installPostfix, ...Object.fromEntries(steps) });

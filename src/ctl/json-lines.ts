/**
 * Many orders on standard input: JSON lines, taken in batches and answered line by line.
 *
 * Contract: each line is an object for itself. What is wrong with one is said with its number, the others are carried out,
 * and the command ends with 65. Empty lines count and are passed over.
 */
import { createInterface } from 'node:readline';
import { EXIT, Fault } from '../actions/fault.ts';
import { errorLine } from '../system/error-text.ts';
import type { Context } from './command.ts';
import { printWarning } from './terminal/print.ts';

/** Most lines of one batch: a thousand addresses would keep the main loop of the daemon busy for 170 ms. */
const BATCH_LINES = 250;

/** Characters that end a batch before it has so many lines. */
const BATCH_CHARS = 8 * 1024 * 1024;

/** The longest line. */
const MAX_LINE_CHARS = 32 * 1024 * 1024;

/** An object of a line, and the number of the line. */
export interface JsonLine {
  readonly number: number;
  readonly value: Readonly<Record<string, unknown>>;
}

/** The end of a line: what is printed of it is up to `carryOut`; a text says what was wrong with it. */
export type LineEnd = string | undefined;

/** Carries out the orders on standard input, batch by batch; ends with a Fault where a line was bad. */
export async function forEachBatch(
  context: Context,
  carryOut: (lines: readonly JsonLine[]) => Promise<readonly LineEnd[]>,
): Promise<void> {
  let bad = 0;
  const tell = (number: number, problem: string): void => {
    bad += 1;
    printWarning(context.output, `line ${number}: ${problem}`);
  };
  const run = async (batch: readonly JsonLine[]): Promise<void> => {
    if (batch.length === 0) return;
    const ends = await carryOut(batch);
    ends.forEach((end, index) => {
      if (end !== undefined) tell(batch[index]?.number ?? 0, end);
    });
  };
  let batch: JsonLine[] = [];
  let chars = 0;
  let number = 0;
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1;
    if (line.trim() === '') continue;
    const read = readLine(line);
    if (typeof read === 'string') tell(number, read);
    else batch.push({ number, value: read });
    chars += line.length;
    if (batch.length < BATCH_LINES && chars < BATCH_CHARS) continue;
    await run(batch);
    [batch, chars] = [[], 0];
  }
  await run(batch);
  if (number === 0)
    throw new Fault(EXIT.badInput, 'standard input: is empty; expected one JSON object a line');
  if (bad > 0)
    throw new Fault(EXIT.badInput, `standard input: ${bad} of ${number} lines were not carried out`);
}

/** Reads one line; a text says what is wrong with it. */
function readLine(line: string): Readonly<Record<string, unknown>> | string {
  if (line.length > MAX_LINE_CHARS)
    return `has ${line.length} characters; expected at most ${MAX_LINE_CHARS}`;
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Readonly<Record<string, unknown>>;
    return 'is no JSON object';
  } catch (error) {
    return `is no JSON: ${errorLine(error)}`;
  }
}

/**
 * `npm run corpus`: prints the scores, and on a terminal how far it has come. Exit 1 below a floor, 0 above, 0 with a note when there are no corpora.
 */
import { processOutput, progressOn } from '../../src/ctl/terminal/print.ts';
import { scoreKnown } from './known.ts';
import { NO_CORPORA, scoreCorpora } from './score.ts';

const report = await scoreCorpora(progressOn(processOutput(false), 'messages scored'));
console.log(report?.lines.join('\n') ?? NO_CORPORA);
const known = report === undefined ? undefined : scoreKnown();
if (known !== undefined) console.log(['', ...known.lines].join('\n'));
const problems = [...(report?.problems ?? []), ...(known?.problems ?? [])];
for (const problem of problems) console.error(`corpus: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
